//! A server that says exactly what a test wants it to say, true or not, and remembers what it was asked.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use verimage_core::{Blob, Digest, ImageRef, Place, Repository, SignatureStore, StoreError, StoreErrorKind, Tag, Want, What};
use verimage_registry::{RegistryConfig, RegistryStore};

pub(crate) const MANIFEST: &[u8] = br#"{"schemaVersion":2}"#;
pub(crate) const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const EMPTY_INDEX: &[u8] = br#"{"schemaVersion":2,"manifests":[]}"#;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn authorization(&self) -> Option<&str> {
        self.header("authorization")
    }
}

/// What is said back.
pub(crate) struct Says {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

enum Body {
    Whole(Vec<u8>),
    /// Announces more than it sends, then closes.
    Cut {
        announced: u64,
        sent: Vec<u8>,
    },
    /// Chunk after chunk until the other side has had enough.
    Endless,
    /// No answer at all, and the connection stays open.
    Silence,
    /// No answer at all, and the connection is closed.
    Closed,
}

impl Says {
    fn new(status: u16, body: Body) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, Body::Whole(body.into()))
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::new(status, Body::Whole(Vec::new()))
    }

    pub(crate) fn error(status: u16, code: &str) -> Self {
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"as the test says"}}]}}"#);
        Self::new(status, Body::Whole(body.into_bytes())).with("content-type", "application/json")
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self::new(status, Body::Whole(body.as_bytes().to_vec())).with("content-type", "text/plain")
    }

    pub(crate) fn index(body: impl Into<Vec<u8>>) -> Self {
        Self::ok(body).with("content-type", INDEX_TYPE)
    }

    pub(crate) fn redirect(to: impl AsRef<str>) -> Self {
        Self::status(307).with("location", to)
    }

    pub(crate) fn cut(announced: u64, sent: &[u8]) -> Self {
        Self::new(200, Body::Cut { announced, sent: sent.to_vec() })
    }

    pub(crate) fn endless() -> Self {
        Self::new(200, Body::Endless)
    }

    pub(crate) fn silence() -> Self {
        Self::new(200, Body::Silence)
    }

    pub(crate) fn closed() -> Self {
        Self::new(200, Body::Closed)
    }

    pub(crate) fn bearer(realm: impl AsRef<str>) -> Self {
        let challenge = format!(r#"Bearer realm="{}",service="registry.test",scope="repository:evil:pull,push""#, realm.as_ref());
        Self::error(401, "UNAUTHORIZED").with("www-authenticate", challenge)
    }

    pub(crate) fn basic() -> Self {
        Self::error(401, "UNAUTHORIZED").with("www-authenticate", r#"Basic realm="test""#)
    }

    pub(crate) fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }
}

type Handler = dyn Fn(&Seen) -> Says + Send + Sync;

/// A running server. It ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn start(handler: impl Fn(&Seen) -> Says + Send + Sync + 'static) -> Self {
        Self::listen(handler, None).await
    }

    pub(crate) async fn start_tls(acceptor: TlsAcceptor, handler: impl Fn(&Seen) -> Says + Send + Sync + 'static) -> Self {
        Self::listen(handler, Some(acceptor)).await
    }

    async fn listen(handler: impl Fn(&Seen) -> Says + Send + Sync + 'static, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (handler, log): (Arc<Handler>, _) = (Arc::new(handler), Arc::clone(&seen));
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                stream.set_nodelay(true).unwrap();
                let (handler, log, acceptor) = (Arc::clone(&handler), Arc::clone(&log), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(stream, &*handler, &log).await,
                        Some(acceptor) => serve(acceptor.accept(stream).await?, &*handler, &log).await,
                    }
                });
            }
        });
        Self { port, seen, connections }
    }

    /// `127.0.0.1:PORT`, as an image name says it.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The same server under another name.
    pub(crate) fn as_host(&self, name: &str) -> String {
        format!("{name}:{}", self.port)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host())
    }

    pub(crate) fn image(&self, rest: &str) -> ImageRef {
        ImageRef::parse(&format!("{}/{rest}", self.host())).unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn targets(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.target).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn count(&self, start: &str) -> usize {
        self.targets().iter().filter(|target| target.starts_with(start)).count()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, handler: &Handler, log: &Mutex<Vec<Seen>>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(seen) = read_request(&mut stream).await? {
        log.lock().unwrap().push(seen.clone());
        let says = handler(&seen);
        if !answer(stream.get_mut(), says).await? {
            break;
        }
    }
    stream.shutdown().await
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<Option<Seen>> {
    let mut first = String::new();
    if stream.read_line(&mut first).await? == 0 {
        return Ok(None);
    }
    let mut words = first.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut seen = Seen { method, target, headers, body: String::new() };
    let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    seen.body = String::from_utf8(body).unwrap();
    Ok(Some(seen))
}

/// Whether the connection may go on.
async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, says: Says) -> io::Result<bool> {
    let length = match &says.body {
        Body::Whole(bytes) => format!("content-length: {}\r\n", bytes.len()),
        Body::Cut { announced, .. } => format!("content-length: {announced}\r\n"),
        Body::Endless => "transfer-encoding: chunked\r\n".to_owned(),
        Body::Silence => std::future::pending().await,
        Body::Closed => return Ok(false),
    };
    let headers: String = says.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    stream.write_all(format!("HTTP/1.1 {} Test\r\n{length}{headers}\r\n", says.status).as_bytes()).await?;
    match says.body {
        Body::Whole(bytes) => stream.write_all(&bytes).await?,
        Body::Cut { sent, .. } => {
            stream.write_all(&sent).await?;
            return Ok(false);
        }
        _ => loop {
            stream.write_all(format!("4000\r\n{}\r\n", "x".repeat(0x4000)).as_bytes()).await?;
        },
    }
    stream.flush().await?;
    Ok(true)
}

pub(crate) fn store(config: RegistryConfig) -> RegistryStore {
    RegistryStore::new(config).unwrap()
}

pub(crate) fn want(what: What) -> Want {
    Want { place: Place::Image, what, max_bytes: 1 << 16 }
}

pub(crate) fn want_at(repository: &str, what: What) -> Want {
    Want { place: Place::Repository(Repository::parse(repository).unwrap()), ..want(what) }
}

pub(crate) fn by_tag(tag: &str) -> Want {
    want(What::ManifestByTag(Tag::parse(tag).unwrap()))
}

pub(crate) fn by_digest() -> Want {
    want(What::Manifest(Digest::sha256(MANIFEST)))
}

pub(crate) fn blob(content: &[u8]) -> Want {
    want(What::Blob(Digest::sha256(content)))
}

pub(crate) fn referrers() -> Want {
    want(What::Referrers { subject: Digest::sha256(MANIFEST), artifact_type: None })
}

pub(crate) async fn bytes(store: &RegistryStore, image: &ImageRef, want: &Want) -> Vec<u8> {
    let found = store.fetch(image, want).await.unwrap();
    assert_eq!(found.len(), 1);
    found[0].bytes().to_vec()
}

pub(crate) async fn refused(store: &RegistryStore, image: &ImageRef, want: &Want, kind: StoreErrorKind) -> String {
    let error: StoreError = store.fetch(image, want).await.map(|found: Vec<Blob>| found.len()).unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    error.detail
}
