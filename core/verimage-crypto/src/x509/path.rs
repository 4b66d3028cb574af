//! Paths from a certificate to an anchor (RFC 5280, section 6).

use const_oid::ObjectIdentifier;

use super::{
    Certificate, KeyUsage, PathError, PathFault, PolicyRules, RevocationList, budget::Budget, constraints, oid, revocation::Revocation,
};
use crate::CryptoSet;

/// What a path must satisfy. Without more, that is RFC 5280, section 6, at one moment, for a last certificate that is no
/// certification authority.
///
/// Anchors are trusted for their name and key and need not be self-signed, but what they say about themselves holds for
/// them too: validity, path length, key usage, purposes, name constraints. A certificate is never its own anchor.
///
/// ```
/// # use verimage_crypto::{CryptoSet, x509::{Certificate, KeyUsage, ObjectIdentifier, PathError, PathRules}};
/// # fn check(roots: &[Certificate], intermediates: &[Certificate], signer: &Certificate, signed_at: i64) -> Result<(), PathError> {
/// const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
///
/// let path = PathRules::new(roots, intermediates, signed_at)
///     .purpose(CODE_SIGNING)
///     .leaf_key_usage(KeyUsage::DIGITAL_SIGNATURE)
///     .find(signer, &CryptoSet::rustcrypto())?;
/// println!("trusted by {}", path.anchor().subject());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PathRules<'a> {
    anchors: &'a [Certificate],
    intermediates: &'a [Certificate],
    time: i64,
    purpose: Option<ObjectIdentifier>,
    leaf_key_usage: Option<KeyUsage>,
    leaf: Leaf,
    name_constraints: NameConstraintRule,
    most_intermediates: usize,
    policies: PolicyRules,
    revocation: Option<&'a [RevocationList]>,
}

/// What the last certificate of a path may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leaf {
    /// A certification authority or not.
    Any,
    /// No certification authority.
    EndEntity,
}

/// Whether name constraints count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameConstraintRule {
    /// They do.
    Enforced,
    /// They do not, as in a scheme that does not know them.
    InsecureIgnored,
}

impl<'a> PathRules<'a> {
    /// Most certificates between the last one and the anchor that any rules allow.
    pub const MOST_INTERMEDIATES: usize = 10;

    /// Rules for paths that end in one of the anchors and are valid at a moment, in seconds since 1970.
    #[must_use]
    pub fn new(anchors: &'a [Certificate], intermediates: &'a [Certificate], time: i64) -> Self {
        Self {
            anchors,
            intermediates,
            time,
            purpose: None,
            leaf_key_usage: None,
            leaf: Leaf::EndEntity,
            name_constraints: NameConstraintRule::Enforced,
            most_intermediates: Self::MOST_INTERMEDIATES,
            policies: PolicyRules::default(),
            revocation: None,
        }
    }

    /// The last certificate must name this purpose, and every certificate above it that names purposes must name this
    /// one or `anyExtendedKeyUsage`.
    #[must_use]
    pub fn purpose(self, purpose: ObjectIdentifier) -> Self {
        Self { purpose: Some(purpose), ..self }
    }

    /// The last certificate must have a key usage with these uses.
    #[must_use]
    pub fn leaf_key_usage(self, needed: KeyUsage) -> Self {
        Self { leaf_key_usage: Some(needed), ..self }
    }

    /// What the last certificate may be.
    #[must_use]
    pub fn leaf(self, leaf: Leaf) -> Self {
        Self { leaf, ..self }
    }

    /// Whether name constraints count.
    #[must_use]
    pub fn name_constraints(self, name_constraints: NameConstraintRule) -> Self {
        Self { name_constraints, ..self }
    }

    /// How many certificates may stand between the last one and the anchor; never more than
    /// [`MOST_INTERMEDIATES`](Self::MOST_INTERMEDIATES).
    #[must_use]
    pub fn most_intermediates(self, count: usize) -> Self {
        Self { most_intermediates: count.min(Self::MOST_INTERMEDIATES), ..self }
    }

    /// What is asked of certificate policies.
    #[must_use]
    pub fn policies(self, policies: PolicyRules) -> Self {
        Self { policies, ..self }
    }

    /// Every certificate but the anchor must be said not to be revoked by these lists (RFC 5280, section 6.3).
    #[must_use]
    pub fn revocation(self, lists: &'a [RevocationList]) -> Self {
        Self { revocation: Some(lists), ..self }
    }

