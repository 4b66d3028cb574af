//! A server that says exactly what a test wants it to say, and remembers what it was asked.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) target: String,
    headers: Vec<(String, String)>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What is said back.
pub(crate) enum Says {
    Body(String),
    Status(u16),
    Redirect(String),
    /// A head that announces this many bytes, and none of them.
    Announcement(usize),
    /// Chunk after chunk until the other side has had enough.
    Endless,
    /// No answer at all, and the connection stays open.
    Silence,
}

type Handler = dyn Fn(&Seen) -> Says + Send + Sync;

/// A running server. It ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(crate) async fn start(handler: impl Fn(&Seen) -> Says + Send + Sync + 'static) -> Self {
        Self::listen(Arc::new(handler), None).await
    }

    pub(crate) async fn start_tls(acceptor: TlsAcceptor, handler: impl Fn(&Seen) -> Says + Send + Sync + 'static) -> Self {
        Self::listen(Arc::new(handler), Some(acceptor)).await
    }

    /// Answers everything with a redirect to `to`.
    pub(crate) async fn redirecting(to: String) -> Self {
        Self::start(move |_| Says::Redirect(to.clone())).await
    }

    async fn listen(handler: Arc<Handler>, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (handler, log, acceptor) = (Arc::clone(&handler), Arc::clone(&log), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(stream, &*handler, &log).await,
                        Some(acceptor) => serve(acceptor.accept(stream).await?, &*handler, &log).await,
                    }
                });
            }
        });
        Self { port, seen }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn targets(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.target).collect()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, handler: &Handler, log: &Mutex<Vec<Seen>>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(seen) = read_request(&mut stream).await? {
        log.lock().unwrap().push(seen.clone());
        answer(stream.get_mut(), handler(&seen)).await?;
    }
    stream.shutdown().await
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<Option<Seen>> {
    let mut first = String::new();
    if stream.read_line(&mut first).await? == 0 {
        return Ok(None);
    }
    assert!(first.starts_with("GET "), "{first}");
    let target = first.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(Some(Seen { target, headers }))
}

async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, says: Says) -> io::Result<()> {
    let head = match &says {
        Says::Body(body) => format!("200 Test\r\ncontent-length: {}", body.len()),
        Says::Status(204) => "204 Test".to_owned(),
        Says::Status(status) => format!("{status} Test\r\ncontent-length: 0"),
        Says::Redirect(to) => format!("302 Test\r\nlocation: {to}\r\ncontent-length: 0"),
        Says::Announcement(length) => format!("200 Test\r\ncontent-length: {length}"),
        Says::Endless => "200 Test\r\ntransfer-encoding: chunked".to_owned(),
        Says::Silence => std::future::pending().await,
    };
    stream.write_all(format!("HTTP/1.1 {head}\r\n\r\n").as_bytes()).await?;
    match says {
        Says::Body(body) => stream.write_all(body.as_bytes()).await?,
        Says::Endless => loop {
            stream.write_all(format!("4000\r\n{}\r\n", "x".repeat(0x4000)).as_bytes()).await?;
        },
        _ => {}
    }
    stream.flush().await
}
