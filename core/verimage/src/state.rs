//! What is kept between verifications, against rollbacks: in a folder, or in memory.

use std::collections::HashMap;
use std::env;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use verimage_core::{Learned, StateStore, StoreError, StoreErrorKind, async_trait};

/// The largest file, in bytes: a root of 1 MiB in base64, and what stands around it.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// How long to wait for somebody else who writes the same file, and how often to look.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// A folder with a file for each collection of each server. Files are locked while they change and replaced in one step, so
/// that several programs of one user may share the folder. Its files are readable for that user alone.
///
/// Whoever can write to the folder can make a verifier believe older metadata again; whoever removes a file forgets which
/// versions of that collection were seen.
#[derive(Clone, Debug)]
pub struct StateFolder(PathBuf);

/// What a file holds. The names say whose it is, for people and against mistakes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kept {
    version: u64,
    server: String,
    collection: String,
    state: String,
}

impl StateFolder {
    /// This folder; it is made when something is to be kept.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// `verimage` in the user's state directory (`$XDG_STATE_HOME`, or `.local/state` in `$HOME`); nothing if there is no home.
    pub fn of_user() -> Option<Self> {
        let directory = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = directory("XDG_STATE_HOME").or_else(|| directory("HOME").map(|home| home.join(".local/state")));
        state.map(|state| Self(state.join("verimage")))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file of a collection. Its name is a hash: a collection's own name may hold anything.
    pub fn file(&self, server: &str, collection: &str) -> PathBuf {
        self.0.join(format!("{}.json", hex::encode(Sha256::digest(format!("{server}\n{collection}")))))
    }

    fn read(&self, server: &str, collection: &str) -> Result<Option<String>, StoreError> {
        let path = self.file(server, collection);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&path, error)),
        };
        let mut text = String::new();
        file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(|error| unreadable(&path, error))?;
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(unreadable(&path, "it is too large"));
        }
        let kept: Kept = serde_json::from_str(&text).map_err(|error| unreadable(&path, error))?;
        if (kept.version, kept.server.as_str(), kept.collection.as_str()) != (1, server, collection) {
            return Err(unreadable(&path, "it is of another collection or version"));
        }
        Ok(Some(kept.state))
    }

    /// Says whether it was written; not while somebody else holds the lock.
    fn write(&self, learned: &Learned) -> Result<bool, StoreError> {
        let path = self.file(&learned.server, &learned.collection);
        let failed = |error: std::io::Error| StoreError::unavailable(format!("{} cannot be written: {error}", path.display()));
        fs::create_dir_all(&self.0).map_err(failed)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.with_extension("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let older = self.read(&learned.server, &learned.collection)?;
        let newer = text(learned.state.clone()).map_err(|why| unreadable(&path, why))?;
        let state = match &older {
            None => newer,
            Some(older) => merged(learned, older.as_bytes()).map_err(|why| unreadable(&path, why))?,
        };
        if older.as_ref() == Some(&state) {
            return Ok(true);
        }
        let kept = Kept { version: 1, server: learned.server.clone(), collection: learned.collection.clone(), state };
        let mut file = tempfile::NamedTempFile::new_in(&self.0).map_err(failed)?;
        serde_json::to_writer(&mut file, &kept).map_err(|error| failed(error.into()))?;
        file.flush().and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(true)
    }
}

fn text(state: Vec<u8>) -> Result<String, &'static str> {
    String::from_utf8(state).map_err(|_| "the state is no text")
}

fn merged(learned: &Learned, older: &[u8]) -> Result<String, &'static str> {
    (learned.merge)(older, &learned.state).ok_or("it does not fit what was learned").and_then(text)
}

fn unreadable(path: &Path, why: impl std::fmt::Display) -> StoreError {
    StoreError::new(StoreErrorKind::StateUnreadable, format!("{}: {why}", path.display()))
}

#[async_trait]
impl StateStore for StateFolder {
    async fn load(&self, server: &str, collection: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (folder, server, collection) = (self.clone(), server.to_owned(), collection.to_owned());
        let read = tokio::task::spawn_blocking(move || folder.read(&server, &collection)).await;
        Ok(read.map_err(|error| unreadable(&self.0, error))??.map(String::into_bytes))
    }