    /// Finds a path that satisfies the rules.
    ///
    /// # Errors
    /// [`PathError`] with the certificate at fault. Of several paths that fail, the one that came closest is told.
    pub fn find(&self, leaf: &Certificate, set: &CryptoSet) -> Result<Path, PathError> {
        let budget = Budget::new();
        let revocation = self.revocation.map(Revocation::new);
        self.search(leaf, set, &budget, revocation.as_ref())
    }

    /// As [`find`](Self::find), on what is left of a budget.
    pub(super) fn search(
        &self,
        leaf: &Certificate,
        set: &CryptoSet,
        budget: &Budget,
        revocation: Option<&Revocation<'_>>,
    ) -> Result<Path, PathError> {
        let mut search = Search { rules: self, set, budget, revocation, closest: None };
        self.check_leaf(leaf).map_err(at(leaf))?;
        match search.extend(&mut vec![leaf])? {
            Some(path) => Ok(path),
            None => Err(search.closest.unwrap_or_else(|| unknown_issuer(leaf))),
        }
    }

    /// Rules with the same anchors, pool and time for a certificate that signs revocation lists.
    pub(super) fn for_list_signer(&self) -> Self {
        Self { purpose: None, leaf_key_usage: None, leaf: Leaf::Any, policies: PolicyRules::default(), ..self.clone() }
    }

    pub(super) fn pool(&self) -> impl Iterator<Item = &'a Certificate> {
        self.anchors.iter().chain(self.intermediates)
    }

    pub(super) fn time(&self) -> i64 {
        self.time
    }

    fn check_leaf(&self, leaf: &Certificate) -> Result<(), PathFault> {
        self.check_validity(leaf)?;
        check_serial(leaf)?;
        check_critical(leaf)?;
        if self.leaf == Leaf::EndEntity && leaf.is_ca() {
            return Err(PathFault::LeafIsAuthority);
        }
        if let Some(needed) = self.leaf_key_usage.filter(|needed| !leaf.key_usage().is_some_and(|usage| usage.contains(*needed))) {
            return Err(PathFault::KeyUsage { needed });
        }
        match self.purpose {
            Some(purpose) if !leaf.extended_key_usage().is_some_and(|usage| usage.purposes.contains(&purpose)) => {
                Err(PathFault::ExtendedKeyUsage { purpose })
            }
            _ => Ok(()),
        }
    }

    /// What a certificate must be to stand above others, the last of them first.
    fn check_issuer(&self, issuer: &Certificate, below: &[&Certificate], role: Role) -> Result<(), PathFault> {
        self.check_validity(issuer)?;
        check_critical(issuer)?;
        if role == Role::Intermediate {
            check_serial(issuer)?;
        }
        check_authority(issuer, role)?;
        check_path_length(issuer, below)?;
        match (self.purpose, issuer.extended_key_usage()) {
            (Some(purpose), Some(usage)) if !names_purpose(&usage.purposes, purpose) => Err(PathFault::ExtendedKeyUsage { purpose }),
            _ => Ok(()),
        }
    }

    /// Section 4.1.2.5: both ends are included.
    fn check_validity(&self, certificate: &Certificate) -> Result<(), PathFault> {
        check_validity(certificate, self.time)
    }
}

/// Certificates from the last one to the anchor, each signed by the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Certificate>);

impl Path {
    /// The last certificate first, the anchor at the end: two or more.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.0
    }

    /// The certificate that the path is for.
    #[must_use]
    #[allow(clippy::missing_panics_doc, clippy::indexing_slicing)] // a path is made with two certificates or more
    pub fn leaf(&self) -> &Certificate {
        &self.0[0]
    }

    /// The certificate that signed the last one. Certificate transparency hashes its key.
    #[must_use]
    #[allow(clippy::missing_panics_doc, clippy::indexing_slicing)] // a path is made with two certificates or more
    pub fn issuer(&self) -> &Certificate {
        &self.0[1]
    }

    /// The anchor.
    #[must_use]
    #[allow(clippy::missing_panics_doc, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // two certificates or more
    pub fn anchor(&self) -> &Certificate {
        &self.0[self.0.len() - 1]
    }
}

/// What a certificate is in a path, apart from the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Anchor,
    Intermediate,
}

/// A depth-first search from the last certificate upwards.
struct Search<'s, 'a> {
    rules: &'s PathRules<'a>,
    set: &'s CryptoSet,
    budget: &'s Budget,
    revocation: Option<&'s Revocation<'s>>,
    closest: Option<PathError>,
}

