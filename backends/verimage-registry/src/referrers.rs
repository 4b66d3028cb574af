//! Referrers: the API of distribution specification 1.1 with its pages, and the fallback tag where there is no such API.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LINK};
use url::Url;
use url::form_urlencoded::byte_serialize;
use verimage_core::{Blob, Digest, StoreError, StoreErrorKind, Tag};
use verimage_transport::{Call, Reply, is_error_document, too_large};

use crate::link::next_link;
use crate::store::{RegistryStore, body_of_tag};

/// Pages of one list.
const MAX_PAGES: usize = 64;
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

/// What came of asking the API.
enum FromApi {
    /// The first page.
    Page(Reply),
    /// This repository has no answer; the fallback tag may have one.
    NoAnswer,
}

impl RegistryStore {
    /// Brings the list as image indexes, one blob a page. No list at all is an empty answer.
    pub(crate) async fn referrers(
        &self,
        call: Call<'_>,
        subject: &Digest,
        artifact_type: Option<&str>,
        max_bytes: u64,
    ) -> Result<Vec<Blob>, StoreError> {
        let from_api = match self.without_referrers.knows(&call.endpoint.host) {
            true => FromApi::NoAnswer,
            false => self.first_page(call, subject, artifact_type).await?,
        };
        if let FromApi::Page(first) = from_api {
            return self.pages(call, first, max_bytes).await;
        }
        let tag = Tag::of_digest(subject, "", "").map_err(|error| StoreError::unavailable(error.to_string()))?;
        match self.client.get(call, &format!("manifests/{tag}")).await?.good().await {
            Ok(reply) => Ok(vec![Blob::new(body_of_tag(reply, max_bytes).await?.0)]),
            Err(error) if error.kind == StoreErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn first_page(&self, call: Call<'_>, subject: &Digest, artifact_type: Option<&str>) -> Result<FromApi, StoreError> {
        let mut resource = format!("referrers/{subject}");
        if let Some(artifact_type) = artifact_type {
            resource.push_str("?artifactType=");
            resource.extend(byte_serialize(artifact_type.as_bytes()));
        }
        let reply = self.client.get(call, &resource).await?;
        let (status, redirected) = (reply.status(), reply.is_redirected());
        if status == StatusCode::OK && is_index(reply.headers()) {
            return Ok(FromApi::Page(reply));
        }
        let (error, body) = reply.refusal().await;
        match status {
            StatusCode::NOT_FOUND if error.kind != StoreErrorKind::NotFound => Err(error),
            StatusCode::NOT_FOUND => {
                // Distribution specification, "Listing Referrers": 404 means that the API is not there. But a registry that
                // writes errors as the specification has them may mean this repository only, or this moment.
                if !is_error_document(&body) {
                    self.without_referrers.remember(&call.endpoint.host);
                }
                Ok(FromApi::NoAnswer)
            }
            // go-containerregistry reads these as a lack of the API, too. They are not remembered: one may be an accident.
            StatusCode::OK | StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_ACCEPTABLE if !redirected => {
                Ok(FromApi::NoAnswer)
            }
            _ => Err(error),
        }
    }

    /// Reads page after page; a list that does not end within the limits is refused, never cut.
    async fn pages(&self, call: Call<'_>, first: Reply, max_bytes: u64) -> Result<Vec<Blob>, StoreError> {
        let (mut pages, mut read, mut reply) = (Vec::new(), 0, first);
        loop {
            let next = next_page(&reply)?;
            let bytes = reply.body(max_bytes.saturating_sub(read)).await.map_err(|error| of_all_pages(error, call, max_bytes))?;
            read += bytes.len() as u64;
            pages.push(Blob::new(bytes));
            let Some(url) = next else { return Ok(pages) };
            if pages.len() >= MAX_PAGES {
                let detail = format!("{}: more than {MAX_PAGES} pages of referrers", call.endpoint.name());
                return Err(StoreError::new(StoreErrorKind::TooLarge, detail));
            }
            if read >= max_bytes {
                return Err(too_many_bytes(call, max_bytes));
            }
            reply = self.client.ask(call, &url).await?.good().await.map_err(incomplete)?;
            if !is_index(reply.headers()) {
                return Err(StoreError::unavailable(format!("{}: a page of referrers is no image index", call.endpoint.name())));
            }
        }
    }
}

/// A list whose end is missing is not a list that is not there.
fn incomplete(error: StoreError) -> StoreError {
    if error.kind == StoreErrorKind::NotFound { StoreError::unavailable(error.detail) } else { error }
}

fn of_all_pages(error: StoreError, call: Call<'_>, max_bytes: u64) -> StoreError {
    if error.kind == StoreErrorKind::TooLarge { too_many_bytes(call, max_bytes) } else { error }
}

fn too_many_bytes(call: Call<'_>, max_bytes: u64) -> StoreError {
    too_large(&call.endpoint.name(), max_bytes)
}

fn is_index(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(INDEX_TYPE))
}

/// The `rel="next"` of RFC 8288. It stays on the registry itself: whoever a redirect leads to must not name pages, for the
/// next page is asked for with the registry's authorization.
fn next_page(reply: &Reply) -> Result<Option<Url>, StoreError> {
    let refuse = |why: &str| StoreError::unavailable(format!("{}: the next page of referrers {why}", reply.place()));
    let targets = reply.headers().get_all(LINK).into_iter().map(|value| value.to_str().ok().and_then(next_link));
    // A header that cannot be read may name a page: without it, the list could end too early.
    let targets = targets.collect::<Option<Vec<_>>>().ok_or_else(|| refuse("is in a Link header that cannot be read"))?;
    let Some(target) = targets.into_iter().flatten().next() else { return Ok(None) };
    let mut url = reply.url().join(&target).map_err(|_| refuse("has no readable address"))?;
    url.set_fragment(None);
    if reply.is_redirected() || url.origin() != reply.url().origin() || !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("is on another host"));
    }
    Ok(Some(url))
}
