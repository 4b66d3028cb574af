//! What revocation lists say (RFC 5280, section 6.3, as the specification restricts it).

use verimage_crypto::x509::{Certificate, KeyUsage, RevocationList, Revoked};

use super::{Finding, Question, Request, Status, http_urls};

const ON_HOLD: u8 = 6;
const REMOVED_FROM_LIST: u8 = 8;

/// A list, and what adds to it.
struct Bundle {
    base: RevocationList,
    delta: Option<RevocationList>,
}

/// Why a list says nothing: it has not been fetched, or it cannot be used.
enum Missing {
    Needed(Request),
    Unusable(String),
}

impl Question<'_> {
    /// All places must be asked and be clean: lists for some reasons only are not told apart.
    pub(super) fn ask_lists(&self, urls: &[String], certificate: &Certificate, issuer: &Certificate) -> Finding {
        let urls = match http_urls(urls) {
            Ok([]) => return Finding::unknown(vec!["only an addition to a revocation list is announced".to_owned()]),
            Ok(urls) => urls,
            Err(reason) => return Finding::unknown(vec![reason]),
        };
        let mut all = Finding { status: Status::Good, ..Finding::unknown(Vec::new()) };
        let mut reasons = Vec::new();
        for url in urls {
            match self.bundle(url, certificate, issuer) {
                Ok(bundle) => {
                    let next = self.next_update(&bundle);
                    all.next_update = all.next_update.into_iter().chain(next).min();
                    match self.judge_entry(&bundle, certificate) {
                        status @ Status::Revoked { .. } => return Finding { status, ..Finding::unknown(Vec::new()) },
                        Status::Unknown { reasons: more } => reasons.extend(more),
                        _ => {}
                    }
                }
                Err(Missing::Needed(request)) => {
                    reasons.push(format!("{} was not asked yet", request.url));
                    all.needed.push(request);
                }
                Err(Missing::Unusable(reason)) => reasons.push(reason),
            }
        }
        if reasons.is_empty() { all } else { Finding { status: Status::Unknown { reasons }, ..all } }
    }

    /// Offline: whichever lists are at hand; one that is good enough will do.
    pub(super) fn ask_given(&self, lists: &[RevocationList], certificate: &Certificate, issuer: &Certificate) -> Finding {
        let mut finding = Finding::unknown(vec!["no revocation list at hand".to_owned()]);
        for base in self.about(lists, certificate).into_iter().filter(|list| list.base_number().is_none()) {
            if let Err(reason) = self.check_list(base, certificate, issuer) {
                finding = if finding.next_update.is_some() { finding } else { Finding::unknown(vec![reason]) };
                continue;
            }
            let is_delta = |list: &&RevocationList| base.is_completed_by(list) && self.check_list(list, certificate, issuer).is_ok();
            let bundle = Bundle { base: base.clone(), delta: lists.iter().find(is_delta).cloned() };
            let status = self.judge_entry(&bundle, certificate);
            let is_revoked = matches!(status, Status::Revoked { .. });
            finding = Finding { status, next_update: self.next_update(&bundle), ..Finding::unknown(Vec::new()) };
            if is_revoked {
                break;
            }
        }
        finding
    }

    fn bundle(&self, url: &str, certificate: &Certificate, issuer: &Certificate) -> Result<Bundle, Missing> {
        let base = self.fetched(url, certificate, issuer)?;
        let unusable = |what: &str| Missing::Unusable(format!("{url}: {what}"));
        if base.base_number().is_some() {
            return Err(unusable("list is only an addition to another"));
        }
        let Some(freshest) = base.freshest_urls().map_err(|error| unusable(&error.to_string()))? else {
            return match certificate.has_freshest_list() {
                true => Err(unusable("additions that only the certificate announces are not supported")),
                false => Ok(Bundle { base, delta: None }),
            };
        };
        let mut reasons = Vec::new();
        for url in http_urls(&freshest).map_err(Missing::Unusable)? {
            match self.fetched(url, certificate, issuer) {
                Ok(delta) if base.is_completed_by(&delta) => return Ok(Bundle { base, delta: Some(delta) }),
                Ok(_) => reasons.push(format!("{url}: list does not add to its base")),
                Err(Missing::Unusable(reason)) => reasons.push(reason),
                Err(needed) => return Err(needed),
            }
        }
        Err(Missing::Unusable(reasons.join("; ")))
    }

    fn fetched(&self, url: &str, certificate: &Certificate, issuer: &Certificate) -> Result<RevocationList, Missing> {
        let request = Request::list(url);
        let Some(body) = self.material.body(&request) else { return Err(Missing::Needed(request)) };
        let list = body.and_then(|body| RevocationList::from_der(body).map_err(|error| format!("{url}: {error}")));
        let list = list.map_err(Missing::Unusable)?;
        self.check_list(&list, certificate, issuer).map_err(|reason| Missing::Unusable(format!("{url}: {reason}")))?;
        Ok(list)
    }

    /// Signed by the issuer of the certificate, in time, understood, and about the certificate.
    fn check_list(&self, list: &RevocationList, certificate: &Certificate, issuer: &Certificate) -> Result<(), String> {
        if list.issuer().der() != issuer.subject().der() || list.is_indirect() {
            return Err("list is not of the issuer of the certificate alone".to_owned());
        }
        if !list.is_about(certificate) || list.has_only_some_reasons() {
            return Err("list is not about certificates of this kind and place for all reasons".to_owned());
        }
        if issuer.key_usage().is_some_and(|usage| !usage.contains(KeyUsage::CRL_SIGN)) {
            return Err("issuer must not sign revocation lists".to_owned());
        }
        list.verify_signed_by(issuer, self.set).map_err(|error| error.to_string())?;
        if let Some(id) = list.not_understood() {
            return Err(format!("critical extension {id} is not understood"));
        }
        match list.next_update() {
            Some(next) if list.this_update() <= self.now && self.now <= next => Ok(()),
            Some(_) => Err("list is not of this time".to_owned()),
            None => Err("list without nextUpdate".to_owned()),
        }
    }

    /// An addition has the last word. What was on hold may have been released; all else is for ever.
    fn judge_entry(&self, bundle: &Bundle, certificate: &Certificate) -> Status {
        let entry = |list: &RevocationList| list.entry(certificate.issuer(), certificate.serial());
        let revoked = |entry: Revoked| self.revoked(entry.time, entry.reason, entry.invalidity_date);
        let contradiction = || Status::Unknown { reasons: vec!["list removes what was not on hold".to_owned()] };
        match (entry(&bundle.base), bundle.delta.as_ref().and_then(entry)) {
            (None, None) => Status::Good,
            (None, Some(delta)) if delta.reason == REMOVED_FROM_LIST => Status::Good,
            (Some(base), Some(delta)) if delta.reason == REMOVED_FROM_LIST && base.reason == ON_HOLD => {
                if delta.time >= base.time {
                    Status::Good
                } else {
                    revoked(base)
                }
            }
            (Some(base), Some(delta)) if delta.reason == REMOVED_FROM_LIST => revoked(base),
            (_, Some(delta)) => revoked(delta),
            (Some(base), None) if base.reason == REMOVED_FROM_LIST => contradiction(),
            (Some(base), None) => revoked(base),
        }
    }

    fn next_update(&self, bundle: &Bundle) -> Option<i64> {
        let delta = bundle.delta.as_ref().and_then(RevocationList::next_update);
        bundle.base.next_update().into_iter().chain(delta).min()
    }
}
