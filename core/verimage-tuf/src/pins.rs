//! What a user trusts a collection for (specification sections 3.1 and 3.2).

use std::collections::BTreeSet;

use jiff::Timestamp;
use thiserror::Error;
use verimage_crypto::{
    CryptoSet, Fingerprint, HashAlgorithm, PublicKey,
    x509::{Certificate, PathRules},
};

use crate::{
    Gun,
    document::Root,
    envelope::Envelope,
    failure::Fault,
    key::{Key, verify_threshold},
    root_key::{CertificateDates, RootBinding, RootKey, RootKeyRules},
};

/// What the root of a collection must hold, so that it is trusted.
///
/// Whoever holds a pin for several collections must know that a bare key does not name one; see [`RootBinding`].
#[derive(Clone, Debug, PartialEq)]
pub struct Pins(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    RootKeys { keys: Vec<PublicKey>, need: Need, rules: RootKeyRules },
    Certificates(Vec<Certificate>),
    KeyIds(BTreeSet<String>),
    Authorities(Vec<Certificate>),
    FirstUse,
}

/// How many of several pinned keys must have signed the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Need {
    /// One of them.
    Any,
    /// Every one.
    All,
}

/// Why there are no pins.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PinError {
    /// Nothing is pinned, which would be no check at all.
    #[error("nothing is pinned")]
    Nothing,
    /// A text is no key ID.
    #[error("{0:?} is no key ID; it has 64 small hexadecimal digits")]
    KeyId(String),
}

impl Pins {
    /// Public keys of which one must be a root key and have signed the root. The certificate around the key counts, with its
    /// name and its dates, unless [`dates`](Self::dates) and [`binding`](Self::binding) say otherwise.
    ///
    /// A key that the newest root no longer has still counts, if a chain of roots leads from one that has it to the newest.
    ///
    /// # Errors
    /// [`PinError::Nothing`] for an empty list.
    pub fn root_keys(keys: Vec<PublicKey>, need: Need) -> Result<Self, PinError> {
        not_empty(keys).map(|keys| Self(Kind::RootKeys { keys, need, rules: RootKeyRules::STRICT }))
    }

    /// Certificates of which one must be that of a root key, byte by byte, in the newest root.
    ///
    /// # Errors
    /// [`PinError::Nothing`] for an empty list.
    pub fn certificates(certificates: Vec<Certificate>) -> Result<Self, PinError> {
        not_empty(certificates).map(|certificates| Self(Kind::Certificates(certificates)))
    }

