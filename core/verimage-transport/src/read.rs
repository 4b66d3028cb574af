//! Bodies, bounded while they are read.

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use verimage_core::StoreError;

use crate::client::Reply;
use crate::failure;

/// Bytes of an error body that are looked at.
const ERROR_BYTES: u64 = 4 << 10;
/// Memory that is set aside before the first byte has come.
const FIRST_BYTES: u64 = 64 << 10;

impl Reply {
    /// Reads the body of a good answer.
    ///
    /// A length that is announced as more than `max_bytes` is refused before a byte of it is read.
    ///
    /// # Errors
    /// A [`StoreError`] if there are more bytes, or the connection breaks.
    pub async fn body(mut self, max_bytes: u64) -> Result<Bytes, StoreError> {
        if let Some(encoding) = foreign_encoding(self.headers(), &self.secrets()) {
            return Err(StoreError::unavailable(format!("{}: the answer is encoded as {encoding}, which was not asked for", self.place())));
        }
        let announced = self.response.content_length().unwrap_or_default();
        if announced > max_bytes {
            return Err(failure::too_large(&self.place(), max_bytes));
        }
        let mut body = BytesMut::with_capacity(usize::try_from(announced.min(FIRST_BYTES)).unwrap_or_default());
        while let Some(chunk) = self.response.chunk().await.map_err(|error| failure::broken(&self.place(), &error))? {
            if (body.len() as u64).saturating_add(chunk.len() as u64) > max_bytes {
                return Err(failure::too_large(&self.place(), max_bytes));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// Reads the first bytes of an error body. Reading it to its end also keeps the connection.
    pub(crate) async fn error_body(mut self) -> Vec<u8> {
        let mut body = Vec::new();
        while (body.len() as u64) < ERROR_BYTES {
            match self.response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        body
    }
}

fn foreign_encoding(headers: &HeaderMap, secrets: &[String]) -> Option<String> {
    let encoding = String::from_utf8_lossy(headers.get(CONTENT_ENCODING)?.as_bytes()).into_owned();
    (!encoding.eq_ignore_ascii_case("identity")).then(|| failure::quoted(&encoding, secrets, 40))
}
