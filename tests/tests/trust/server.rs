//! A mirror on a loopback port that serves a folder, or says what a test wants it to say.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

/// What is said instead of a file.
#[derive(Clone)]
pub(crate) enum Says {
    Status(u16),
    /// Announces a length, and sends nothing.
    Announced(u64),
    /// Chunk after chunk until the other side has had enough.
    Endless,
    /// Leads somewhere else. The number of the request stands for `{}`.
    Redirect(String),
    /// No answer at all.
    Silence,
}

/// A mirror; it ends with the test.
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves a folder.
    pub(crate) fn of(folder: &Path) -> Self {
        Self::with(folder, Vec::new())
    }

    /// Serves a folder, but for the paths that begin like this.
    pub(crate) fn with(folder: &Path, exceptions: Vec<(&'static str, Says)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (folder, seen_there) = (folder.to_owned(), Arc::clone(&seen));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, exceptions, seen) = (folder.clone(), exceptions.clone(), Arc::clone(&seen_there));
                thread::spawn(move || answer(stream, &folder, &exceptions, &seen));
            }
        });
        Self { url, seen }
    }

    /// Nobody listens there.
    pub(crate) fn closed() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { url: format!("http://{}", listener.local_addr().unwrap()), seen: Arc::default() }
    }

    /// The paths that were asked for.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(stream: TcpStream, folder: &Path, exceptions: &[(&str, Says)], seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut request = String::new();
        reader.read_line(&mut request).ok().filter(|read| *read > 0)?;
        let mut header = String::new();
        while reader.read_line(&mut header).ok()? > 2 {
            header.clear();
        }
        let path = request.split(' ').nth(1)?.to_owned();
        let count = {
            let mut seen = seen.lock().unwrap();
            seen.push(path.clone());
            seen.len()
        };
        match exceptions.iter().find(|(start, _)| path.starts_with(start)) {
            Some((_, says)) => say(&mut writer, says, count)?,
            None => match fs::read(folder.join(path.trim_start_matches('/'))) {
                Ok(body) => whole(&mut writer, 200, &body)?,
                Err(_) => whole(&mut writer, 404, b"")?,
            },
        }
    }
}

fn whole(writer: &mut TcpStream, status: u16, body: &[u8]) -> Option<()> {
    write!(writer, "HTTP/1.1 {status} -\r\nContent-Length: {}\r\n\r\n", body.len()).ok()?;
    writer.write_all(body).ok()
}

fn say(writer: &mut TcpStream, says: &Says, count: usize) -> Option<()> {
    match says {
        Says::Status(status) => whole(writer, *status, b""),
        Says::Announced(length) => write!(writer, "HTTP/1.1 200 -\r\nContent-Length: {length}\r\n\r\n").ok(),
        Says::Endless => {
            write!(writer, "HTTP/1.1 200 -\r\nTransfer-Encoding: chunked\r\n\r\n").ok()?;
            let chunk = [b' '; 4096];
            loop {
                write!(writer, "1000\r\n").ok()?;
                writer.write_all(&chunk).ok()?;
                write!(writer, "\r\n").ok()?;
            }
        }
        Says::Redirect(to) => {
            let to = to.replace("{}", &count.to_string());
            write!(writer, "HTTP/1.1 302 -\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").ok()
        }
        Says::Silence => {
            thread::park();
            None
        }
    }
}
