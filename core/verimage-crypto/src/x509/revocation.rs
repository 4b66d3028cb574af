//! Whether a certificate was revoked, by the lists at hand (RFC 5280, section 6.3.3).

use std::cell::RefCell;

use super::{
    Certificate, GeneralName, KeyUsage, Name, PathFault, PathRules, RevocationList, Revoked,
    budget::Budget,
    crl::Scope,
    extension::{DistributionPoint, PointName},
};
use crate::CryptoSet;

/// The lists of one search.
#[derive(Debug)]
pub(super) struct Revocation<'a> {
    lists: &'a [RevocationList],
    /// Lists whose signer is being checked, with that signer. Meanwhile such a list speaks of the signer alone.
    open: RefCell<Vec<(usize, Certificate)>>,
}

/// The reasons that a list is about, as bits of `ReasonFlags`; the first bit is not used.
type Reasons = u16;
const ALL_REASONS: Reasons = 0b1_1111_1110;
const REMOVED_FROM_LIST: u8 = 8;
/// How deep the signers of lists may hang on lists with signers of their own.
const DEEPEST: usize = 4;

/// What does not change while one certificate is checked.
struct Question<'q> {
    certificate: &'q Certificate,
    /// The path from its issuer to the anchor.
    above: &'q [&'q Certificate],
    rules: &'q PathRules<'q>,
    set: &'q CryptoSet,
    budget: &'q Budget,
}

impl<'a> Revocation<'a> {
    pub(super) fn new(lists: &'a [RevocationList]) -> Self {
        Self { lists, open: RefCell::new(Vec::new()) }
    }

    /// Checks one certificate of a path; `above` is the path from its issuer to the anchor.
    pub(super) fn check(
        &self,
        certificate: &Certificate,
        above: &[&Certificate],
        rules: &PathRules<'_>,
        set: &CryptoSet,
        budget: &Budget,
    ) -> Result<(), PathFault> {
        let question = Question { certificate, above, rules, set, budget };
        let mut covered: Reasons = 0;
        let own = DistributionPoint {
            name: Some(PointName::Full(vec![GeneralName::Directory(certificate.issuer().clone())])),
            reasons: None,
            crl_issuer: Vec::new(),
        };
        // All lists are asked, though one would do: none that knows of a revocation is passed over.
        for point in certificate.distribution_points().iter().chain([&own]) {
            covered |= self.covered_by_point(&question, point)?;
        }
        if covered == ALL_REASONS { Ok(()) } else { Err(PathFault::RevocationUnknown) }
    }

    /// The reasons for which lists of a distribution point say that the certificate was not revoked.
    fn covered_by_point(&self, question: &Question<'_>, point: &DistributionPoint) -> Result<Reasons, PathFault> {
        let mut covered: Reasons = 0;
        for (index, list) in self.lists.iter().enumerate() {
            let usable = list.base_number().is_none() && question.is_about(list, point) && question.is_current(list);
            if !usable {
                continue;
            }
            let Some(signer) = self.signer(index, list, question)? else { continue };
            if let Some(revoked) = self.look_up(list, &signer, question)? {
                return Err(PathFault::Revoked { time: revoked.time, reason: revoked.reason });
            }
            covered |= list.scope().only_reasons.unwrap_or(ALL_REASONS) & point.reasons.unwrap_or(ALL_REASONS) & ALL_REASONS;
        }
        Ok(covered)
    }

    /// Steps c and i to k: what the newest addition says counts; else what the complete list says.
    fn look_up(&self, list: &RevocationList, signer: &Certificate, question: &Question<'_>) -> Result<Option<Revoked>, PathFault> {
        let entry = |list: &RevocationList| list.entry(question.certificate.issuer(), question.certificate.serial());
        let mut newest: Option<&RevocationList> = None;
        for delta in self.lists.iter().filter(|delta| adds_to(delta, list) && question.is_current(delta)) {
            let newer = newest.is_none_or(|newest| number(delta.number()) > number(newest.number()));
            if newer && question.is_signed(delta, signer)? {
                newest = Some(delta);
            }
        }
        let found = newest.and_then(entry).or_else(|| entry(list));
        Ok(found.filter(|revoked| revoked.reason != REMOVED_FROM_LIST))
    }

    /// Steps f and g: a certificate with the name of the list's issuer, with a path to the same anchor, whose key may sign
    /// lists and signed this one.
    fn signer(&self, index: usize, list: &RevocationList, question: &Question<'_>) -> Result<Option<Certificate>, PathFault> {
        let open = self.open.borrow().iter().find(|(open, _)| *open == index).map(|(_, signer)| signer.clone());
        if let Some(signer) = open {
            return Ok(Some(signer).filter(|signer| signer == question.certificate));
        }
        let fits = |certificate: &&Certificate| {
            let may_sign = certificate.key_usage().is_none_or(|usage| usage.contains(KeyUsage::CRL_SIGN));
            certificate.subject().matches(list.issuer()) && may_sign
        };
        for certificate in question.above.iter().copied().filter(fits) {
            if question.is_signed(list, certificate)? {
                return Ok(Some(certificate.clone()));
            }
        }
        question.budget.look_at(question.rules.pool().count())?;
        for certificate in question.rules.pool().filter(fits) {
            if question.is_signed(list, certificate)? && self.is_trusted(index, certificate, question)? {
                return Ok(Some(certificate.clone()));
            }
        }
        Ok(None)
    }

