//! What responders answer (RFC 6960, section 3.2).

use jiff::Timestamp;
use verimage_crypto::x509::{Certificate, ObjectIdentifier, OcspResponse, OcspStatus, SingleResponse, ocsp_request};

use super::{Finding, Question, Request, Status, http_urls};
use crate::{Warning, chain::subject};

const OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");
/// A responder's certificate that need not be checked (section 4.2.2.2.1).
const NO_CHECK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5");

impl Question<'_> {
    /// One after the other, until one has a definite answer.
    pub(super) fn ask_responders(&self, urls: &[String], certificate: &Certificate, issuer: &Certificate) -> Finding {
        let (urls, question) = match (http_urls(urls), ocsp_request(certificate, issuer)) {
            (Ok(urls), Ok(question)) => (urls, question),
            (Err(reason), _) => return Finding::unknown(vec![reason]),
            (_, Err(error)) => return Finding::unknown(vec![error.to_string()]),
        };
        let mut reasons = Vec::new();
        for url in urls {
            let request = Request::ocsp(url, &question);
            match self.material.body(&request) {
                None => {
                    reasons.push(format!("{url} was not asked yet"));
                    return Finding { needed: vec![request], ..Finding::unknown(reasons) };
                }
                Some(body) => match body.and_then(|body| self.judge_response(body, certificate, issuer)) {
                    Ok(finding) => return finding,
                    Err(reason) => reasons.push(format!("{url}: {reason}")),
                },
            }
        }
        Finding::unknown(reasons)
    }

    fn judge_response(&self, body: &[u8], certificate: &Certificate, issuer: &Certificate) -> Result<Finding, String> {
        let response = OcspResponse::from_der(body).map_err(|error| error.to_string())?;
        let single = response.response(certificate, issuer).map_err(|error| error.to_string())?;
        let single = single.ok_or("response is not about the certificate")?;
        if let Some(id) = response.not_understood().or(single.not_understood) {
            return Err(format!("critical extension {id} is not understood"));
        }
        let warnings = self.verify_responder(&response, issuer)?;
        if single.this_update > self.now {
            return Err("response is not valid yet".to_owned());
        }
        match single.next_update {
            Some(next) if next >= self.now => {}
            Some(_) => return Err("expired OCSP response".to_owned()),
            None => return Err("response without nextUpdate".to_owned()),
        }
        let status = self.status(single);
        Ok(Finding { status, next_update: single.next_update, needed: Vec::new(), warnings })
    }

    fn status(&self, single: &SingleResponse) -> Status {
        match single.status {
            OcspStatus::Good => Status::Good,
            OcspStatus::Revoked { time, reason, invalidity_date } => self.revoked(time, reason, invalidity_date),
            _ => Status::Unknown { reasons: vec!["responder does not know the certificate".to_owned()] },
        }
    }

    /// A signing authority's time before the key was suspected proves that the signature is good.
    pub(super) fn revoked(&self, time: i64, reason: u8, invalidity_date: Option<i64>) -> Status {
        match (self.signed_at, invalidity_date) {
            (Some(signed), Some(invalid)) if signed < invalid => Status::Good,
            _ => Status::Revoked { time: Timestamp::from_second(time).unwrap_or(Timestamp::UNIX_EPOCH), reason },
        }
    }

    /// Section 4.2.2.2: the issuer itself, or somebody whom the issuer named for this in a certificate.
    fn verify_responder(&self, response: &OcspResponse, issuer: &Certificate) -> Result<Vec<Warning>, String> {
        if response.names(issuer) && response.verify_signed_by(issuer, self.set).is_ok() {
            return Ok(Vec::new());
        }
        let delegate = response.certificates().iter().find(|delegate| self.is_delegate(response, delegate, issuer));
        let delegate = delegate.ok_or("response is not signed by the issuer or by somebody it delegated to")?;
        let checked = delegate.extension(NO_CHECK).is_some();
        Ok(if checked { Vec::new() } else { vec![Warning::ResponderNotChecked { subject: subject(delegate) }] })
    }

    fn is_delegate(&self, response: &OcspResponse, delegate: &Certificate, issuer: &Certificate) -> bool {
        let purpose = delegate.extended_key_usage().is_some_and(|usage| usage.purposes.contains(&OCSP_SIGNING));
        response.names(delegate)
            && purpose
            && delegate.validity().contains(self.now)
            && delegate.issuer().der() == issuer.subject().der()
            && delegate.verify_signed_by(issuer, self.set).is_ok()
            && response.verify_signed_by(delegate, self.set).is_ok()
    }
}
