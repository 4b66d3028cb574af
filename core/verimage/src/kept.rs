//! Answers that are kept while they are fresh: revocation lists and answers of OCSP responders until they say that there is
//! more to know, and files of roles that are named by their hash.

use std::fmt::{self, Debug};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use moka::Expiry;
use moka::future::Cache;
use verimage_core::{Blob, Digest, ImageRef, RoleVersion, SignatureStore, StoreError, Want, What, async_trait};
use verimage_crypto::x509::{OcspResponse, RevocationList};

/// The longest time for which anything is kept: whoever can answer once in place of a responder must not be believed for
/// as long as he pleases.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// Most bytes that are kept.
const MAX_BYTES: u64 = 64 << 20;
/// What an answer costs beside its bytes.
const OVERHEAD: usize = 512;

/// A store whose answers are kept as long as they are fresh, and that is asked once for what many want at the same time.
/// What is kept is verified anew each time.
pub(crate) struct Kept<S> {
    inner: S,
    answers: Cache<Want, Vec<Blob>>,
}

impl<S> Kept<S> {
    pub(crate) fn new(inner: S) -> Self {
        let weigh = |_: &Want, blobs: &Vec<Blob>| {
            let bytes: usize = blobs.iter().map(|blob| blob.bytes().len()).sum();
            u32::try_from(bytes.saturating_add(OVERHEAD)).unwrap_or(u32::MAX)
        };
        Self { inner, answers: Cache::builder().weigher(weigh).max_capacity(MAX_BYTES).expire_after(Freshness).build() }
    }
}

impl<S: Debug> Debug for Kept<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Kept").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[async_trait]
impl<S: SignatureStore> SignatureStore for Kept<S> {
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let answer = self.answers.try_get_with_by_ref(want, self.inner.fetch(image, want)).await;
        answer.map_err(|error| (*error).clone())
    }
}

struct Freshness;

impl Expiry<Want, Vec<Blob>> for Freshness {
    fn expire_after_create(&self, want: &Want, blobs: &Vec<Blob>, _: Instant) -> Option<Duration> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(match &want.what {
            What::Http { .. } => fresh_for(blobs, now),
            What::Role { version: RoleVersion::Sha256(hash), .. } if have_hash(blobs, hash) => LONGEST,
            _ => Duration::ZERO,
        })
    }
}

/// Whether an answer is what was asked for: one that is not must not stay.
fn have_hash(blobs: &[Blob], hash: &str) -> bool {
    blobs.iter().all(|blob| Digest::sha256(blob.bytes()).hex() == *hash)
}

/// For how long what was found out about revocation is kept. `now` is since 1970.
fn fresh_for(blobs: &[Blob], now: Duration) -> Duration {
    let fresh = blobs.iter().map(|blob| next_update(blob.bytes()).and_then(|until| until.checked_sub(now)).unwrap_or_default());
    fresh.min().unwrap_or_default().min(LONGEST)
}

/// When there will be more to know, as a revocation list or an OCSP responder says it, since 1970.
fn next_update(bytes: &[u8]) -> Option<Duration> {
    let seconds = match RevocationList::from_der(bytes) {
        Ok(list) => list.next_update(),
        Err(_) => OcspResponse::from_der(bytes).ok()?.next_update(),
    };
    seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use verimage_core::{HttpMethod, Origin, Place};

    use super::*;

    /// Answers with bytes, or not at all, and counts.
    #[derive(Debug)]
    struct Web(Option<Vec<u8>>, AtomicUsize);

    #[async_trait]
    impl SignatureStore for Web {
        async fn fetch(&self, _: &ImageRef, _: &Want) -> Result<Vec<Blob>, StoreError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            self.0.clone().map(|body| vec![Blob::new(body)]).ok_or_else(|| StoreError::unavailable("silence"))
        }
    }

    fn file(name: &str) -> Vec<u8> {
        let answers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/notation-revocation/answers");
        std::fs::read(answers.join(name)).unwrap()
    }

    fn want(url: &str) -> Want {
        let what =
            What::Http { method: HttpMethod::Get, url: url.to_owned(), body: Vec::new(), content_type: None, origin: Origin::RemoteData };
        Want { place: Place::Image, what, max_bytes: 1 << 20 }
    }

    /// How often the web is asked when two ask together, and then one more.
    async fn questions(body: Option<Vec<u8>>) -> usize {
        let kept = Kept::new(Web(body, AtomicUsize::new(0)));
        let (image, want) = ("registry.example/a".parse().unwrap(), want("http://list.example/"));
        let (first, second) = tokio::join!(kept.fetch(&image, &want), kept.fetch(&image, &want));
        assert_eq!(first.is_ok(), second.is_ok());
        let third = kept.fetch(&image, &want).await;
        assert_eq!(first.map(|blobs| blobs[0].bytes().clone()).ok(), third.map(|blobs| blobs[0].bytes().clone()).ok());
        kept.inner.1.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn what_says_until_when_it_is_fresh_is_kept() {
        assert_eq!(questions(Some(file("good.crl"))).await, 1);
        assert_eq!(questions(Some(file("good.ocsp"))).await, 1);
    }

    #[tokio::test]
    async fn what_is_old_or_says_nothing_is_asked_again() {
        assert_eq!(questions(Some(b"no list".to_vec())).await, 2);
        assert_eq!(questions(None).await, 2);
    }

    #[test]
    fn nothing_is_kept_for_longer_than_it_says_or_than_an_hour() {
        for name in ["good.crl", "good.ocsp"] {
            let blobs = [Blob::new(file(name))];
            let until = next_update(blobs[0].bytes()).unwrap();
            let minute = Duration::from_secs(60);
            assert_eq!(fresh_for(&blobs, until - minute), minute, "{name}");
            assert_eq!(fresh_for(&blobs, until), Duration::ZERO, "{name}");
            assert_eq!(fresh_for(&blobs, until + minute), Duration::ZERO, "{name}");
            assert_eq!(fresh_for(&blobs, until - 2 * LONGEST), LONGEST, "{name}");
        }
    }

    #[tokio::test]
    async fn files_that_are_named_by_their_hash_have_it() {
        let image = "registry.example/a".parse().unwrap();
        for (named, questions) in [(Digest::sha256(b"no list"), 1), (Digest::sha256(b"other"), 2)] {
            let kept = Kept::new(Web(Some(b"no list".to_vec()), AtomicUsize::new(0)));
            let version = RoleVersion::Sha256(named.hex());
            let what = What::Role { collection: "a".to_owned(), role: "targets".to_owned(), version };
            let want = Want { place: Place::Image, what, max_bytes: 1 << 20 };
            for _ in 0..2 {
                kept.fetch(&image, &want).await.unwrap();
            }
            assert_eq!(kept.inner.1.load(Ordering::Relaxed), questions, "{named}");
        }
    }

    #[tokio::test]
    async fn other_questions_are_others() {
        let kept = Kept::new(Web(Some(file("good.crl")), AtomicUsize::new(0)));
        let image = "registry.example/a".parse().unwrap();
        for url in ["http://a.example/", "http://b.example/", "http://a.example/"] {
            kept.fetch(&image, &want(url)).await.unwrap();
        }
        assert_eq!(kept.inner.1.load(Ordering::Relaxed), 2);
    }
}
