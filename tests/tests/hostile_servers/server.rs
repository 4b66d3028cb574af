//! A server on a loopback port that holds files, has one fault, and counts what it is asked and what it gets rid of.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What is wrong with the answers at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    None,
    /// Always this status.
    Status(u16),
    /// "Come back at once", always.
    Storm,
    Silence,
    /// A byte now and then.
    Drip,
    Endless,
    /// Announces more than anybody takes.
    Announced,
    Truncated,
    Closed,
    /// Speaks something else.
    OtherProtocol,
    /// Leads to itself.
    Loop,
    /// Leads to the metadata service of clouds.
    Away,
    /// Sends whoever asks for a token there.
    RealmAway,
    /// A kilobyte that would become a megabyte.
    Compressed,
    /// As many bytes, one of them another.
    Lying,
    /// Another file each second time.
    Alternating,
    Empty,
    /// Brackets and nothing else.
    Nested,
}

pub(crate) const FAULTS: [Fault; 21] = [
    Fault::Status(401),
    Fault::Status(403),
    Fault::Status(404),
    Fault::Status(429),
    Fault::Status(500),
    Fault::Storm,
    Fault::Silence,
    Fault::Drip,
    Fault::Endless,
    Fault::Announced,
    Fault::Truncated,
    Fault::Closed,
    Fault::OtherProtocol,
    Fault::Loop,
    Fault::Away,
    Fault::RealmAway,
    Fault::Compressed,
    Fault::Lying,
    Fault::Alternating,
    Fault::Empty,
    Fault::Nested,
];

const TYPE: &str = "Content-Type: application/vnd.oci.image.index.v1+json\r\n";

/// What a server holds, by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Desk {
    files: Arc<Files>,
    fault: Fault,
    place: &'static str,
    asked: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicU64>,
}

impl Server {
    /// Serves files; where a path holds `place`, with this fault.
    pub(crate) fn start(files: Files, fault: Fault, place: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let desk = Desk { files: Arc::new(files), fault, place, asked: Arc::default(), sent: Arc::default() };
        let server = Self { address, asked: Arc::clone(&desk.asked), sent: Arc::clone(&desk.sent) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let desk = desk.clone();
                thread::spawn(move || desk.serve(stream));
            }
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of all requests.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// How many bytes of bodies the other side, or the machine between, took.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

impl Desk {
    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut writer = stream;
        loop {
            let (mut head, mut length) = (String::new(), 0);
            while reader.read_line(&mut head).ok()? > 2 {
                let last = head.lines().last().unwrap_or_default().to_ascii_lowercase();
                length = last.strip_prefix("content-length: ").map_or(length, |text| text.parse().unwrap_or(0));
            }
            let path = head.split(' ').nth(1)?.to_owned();
            reader.read_exact(&mut vec![0; length]).ok()?;
            let count = {
                let mut asked = self.asked.lock().unwrap();
                asked.push(head);
                asked.len()
            };
            // Revocation is asked for with what differs from time to time in the path.
            let file = self.files.get(&path).or_else(|| self.files.get("*"));
            match file {
                Some(bytes) if self.fault != Fault::None && path.contains(self.place) => self.fail(&mut writer, &path, bytes, count)?,
                Some(bytes) => self.whole(&mut writer, "200 OK", "", bytes)?,
                None => self.whole(&mut writer, "404 Not Found", "", b"404 page not found")?,
            }
        }
    }

    /// Nobody but the API of referrers cares for the type.
    fn whole(&self, writer: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> Option<()> {
        write!(writer, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{TYPE}{headers}\r\n", body.len()).ok()?;
        self.send(writer, body)
    }

    fn send(&self, writer: &mut TcpStream, body: &[u8]) -> Option<()> {
        writer.write_all(body).ok()?;
        self.sent.fetch_add(body.len() as u64, Ordering::SeqCst);
        Some(())
    }

    /// `None` closes the connection.
    fn fail(&self, writer: &mut TcpStream, path: &str, bytes: &[u8], count: usize) -> Option<()> {
        match self.fault {
            Fault::None => self.whole(writer, "200 OK", "", bytes),
            Fault::Status(status) => self.whole(writer, &format!("{status} Test"), "", b""),
            Fault::Storm => self.whole(writer, "429 Later", "Retry-After: 0\r\n", b""),
            Fault::Loop => self.whole(writer, "307 Elsewhere", &format!("Location: {path}\r\n"), b""),
            Fault::Away => self.whole(writer, "307 Elsewhere", "Location: http://169.254.169.254/latest\r\n", b""),
            Fault::RealmAway => self.whole(writer, "401 Who", "WWW-Authenticate: Bearer realm=\"http://169.254.169.254/token\"\r\n", b""),
            Fault::Compressed => self.whole(writer, "200 OK", "Content-Encoding: gzip\r\n", &bomb()),
            Fault::Empty => self.whole(writer, "200 OK", "", b""),
            Fault::Nested => self.whole(writer, "200 OK", "", &b"[".repeat(bytes.len().max(2000))),
            Fault::Lying => self.whole(writer, "200 OK", "", &another(bytes)),
            Fault::Alternating if count.is_multiple_of(2) => self.whole(writer, "200 OK", "", bytes),
            Fault::Alternating => self.whole(writer, "200 OK", "", &another(bytes)),
            Fault::Closed => None,
            Fault::OtherProtocol => self.send(writer, b"SSH-2.0-OpenSSH_9.9\r\n").and(None),
            Fault::Truncated => {
                write!(writer, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{TYPE}\r\n", bytes.len() + 1).ok()?;
                self.send(writer, bytes).and(None)
            }
            Fault::Announced => {
                write!(writer, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{TYPE}\r\n", 1_u64 << 40).ok()?;
                wait(writer)
            }
            Fault::Silence => wait(writer),
            Fault::Drip => self.drip(writer, bytes.len()),
            Fault::Endless => self.chunks(writer),
        }
    }

    fn drip(&self, writer: &mut TcpStream, length: usize) -> Option<()> {
        write!(writer, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{TYPE}\r\n").ok()?;
        loop {
            self.send(writer, b" ")?;
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn chunks(&self, writer: &mut TcpStream) -> Option<()> {
        write!(writer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{TYPE}\r\n").ok()?;
        let chunk = [b' '; 4096];
        loop {
            write!(writer, "1000\r\n").ok()?;
            self.send(writer, &chunk)?;
            write!(writer, "\r\n").ok()?;
        }
    }
}

/// Until the other side has had enough.
fn wait(writer: &mut TcpStream) -> Option<()> {
    let _ = writer.read(&mut [0; 1]);
    None
}

/// The same with its middle byte changed.
fn another(bytes: &[u8]) -> Vec<u8> {
    let mut other = bytes.to_vec();
    let middle = other.len() / 2;
    if let Some(byte) = other.get_mut(middle) {
        *byte ^= 1;
    }
    other
}

fn bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
    encoder.finish().unwrap()
}