impl<'s, 'a: 's> Search<'s, 'a> {
    /// Tries all issuers of the certificate at the end of the chain. Only the end of the budget is an error.
    fn extend(&mut self, chain: &mut Vec<&'s Certificate>) -> Result<Option<Path>, PathError> {
        let Some(&current) = chain.last() else { return Ok(None) };
        let candidates = self.issuers(current)?;
        if candidates.is_empty() {
            self.note(unknown_issuer(current))?;
        }
        for (role, issuer) in candidates {
            if let Err(error) = self.link(chain, current, issuer, role) {
                self.note(error)?;
                continue;
            }
            chain.push(issuer);
            let found = match role {
                Role::Anchor => self.finish(chain)?,
                Role::Intermediate => self.extend(chain)?,
            };
            chain.pop();
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Certificates whose subject is the issuer of this one: anchors first, then those whose key identifier fits.
    fn issuers(&self, current: &Certificate) -> Result<Vec<(Role, &'s Certificate)>, PathError> {
        let (anchors, intermediates) = (self.rules.anchors, self.rules.intermediates);
        self.budget.look_at(anchors.len().saturating_add(intermediates.len())).map_err(at(current))?;
        let wanted = current.authority_key_identifier().and_then(|authority| authority.key.as_deref());
        let named = |certificate: &&Certificate| certificate.subject().matches(current.issuer());
        let anchors = anchors.iter().filter(named).map(|certificate| (Role::Anchor, certificate));
        let intermediates = intermediates.iter().filter(named).map(|certificate| (Role::Intermediate, certificate));
        let mut found: Vec<_> = anchors.chain(intermediates).collect();
        found.sort_by_key(|(role, certificate)| (*role == Role::Intermediate, wanted != certificate.subject_key_identifier()));
        Ok(found)
    }

    /// Whether the issuer may stand above the chain, and signed its end. What is cheap comes first.
    fn link(&self, chain: &[&Certificate], current: &Certificate, issuer: &Certificate, role: Role) -> Result<(), PathError> {
        let repeats = chain.iter().any(|known| known.subject().matches(issuer.subject()) && known.spki_der() == issuer.spki_der());
        if repeats {
            return Err(unknown_issuer(current));
        }
        let too_long = role == Role::Intermediate && chain.len() > self.rules.most_intermediates;
        if too_long {
            let limit = u64::try_from(self.rules.most_intermediates).unwrap_or(u64::MAX);
            return Err(at(issuer)(PathFault::PathLength { limit }));
        }
        self.rules.check_issuer(issuer, chain, role).map_err(at(issuer))?;
        self.budget.check_signature().map_err(at(current))?;
        current.verify_signed_by(issuer, self.set).map_err(|error| at(current)(PathFault::Signature { error }))
    }

    /// What can only be checked from the anchor down.
    fn finish(&mut self, chain: &[&'s Certificate]) -> Result<Option<Path>, PathError> {
        let checked = self.check_names(chain).and_then(|()| self.check_policies(chain)).and_then(|()| self.check_revocation(chain));
        match checked {
            Ok(()) => Ok(Some(Path(chain.iter().copied().cloned().collect()))),
            Err(error) => self.note(error).map(|()| None),
        }
    }

    /// Section 6.1.3, steps b and c: self-issued certificates are exempt, unless they are the last.
    fn check_names(&self, chain: &[&Certificate]) -> Result<(), PathError> {
        if self.rules.name_constraints == NameConstraintRule::InsecureIgnored {
            return Ok(());
        }
        for (depth, certificate) in chain.iter().enumerate().filter(|(depth, certificate)| *depth == 0 || !certificate.is_self_issued()) {
            let above = chain.get(depth.saturating_add(1)..).unwrap_or_default();
            for constraints in above.iter().filter_map(|issuer| issuer.name_constraints()) {
                constraints::check(certificate, constraints, self.budget).map_err(at(certificate))?;
            }
        }
        Ok(())
    }

    fn check_policies(&self, chain: &[&Certificate]) -> Result<(), PathError> {
        let without_anchor = chain.split_last().map_or(chain, |(_, rest)| rest);
        self.rules.policies.check(without_anchor).map_err(|(certificate, fault)| at(certificate)(fault))
    }

    fn check_revocation(&self, chain: &[&Certificate]) -> Result<(), PathError> {
        let Some(revocation) = self.revocation else { return Ok(()) };
        for (depth, certificate) in chain.iter().enumerate() {
            let above = chain.get(depth.saturating_add(1)..).unwrap_or_default();
            if !above.is_empty() {
                revocation.check(certificate, above, self.rules, self.set, self.budget).map_err(at(certificate))?;
            }
        }
        Ok(())
    }

    /// Keeps the fault that came closest to a good path; the first of equals.
    fn note(&mut self, error: PathError) -> Result<(), PathError> {
        if error.fault().is_fatal() {
            return Err(error);
        }
        if self.closest.as_ref().is_none_or(|closest| error.fault().rank() > closest.fault().rank()) {
            self.closest = Some(error);
        }
        Ok(())
    }
}

fn at(certificate: &Certificate) -> impl Fn(PathFault) -> PathError {
    |fault| PathError { certificate: certificate.clone(), fault }
}

fn unknown_issuer(certificate: &Certificate) -> PathError {
    at(certificate)(PathFault::UnknownIssuer { issuer: certificate.issuer().to_string() })
}

fn names_purpose(purposes: &[ObjectIdentifier], purpose: ObjectIdentifier) -> bool {
    purposes.contains(&purpose) || purposes.contains(&oid::ANY_EXTENDED_KEY_USAGE)
}

/// Whether all certificates of a path are valid at one more moment.
pub(crate) fn ensure_valid_at(path: &Path, time: i64) -> Result<(), PathError> {
    path.certificates().iter().try_for_each(|certificate| check_validity(certificate, time).map_err(at(certificate)))
}

fn check_validity(certificate: &Certificate, time: i64) -> Result<(), PathFault> {
    let validity = certificate.validity();
    if time < validity.not_before {
        return Err(PathFault::NotYetValid { time, not_before: validity.not_before });
    }
    if time > validity.not_after {
        return Err(PathFault::Expired { time, not_after: validity.not_after });
    }
    Ok(())
}

/// RFC 5280, section 4.1.2.2, wants positive numbers; negative ones occur and are unambiguous. Anchors are exempt.
fn check_serial(certificate: &Certificate) -> Result<(), PathFault> {
    if certificate.serial() == [0] { Err(PathFault::SerialZero) } else { Ok(()) }
}

/// Section 6.1.4, steps k, l and n. A version 1 certificate can say nothing of the kind; only an anchor may be one.
fn check_authority(issuer: &Certificate, role: Role) -> Result<(), PathFault> {
    let is_old_anchor = role == Role::Anchor && issuer.version() < 3;
    if !issuer.is_ca() && !is_old_anchor {
        return Err(PathFault::NotAuthority);
    }
    let needed = KeyUsage::KEY_CERT_SIGN;
    if issuer.key_usage().is_some_and(|usage| !usage.contains(needed)) {
        return Err(PathFault::KeyUsage { needed });
    }
    Ok(())
}

/// Section 6.1.4, steps l and m: neither the last certificate nor self-issued ones count.
fn check_path_length(issuer: &Certificate, below: &[&Certificate]) -> Result<(), PathFault> {
    let Some(limit) = issuer.basic_constraints().and_then(|constraints| constraints.path_length) else { return Ok(()) };
    let count = below.iter().skip(1).filter(|certificate| !certificate.is_self_issued()).count();
    if u64::try_from(count).unwrap_or(u64::MAX) > limit { Err(PathFault::PathLength { limit }) } else { Ok(()) }
}

/// Section 4.2: whoever does not understand a critical extension refuses the certificate.
fn check_critical(certificate: &Certificate) -> Result<(), PathFault> {
    const UNDERSTOOD: [ObjectIdentifier; 10] = [
        oid::BASIC_CONSTRAINTS,
        oid::CERTIFICATE_POLICIES,
        oid::CRL_DISTRIBUTION_POINTS,
        oid::EXTENDED_KEY_USAGE,
        oid::INHIBIT_ANY_POLICY,
        oid::KEY_USAGE,
        oid::NAME_CONSTRAINTS,
        oid::POLICY_CONSTRAINTS,
        oid::POLICY_MAPPINGS,
        oid::SUBJECT_ALTERNATIVE_NAME,
    ];
    let unknown = certificate.extensions().iter().find(|extension| extension.is_critical() && !UNDERSTOOD.contains(&extension.id()));
    match unknown {
        Some(extension) => Err(PathFault::UnknownCriticalExtension { id: extension.id() }),
        None => Ok(()),
    }
}
