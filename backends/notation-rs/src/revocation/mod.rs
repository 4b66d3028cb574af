//! Revocation by OCSP and revocation lists, without asking anybody.
//!
//! [`check`] judges what is at hand and says in [`Revocation::needed`] what else it wants to know. Whoever may use the network
//! asks, puts the answers into the [`Material`], and checks again, until nothing is needed. URLs stand in certificates, so
//! in what an attacker may have written: ask only after authenticity has been proven, follow redirects over `http` only, and
//! keep away from private addresses.

mod list;
mod ocsp;
mod request;

use jiff::Timestamp;
use verimage_crypto::{
    CryptoSet,
    x509::{Certificate, RevocationList},
};

use crate::{Warning, chain::subject};

pub use request::{Answer, Material, Method, Purpose, Request};

/// Most URLs that are looked at for one certificate and one purpose.
pub const MOST_URLS: usize = 5;

/// What is known about one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It was not revoked.
    Good,
    /// It says nowhere where its revocation could be asked for.
    NonRevokable,
    /// It was revoked.
    Revoked {
        /// When.
        time: Timestamp,
        /// `CRLReason` (RFC 5280, section 5.3.1).
        reason: u8,
    },
    /// Nobody could be asked, or nobody knew.
    Unknown {
        /// Why not.
        reasons: Vec<String>,
    },
}

/// What is known about one certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateRevocation {
    /// The subject of the certificate.
    pub subject: String,
    /// What is known.
    pub status: Status,
    /// Until when that may be kept, if something was asked.
    pub next_update: Option<Timestamp>,
}

/// What is known about a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revocation {
    /// Every certificate but the root, leaf first.
    pub certificates: Vec<CertificateRevocation>,
    /// What else should be asked.
    pub needed: Vec<Request>,
    /// What should be told.
    pub warnings: Vec<Warning>,
}

impl Revocation {
    /// The worst that is known: revoked, or else unknown. Nothing if all is well.
    #[must_use]
    pub fn worst(&self) -> Option<&CertificateRevocation> {
        let is = |wanted: fn(&Status) -> bool| self.certificates.iter().find(move |found| wanted(&found.status));
        is(|status| matches!(status, Status::Revoked { .. })).or_else(|| is(|status| matches!(status, Status::Unknown { .. })))
    }
}

/// What does not change while a chain is checked.
struct Question<'a> {
    material: &'a Material,
    now: i64,
    /// When a signing authority says that it signed: a key that is suspected since later was good then.
    signed_at: Option<i64>,
    set: &'a CryptoSet,
}

/// What one source says.
#[derive(Debug)]
struct Finding {
    status: Status,
    next_update: Option<i64>,
    needed: Vec<Request>,
    warnings: Vec<Warning>,
}

impl Finding {
    fn non_revokable() -> Self {
        Self { status: Status::NonRevokable, ..Self::unknown(Vec::new()) }
    }

    fn unknown(reasons: Vec<String>) -> Self {
        Self { status: Status::Unknown { reasons }, next_update: None, needed: Vec::new(), warnings: Vec::new() }
    }
}

/// Checks every certificate of a chain but the root (trust store and trust policy specification, "Certificate Revocation
/// Evaluation").
///
/// `signed_at` is the authentic signing time of a signing authority, and nothing for all others.
#[must_use]
pub fn check(chain: &[Certificate], material: &Material, now: Timestamp, signed_at: Option<Timestamp>, set: &CryptoSet) -> Revocation {
    let question = Question { material, now: now.as_second(), signed_at: signed_at.map(Timestamp::as_second), set };
    let mut revocation = Revocation::default();
    for pair in chain.windows(2) {
        let [certificate, issuer] = pair else { continue };
        let finding = question.ask(certificate, issuer);
        if finding.status == Status::NonRevokable {
            revocation.warnings.push(Warning::NoRevocationSource { subject: subject(certificate) });
        }
        revocation.certificates.push(CertificateRevocation {
            subject: subject(certificate),
            status: finding.status,
            next_update: finding.next_update.and_then(|seconds| Timestamp::from_second(seconds).ok()),
        });
        revocation.needed.extend(finding.needed);
        revocation.warnings.extend(finding.warnings);
    }
    revocation
}

impl Question<'_> {
    /// OCSP first; lists if there is no responder, or none that knows.
    fn ask(&self, certificate: &Certificate, issuer: &Certificate) -> Finding {
        let lists = certificate.revocation_list_urls();
        let responders = match certificate.ocsp_urls() {
            Ok(urls) => urls,
            Err(error) => return Finding::unknown(vec![error.to_string()]),
        };
        let is_silent = responders.is_empty() && lists.is_empty() && !certificate.has_freshest_list();
        if let Some(given) = self.material.given_lists() {
            let is_known = !is_silent || !self.about(given, certificate).is_empty();
            return if is_known { self.ask_given(given, certificate, issuer) } else { Finding::non_revokable() };
        }
        if is_silent {
            return Finding::non_revokable();
        }
        let first = if responders.is_empty() { None } else { Some(self.ask_responders(&responders, certificate, issuer)) };
        match first {
            Some(finding) if lists.is_empty() || !finding.needed.is_empty() => finding,
            Some(finding) if !matches!(finding.status, Status::Unknown { .. }) => finding,
            _ => self.ask_lists(&lists, certificate, issuer),
        }
    }

    fn about<'l>(&self, lists: &'l [RevocationList], certificate: &Certificate) -> Vec<&'l RevocationList> {
        lists.iter().filter(|list| list.issuer().der() == certificate.issuer().der()).collect()
    }
}

/// The first URLs, none with another scheme than `http`.
fn http_urls(urls: &[String]) -> Result<&[String], String> {
    let is_http = |url: &String| url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
    match urls.iter().find(|url| !is_http(url)) {
        Some(url) => Err(format!("protocol of {url} is not supported, only http is")),
        None if urls.len() > MOST_URLS => Err(format!("more than {MOST_URLS} URLs")),
        None => Ok(urls),
    }
}
