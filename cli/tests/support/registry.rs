//! A registry of one repository, served from a layout folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// What the registry is like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Open,
    /// Nobody may see anything.
    Closed,
    /// Takes questions and never answers.
    Silent,
}

/// Every path that a registry was asked for.
#[derive(Clone, Default)]
pub(crate) struct Asked(Arc<Mutex<Vec<String>>>);

impl Asked {
    pub(crate) fn count(&self) -> usize {
        self.paths().len()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Serves `/v2/demo/app/` until the test ends. Returns the host with its port.
pub(crate) fn serve(layout: &Path, mood: Mood) -> String {
    serve_noting(layout, mood, Asked::default())
}

/// Serves `/v2/demo/app/` and keeps what is asked.
pub(crate) fn serve_counting(layout: &Path) -> (String, Asked) {
    let asked = Asked::default();
    (serve_noting(layout, Mood::Open, asked.clone()), asked)
}

fn serve_noting(layout: &Path, mood: Mood, asked: Asked) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let tags = index["manifests"].as_array().unwrap().iter().filter_map(|entry| {
        let name = entry["annotations"]["org.opencontainers.image.ref.name"].as_str()?;
        Some((name.to_owned(), entry["digest"].as_str()?.to_owned()))
    });
    let (tags, blobs) = (tags.collect::<BTreeMap<_, _>>(), layout.join("blobs"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (tags, blobs, asked) = (tags.clone(), blobs.clone(), asked.clone());
            thread::spawn(move || answer(stream, &tags, &blobs, mood, &asked));
        }
    });
    host
}

fn answer(stream: TcpStream, tags: &BTreeMap<String, String>, blobs: &Path, mood: Mood, asked: &Asked) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut request = String::new();
        reader.read_line(&mut request).ok().filter(|read| *read > 0)?;
        let mut header = String::new();
        while reader.read_line(&mut header).ok()? > 2 {
            header.clear();
        }
        let path = request.split(' ').nth(1)?;
        asked.0.lock().unwrap().push(path.to_owned());
        if mood == Mood::Silent {
            thread::sleep(Duration::from_secs(600));
        }
        let (status, body) = respond(path, tags, blobs, mood);
        let kind = "Content-Type: application/vnd.oci.image.manifest.v1+json";
        write!(writer, "HTTP/1.1 {status}\r\n{kind}\r\nContent-Length: {}\r\n\r\n", body.len()).ok()?;
        writer.write_all(&body).ok()?;
    }
}

fn respond(path: &str, tags: &BTreeMap<String, String>, blobs: &Path, mood: Mood) -> (&'static str, Vec<u8>) {
    if mood == Mood::Closed {
        return ("403 Forbidden", Vec::new());
    }
    let name = path.strip_prefix("/v2/demo/app/").and_then(|rest| rest.split_once('/'));
    let digest = match name {
        Some(("manifests", name)) => tags.get(name).cloned().unwrap_or_else(|| name.to_owned()),
        Some(("blobs", digest)) => digest.to_owned(),
        _ => return ("404 Not Found", Vec::new()),
    };
    match fs::read(blobs.join(digest.replacen(':', "/", 1))) {
        Ok(content) => ("200 OK", content),
        Err(_) => ("404 Not Found", Vec::new()),
    }
}