    async fn keep(&self, learned: &Learned) -> Result<(), StoreError> {
        let begun = Instant::now();
        loop {
            let (folder, learned) = (self.clone(), learned.clone());
            let written = tokio::task::spawn_blocking(move || folder.write(&learned)).await;
            if written.map_err(|error| unreadable(&self.0, error))?? {
                return Ok(());
            }
            if begun.elapsed() >= LONGEST_WAIT {
                return Err(StoreError::unavailable(format!("somebody else holds the lock of a file in {}", self.0.display())));
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
    }
}

/// Keeps everything for as long as the program runs: for services that judge many images and keep nothing on disk.
#[derive(Debug, Default)]
pub struct MemoryState(Mutex<HashMap<(String, String), Vec<u8>>>);

impl MemoryState {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StateStore for MemoryState {
    async fn load(&self, server: &str, collection: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.all().get(&(server.to_owned(), collection.to_owned())).cloned())
    }

    async fn keep(&self, learned: &Learned) -> Result<(), StoreError> {
        let mut all = self.all();
        let key = (learned.server.clone(), learned.collection.clone());
        let state = match all.get(&key) {
            None => learned.state.clone(),
            Some(older) => {
                let misfit = || StoreError::new(StoreErrorKind::StateUnreadable, "what was kept does not fit what was learned");
                (learned.merge)(older, &learned.state).ok_or_else(misfit)?
            }
        };
        all.insert(key, state);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const SERVER: &str = "https://notary.example";

    /// A state is a number; the larger counts.
    fn larger(older: &[u8], newer: &[u8]) -> Option<Vec<u8>> {
        let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<u64>().ok();
        Some(number(older)?.max(number(newer)?).to_string().into_bytes())
    }

    fn learned(collection: &str, number: u64) -> Learned {
        Learned::new(SERVER, collection, number.to_string().into_bytes(), larger)
    }

    async fn state(store: &dyn StateStore, collection: &str) -> Option<String> {
        let state = store.load(SERVER, collection).await.unwrap();
        state.map(|state| String::from_utf8(state).unwrap())
    }

    #[tokio::test]
    async fn the_highest_that_was_seen_is_kept_for_each_collection() {
        let folder = tempfile::tempdir().unwrap();
        let stores: [Arc<dyn StateStore>; 2] = [Arc::new(StateFolder::new(folder.path().join("state"))), Arc::new(MemoryState::default())];
        for store in stores {
            assert_eq!(state(&*store, "a").await, None);
            for (seen, expected) in [(3, "3"), (5, "5"), (4, "5")] {
                store.keep(&learned("a", seen)).await.unwrap();
                assert_eq!(state(&*store, "a").await.as_deref(), Some(expected), "{seen}");
            }
            store.keep(&learned("../../b", 1)).await.unwrap();
            assert_eq!(state(&*store, "../../b").await.as_deref(), Some("1"));
            assert_eq!(state(&*store, "a").await.as_deref(), Some("5"));
        }
        assert!(fs::read_dir(folder.path()).unwrap().count() == 1, "nothing is written beside the folder");
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_no_first_contact() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateFolder::new(folder.path());
        store.keep(&learned("a", 7)).await.unwrap();
        let (own, other) = (store.file(SERVER, "a"), store.file(SERVER, "b"));
        fs::copy(&own, &other).unwrap();
        assert_eq!(store.load(SERVER, "b").await.unwrap_err().kind, StoreErrorKind::StateUnreadable, "another collection's file");
        let whole = fs::read_to_string(&own).unwrap();
        for text in ["", "{}", &whole.replace("\"version\":1", "\"version\":2"), &whole.replace('}', ",\"more\":1}")] {
            fs::write(&own, text).unwrap();
            assert_eq!(store.load(SERVER, "a").await.unwrap_err().kind, StoreErrorKind::StateUnreadable, "{text}");
            assert!(store.keep(&learned("a", 8)).await.is_err(), "{text}");
            assert_eq!(fs::read_to_string(&own).unwrap(), text, "what cannot be read is not replaced");
        }
        fs::write(&own, whole.replace("\"7\"", "\"seven\"")).unwrap();
        assert_eq!(store.keep(&learned("a", 8)).await.unwrap_err().kind, StoreErrorKind::StateUnreadable);
    }

    /// A lock that is never given back holds nobody up for long.
    #[tokio::test]
    async fn a_lock_that_somebody_keeps_is_not_waited_for_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateFolder::new(folder.path());
        store.keep(&learned("a", 3)).await.unwrap();
        let lock = File::open(store.file(SERVER, "a").with_extension("lock")).unwrap();
        lock.lock().unwrap();
        let kept = tokio::time::timeout(2 * LONGEST_WAIT, store.keep(&learned("a", 5))).await.expect("still waiting");
        assert_eq!(kept.unwrap_err().kind, StoreErrorKind::Unavailable);
        assert_eq!(state(&store, "a").await.as_deref(), Some("3"), "reading needs no lock");
        lock.unlock().unwrap();
        store.keep(&learned("a", 5)).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_writers_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateFolder::new(folder.path());
        let writers = (0..32).map(|seen| {
            let store = store.clone();
            tokio::spawn(async move { store.keep(&learned("a", seen)).await })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap().unwrap();
        }
        assert_eq!(state(&store, "a").await.as_deref(), Some("31"));
    }
}