    /// IDs of which one must be that of a root key with a certificate, in the newest root.
    ///
    /// # Errors
    /// [`PinError::Nothing`] for an empty list, [`PinError::KeyId`] for a text that is no ID.
    pub fn key_ids<'a>(ids: impl IntoIterator<Item = &'a str>) -> Result<Self, PinError> {
        let is_id = |text: &str| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let check = |text: &str| if is_id(text) { Ok(text.to_owned()) } else { Err(PinError::KeyId(text.to_owned())) };
        let ids: BTreeSet<_> = ids.into_iter().map(check).collect::<Result<_, _>>()?;
        if ids.is_empty() { Err(PinError::Nothing) } else { Ok(Self(Kind::KeyIds(ids))) }
    }

    /// Authorities to one of which the certificate of a root key must lead, in the newest root.
    ///
    /// # Errors
    /// [`PinError::Nothing`] for an empty list.
    pub fn authorities(certificates: Vec<Certificate>) -> Result<Self, PinError> {
        not_empty(certificates).map(|certificates| Self(Kind::Authorities(certificates)))
    }

    /// Whatever root comes first, and then only what follows from it. Without a kept [`TrustState`](crate::TrustState) every
    /// contact is the first one, and this is no check at all.
    #[must_use]
    pub fn insecure_trust_on_first_use() -> Self {
        Self(Kind::FirstUse)
    }

    /// Whether the dates of the certificate around a pinned key count; of no matter for other pins, where they always do.
    #[must_use]
    pub fn dates(mut self, dates: CertificateDates) -> Self {
        if let Kind::RootKeys { rules, .. } = &mut self.0 {
            rules.dates = dates;
        }
        self
    }

    /// What binds a pinned key to the collection; of no matter for other pins, where a certificate always does.
    #[must_use]
    pub fn binding(mut self, binding: RootBinding) -> Self {
        if let Kind::RootKeys { rules, .. } = &mut self.0 {
            rules.binding = binding;
        }
        self
    }

    /// Whether nothing is pinned.
    #[must_use]
    pub fn is_first_use(&self) -> bool {
        self.0 == Kind::FirstUse
    }

    pub(crate) fn rules(&self) -> RootKeyRules {
        match &self.0 {
            Kind::RootKeys { rules, .. } => *rules,
            _ => RootKeyRules::STRICT,
        }
    }

    /// A short name for these pins: a kept root was established under the same ones, or under others.
    pub(crate) fn anchor(&self) -> String {
        let hash = |bytes: &[u8]| hex::encode(HashAlgorithm::Sha256.digest(bytes).as_bytes());
        let certificates = |list: &[Certificate]| list.iter().map(|certificate| hash(certificate.der())).collect::<BTreeSet<_>>();
        let (kind, members) = match &self.0 {
            Kind::RootKeys { keys, need, rules } => {
                (format!("{need:?} {rules:?}"), keys.iter().map(|key| key.fingerprint().to_string()).collect())
            }
            Kind::Certificates(list) => ("certificates".to_owned(), certificates(list)),
            Kind::KeyIds(ids) => ("key IDs".to_owned(), ids.clone()),
            Kind::Authorities(list) => ("authorities".to_owned(), certificates(list)),
            Kind::FirstUse => ("first use".to_owned(), BTreeSet::new()),
        };
        let members: Vec<_> = members.into_iter().collect();
        hash(format!("{kind}\n{}", members.join("\n")).as_bytes())
    }

    /// Whether something binds a key of the root to the collection, though that may not be asked for.
    pub(crate) fn is_bound(&self, root: &Root, question: &Question<'_>) -> bool {
        let rules = RootKeyRules { binding: RootBinding::Certificate, ..self.rules() };
        rules.select(&root.root_keys(), question.gun, question.now).is_ok()
    }

    /// Whether the keys that are pinned are among those of the root. False for other pins.
    pub(crate) fn lists_pinned_keys(&self, root: &Root) -> bool {
        let Kind::RootKeys { keys, need, .. } = &self.0 else { return false };
        let listed: BTreeSet<_> = root.root_keys().iter().filter_map(|key| Some(key.public_key().ok()?.fingerprint())).collect();
        let mut pinned = keys.iter().map(|key| listed.contains(&key.fingerprint()));
        match need {
            Need::Any => pinned.any(|is_listed| is_listed),
            Need::All => pinned.all(|is_listed| is_listed),
        }
    }

    /// Section 3.1 for one root: which keys count, those that the pin leaves, and its own threshold by them.
    pub(crate) fn check_root(&self, envelope: &Envelope, root: &Root, question: &Question<'_>) -> Result<Vec<PublicKey>, Fault> {
        let candidates = self.rules().select(&root.root_keys(), question.gun, question.now)?;
        let survivors = self.survivors(&candidates, question)?;
        verify_threshold(envelope, &survivors, root.root.threshold, &question.crypto)
    }

    /// Section 3.1, step 4: those that the pin leaves. All, if keys are pinned: they are looked for among the signers.
    fn survivors<'a>(&self, candidates: &[RootKey<'a>], question: &Question<'_>) -> Result<Vec<&'a Key>, Fault> {
        let keep = |is_pinned: &dyn Fn(&RootKey<'a>) -> bool| {
            candidates.iter().filter(|candidate| is_pinned(candidate)).map(|candidate| candidate.key).collect::<Vec<_>>()
        };
        let (kept, expected) = match &self.0 {
            Kind::RootKeys { .. } | Kind::FirstUse => return Ok(keep(&|_| true)),
            Kind::Authorities(authorities) => return led_to(authorities, candidates, question),
            Kind::Certificates(pinned) => {
                let is_pinned = |leaf: &Certificate| pinned.contains(leaf);
                let kept = keep(&|candidate| candidate.certificates.as_ref().is_some_and(|bundle| is_pinned(&bundle.leaf)));
                (kept, pinned.iter().map(|certificate| format!("certificate SHA256:{}", hex::encode(certificate.sha256()))).collect())
            }
            Kind::KeyIds(ids) => (keep(&|candidate| ids.contains(&candidate.key.computed_id())), ids.iter().cloned().collect()),
        };
        let found = || candidates.iter().map(|candidate| candidate.key.computed_id()).collect();
        if kept.is_empty() { Err(Fault::Pin { expected, found: found() }) } else { Ok(kept) }
    }

    /// Section 3.2: what is pinned is a root key, and it signed. Gives the pinned keys that did; all signers for other pins.
    pub(crate) fn check_pinned_keys(&self, root: &Root, signers: &[PublicKey]) -> Result<Vec<PublicKey>, Fault> {
        let Kind::RootKeys { keys, need, .. } = &self.0 else { return Ok(signers.to_vec()) };
        let (signed, silent): (Vec<_>, Vec<_>) = keys.iter().partition(|key| signers.contains(key));
        let is_met = match need {
            Need::Any => !signed.is_empty(),
            Need::All => silent.is_empty(),
        };
        if is_met {
            return Ok(signed.into_iter().cloned().collect());
        }
        let listed: BTreeSet<_> = root.root_keys().iter().filter_map(|key| Some(key.public_key().ok()?.fingerprint())).collect();
        match silent.into_iter().find(|key| self.lists_pinned_keys(root) && listed.contains(&key.fingerprint())) {
            Some(key) => Err(Fault::PinnedKeyDidNotSign { key: key.fingerprint().to_string() }),
            None => Err(Fault::Pin { expected: fingerprints(keys.iter().map(PublicKey::fingerprint)), found: fingerprints(listed) }),
        }
    }
}

/// About which collection, when, and with which crypto set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) gun: &'a Gun,
    pub(crate) now: Timestamp,
    pub(crate) crypto: CryptoSet,
}

fn led_to<'a>(authorities: &[Certificate], candidates: &[RootKey<'a>], question: &Question<'_>) -> Result<Vec<&'a Key>, Fault> {
    let mut fault =
        Fault::Pin { expected: authorities.iter().map(|authority| authority.subject().to_string()).collect(), found: Vec::new() };
    let mut kept = Vec::new();
    for candidate in candidates {
        let Some(bundle) = &candidate.certificates else { continue };
        match PathRules::new(authorities, &bundle.authorities, question.now.as_second()).find(&bundle.leaf, &question.crypto) {
            Ok(_) => kept.push(candidate.key),
            Err(error) => fault = Fault::Authority(error),
        }
    }
    if kept.is_empty() { Err(fault) } else { Ok(kept) }
}

fn fingerprints(list: impl IntoIterator<Item = Fingerprint>) -> Vec<String> {
    list.into_iter().map(|fingerprint| fingerprint.to_string()).collect()
}

fn not_empty<T>(list: Vec<T>) -> Result<Vec<T>, PinError> {
    if list.is_empty() { Err(PinError::Nothing) } else { Ok(list) }
}
