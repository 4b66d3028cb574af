//! What to ask, and what came back.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use verimage_crypto::x509::RevocationList;

/// How to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// HTTP GET.
    Get,
    /// HTTP POST.
    Post,
}

/// What for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// An answer about one certificate.
    Ocsp,
    /// A revocation list, or an addition to one.
    RevocationList,
}

impl Purpose {
    /// Most bytes that an answer may have.
    #[must_use]
    pub fn max_bytes(self) -> usize {
        match self {
            Self::Ocsp => 20_480,
            Self::RevocationList => RevocationList::MAX_SIZE,
        }
    }

    /// How long the reference waits.
    #[must_use]
    pub fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::Ocsp => 2,
            Self::RevocationList => 5,
        })
    }
}

/// A question to the network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Request {
    /// What for.
    pub purpose: Purpose,
    /// How to ask.
    pub method: Method,
    /// Where: always `http`.
    pub url: String,
    /// The media type of the body, if there is one.
    pub content_type: Option<&'static str>,
    /// The body; empty for GET.
    pub body: Vec<u8>,
}

impl Request {
    /// RFC 6960, appendix A.1: small questions stand in the URL, so that caches can help.
    pub(super) fn ocsp(responder: &str, question: &[u8]) -> Self {
        const LONGEST: usize = 254;
        let text: String = STANDARD.encode(question).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let purpose = Purpose::Ocsp;
        if text.len() > LONGEST {
            let content_type = Some("application/ocsp-request");
            return Self { purpose, method: Method::Post, url: responder.to_owned(), content_type, body: question.to_vec() };
        }
        let url = format!("{}/{text}", responder.trim_end_matches('/'));
        Self { purpose, method: Method::Get, url, content_type: None, body: Vec::new() }
    }

    pub(super) fn list(url: &str) -> Self {
        Self { purpose: Purpose::RevocationList, method: Method::Get, url: url.to_owned(), content_type: None, body: Vec::new() }
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// An answer over HTTP.
    Response {
        /// The status; only 200 counts.
        status: u16,
        /// The body.
        body: Vec<u8>,
    },
    /// None: a timeout, a refused connection, too many bytes.
    Failed {
        /// Why.
        reason: String,
    },
}

/// The answers at hand.
#[derive(Clone, Debug, Default)]
pub struct Material {
    answers: BTreeMap<Request, Answer>,
    given: Option<Vec<RevocationList>>,
}

impl Material {
    /// Nothing yet; whatever is needed is asked for.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only these lists count, and nothing is ever asked for.
    #[must_use]
    pub fn offline(lists: Vec<RevocationList>) -> Self {
        Self { answers: BTreeMap::new(), given: Some(lists) }
    }

    /// Adds an answer.
    pub fn insert(&mut self, request: Request, answer: Answer) {
        self.answers.insert(request, answer);
    }

    pub(super) fn given_lists(&self) -> Option<&[RevocationList]> {
        self.given.as_deref()
    }

    /// The body of an answer; nothing if it was not asked for yet.
    pub(super) fn body(&self, request: &Request) -> Option<Result<&[u8], String>> {
        Some(match self.answers.get(request)? {
            Answer::Response { status: 200, body } if body.len() <= request.purpose.max_bytes() => Ok(body),
            Answer::Response { status: 200, .. } => Err(format!("{}: more than {} bytes", request.url, request.purpose.max_bytes())),
            Answer::Response { status, .. } => Err(format!("{}: status {status}", request.url)),
            Answer::Failed { reason } => Err(format!("{}: {reason}", request.url)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_questions_are_asked_in_the_url() {
        let request = Request::ocsp("http://ocsp.example/", &[0xfb, 0xff]);
        assert_eq!((request.method, request.url.as_str()), (Method::Get, "http://ocsp.example/%2B%2F8%3D"));
        let request = Request::ocsp("http://ocsp.example/", &[0; 300]);
        assert_eq!((request.method, request.url.as_str(), request.body.len()), (Method::Post, "http://ocsp.example/", 300));
    }

    #[test]
    fn only_status_200_within_bounds_counts() {
        let request = Request::list("http://list.example");
        let body = |answer: Answer| {
            let mut material = Material::new();
            material.insert(request.clone(), answer);
            material.body(&request).map(|body| body.is_ok())
        };
        assert_eq!(Material::new().body(&request), None);
        assert_eq!(body(Answer::Response { status: 200, body: vec![1] }), Some(true));
        for status in [204, 206, 301, 404, 500] {
            assert_eq!(body(Answer::Response { status, body: vec![1] }), Some(false), "{status}");
        }
        assert_eq!(body(Answer::Response { status: 200, body: vec![0; RevocationList::MAX_SIZE + 1] }), Some(false));
        assert_eq!(body(Answer::Failed { reason: "timeout".to_owned() }), Some(false));
    }
}