    /// Whether a signer of lists has a path to the same anchor and was not revoked itself.
    fn is_trusted(&self, index: usize, signer: &Certificate, question: &Question<'_>) -> Result<bool, PathFault> {
        if self.open.borrow().len() >= DEEPEST {
            return Ok(false);
        }
        self.open.borrow_mut().push((index, signer.clone()));
        let rules = question.rules.for_list_signer();
        let found = rules.search(signer, question.set, question.budget, Some(self));
        self.open.borrow_mut().pop();
        match found {
            Ok(path) => Ok(question.above.last().is_some_and(|anchor| path.anchor() == *anchor)),
            Err(error) if error.fault().is_fatal() => Err(error.fault),
            Err(_) => Ok(false),
        }
    }
}

impl RevocationList {
    /// Whether the list is about a certificate of its own issuer: of that kind of subject, and published at one of the
    /// places that the certificate names (section 6.3.3, step b). For schemes that do not search for paths.
    #[must_use]
    pub fn is_about(&self, certificate: &Certificate) -> bool {
        let scope = self.scope();
        let kind = if certificate.is_ca() { !scope.only_users } else { !scope.only_authorities };
        let of_issuer = !scope.indirect && !scope.only_attributes && self.issuer().matches(certificate.issuer());
        let Some(listed) = &scope.name else { return kind && of_issuer };
        let Ok(listed) = listed.names(self.issuer()) else { return false };
        let points = certificate.distribution_points().iter().filter_map(|point| point.name.as_ref());
        let wanted = points.filter_map(|name| name.names(certificate.issuer()).ok()).flatten();
        kind && of_issuer && wanted.into_iter().any(|name| listed.iter().any(|other| is_same(&name, other)))
    }

    /// Whether another list adds to this one: of the same issuer, scope and key, begun at or before this one, and newer
    /// (section 6.3.3, step c).
    #[must_use]
    pub fn is_completed_by(&self, delta: &Self) -> bool {
        adds_to(delta, self)
    }

    /// Whether the list is about some reasons for revocation only.
    #[must_use]
    pub fn has_only_some_reasons(&self) -> bool {
        self.scope().only_reasons.is_some()
    }
}

impl Question<'_> {
    /// Step b: whether the list is about this certificate, by this distribution point.
    fn is_about(&self, list: &RevocationList, point: &DistributionPoint) -> bool {
        let scope = list.scope();
        let from_whom = if point.crl_issuer.is_empty() {
            list.issuer().matches(self.certificate.issuer())
        } else {
            scope.indirect && point.crl_issuer.iter().any(|name| is_directory(name, list.issuer()))
        };
        let kind = if self.certificate.is_ca() { !scope.only_users } else { !scope.only_authorities };
        from_whom && kind && !scope.only_attributes && self.is_named(list, scope, point)
    }

    /// Step b, 2, i: a list of one distribution point names it.
    fn is_named(&self, list: &RevocationList, scope: &Scope, point: &DistributionPoint) -> bool {
        let Some(listed) = &scope.name else { return true };
        let Ok(listed) = listed.names(list.issuer()) else { return false };
        let wanted = match &point.name {
            Some(name) => name.names(self.issuer_for(point)),
            None => Ok(point.crl_issuer.clone()),
        };
        wanted.is_ok_and(|wanted| wanted.iter().any(|name| listed.iter().any(|other| is_same(name, other))))
    }

    /// Section 4.2.1.13: a relative name follows the name of the list's issuer.
    fn issuer_for<'n>(&'n self, point: &'n DistributionPoint) -> &'n Name {
        let named = point.crl_issuer.iter().find_map(|name| if let GeneralName::Directory(name) = name { Some(name) } else { None });
        named.unwrap_or(self.certificate.issuer())
    }

    /// Whether a list is understood, and the one for this time.
    fn is_current(&self, list: &RevocationList) -> bool {
        let time = self.rules.time();
        let in_time = list.this_update() <= time && list.next_update().is_some_and(|next| time <= next);
        in_time && list.not_understood().is_none()
    }

    fn is_signed(&self, list: &RevocationList, signer: &Certificate) -> Result<bool, PathFault> {
        self.budget.check_signature()?;
        Ok(list.verify_signed_by(signer, self.set).is_ok())
    }
}

/// Step c: same issuer, scope and key, and the addition begins at or before the complete list and ends after it.
fn adds_to(delta: &RevocationList, list: &RevocationList) -> bool {
    let same =
        delta.issuer().matches(list.issuer()) && delta.scope().der == list.scope().der && delta.authority_key() == list.authority_key();
    let (Some(base), Some(complete), Some(own)) = (delta.base_number(), list.number(), delta.number()) else { return false };
    same && number(Some(base)) <= number(Some(complete)) && number(Some(complete)) < number(Some(own))
}

/// Numbers without leading zeros compare by length, then by bytes.
fn number(bytes: Option<&[u8]>) -> (usize, &[u8]) {
    let bytes = bytes.unwrap_or_default();
    (bytes.len(), bytes)
}

fn is_directory(name: &GeneralName, wanted: &Name) -> bool {
    matches!(name, GeneralName::Directory(name) if name.matches(wanted))
}

fn is_same(name: &GeneralName, other: &GeneralName) -> bool {
    match (name, other) {
        (GeneralName::Directory(name), GeneralName::Directory(other)) => name.matches(other),
        (GeneralName::Uri(name), GeneralName::Uri(other))
        | (GeneralName::Dns(name), GeneralName::Dns(other))
        | (GeneralName::Email(name), GeneralName::Email(other)) => name == other,
        _ => false,
    }
}
