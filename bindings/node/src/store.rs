//! Signature stores written in JavaScript.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use napi::Status;
use napi::bindgen_prelude::{FnArgs, Promise, Uint8Array};
use napi::threadsafe_function::ThreadsafeFunction;
use napi_derive::napi;
use verimage::ImageRef;
use verimage::core::{Blob, SignatureStore, StoreError, StoreErrorKind, Want};

use crate::want;

type Arguments = FnArgs<(String, String)>;

/// A function of JavaScript that never throws, and that does not keep the process alive.
type Fetch = ThreadsafeFunction<Arguments, Promise<StoreAnswer>, Arguments, Status, false, true>;

/// A store and what it answers for.
#[napi(object, object_to_js = false)]
pub struct NamedStore {
    /// What it stands for: `registry`, `lookaside`, `notary`, `web`, `store` or `repository`.
    pub role: String,
    /// The name of the store or repository.
    pub name: Option<String>,
    /// Gives an answer for the image and the want, which is JSON.
    #[napi(ts_type = "(image: string, want: string) => Promise<StoreAnswer>")]
    pub fetch: Fetch,
}

/// Bytes, or why there are none.
#[napi(object, object_to_js = false)]
pub struct StoreAnswer {
    /// What was found; the bytes are nobody else's.
    pub blobs: Option<Vec<Uint8Array>>,
    /// Why there is nothing.
    pub reason: Option<String>,
    /// Why, for people.
    pub detail: Option<String>,
}

/// A store in JavaScript.
#[derive(Clone)]
pub(crate) struct JsStore(Arc<Fetch>);

impl JsStore {
    pub(crate) fn new(fetch: Fetch) -> Self {
        Self(Arc::new(fetch))
    }
}

impl fmt::Debug for JsStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JsStore")
    }
}

#[async_trait]
impl SignatureStore for JsStore {
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let gone = |error: napi::Error| StoreError::unavailable(format!("the signature store cannot be asked: {error}"));
        let promise = self.0.call_async_catch(FnArgs { data: (image.to_string(), want::to_json(want)) }).await.map_err(gone)?;
        promise.await.map_err(gone)?.into_blobs(want.max_bytes)
    }
}

impl StoreAnswer {
    /// Never more bytes than were asked for.
    fn into_blobs(self, max_bytes: u64) -> Result<Vec<Blob>, StoreError> {
        let Some(blobs) = self.blobs else {
            let detail = self.detail.unwrap_or_default();
            return Err(StoreError::new(kind(self.reason.as_deref().unwrap_or_default()), detail));
        };
        let size: u64 = blobs.iter().map(|bytes| bytes.len() as u64).sum();
        if size > max_bytes {
            return Err(StoreError::too_large(max_bytes));
        }
        Ok(blobs.iter().map(|bytes| Blob::new(bytes.to_vec())).collect())
    }
}

fn kind(reason: &str) -> StoreErrorKind {
    match reason {
        "not-found" => StoreErrorKind::NotFound,
        "unauthorized" => StoreErrorKind::Unauthorized,
        "rate-limited" => StoreErrorKind::RateLimited,
        "too-large" => StoreErrorKind::TooLarge,
        "deadline-exceeded" => StoreErrorKind::DeadlineExceeded,
        _ => StoreErrorKind::Unavailable,
    }
}
