//! Which keys of a root count (specification section 3.1, steps 1 and 2).

use std::fmt;

use jiff::Timestamp;
use verimage_crypto::x509::{Certificate, ObjectIdentifier};

use crate::{Gun, failure::RootKeyFault, key::Key};

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// How early a certificate may be used: clocks differ.
const EARLY: i64 = 24 * 60 * 60;

/// Whether the dates of the root certificate count where the key in it is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateDates {
    /// They do.
    Enforced,
    /// They do not: the pin stands for them. Certificates of old collections have run out while their keys are in use.
    Ignored,
}

/// What binds a root key to the collection, where the key is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RootBinding {
    /// A certificate for the key whose common name is that of the collection, or `*` behind the beginning of it.
    Certificate,
    /// Nothing. Metadata do not name their collection: a server can answer with that of another one under the same key. For
    /// keys that are used for one collection only.
    InsecureNone,
}

/// What is asked of the keys of a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RootKeyRules {
    pub(crate) dates: CertificateDates,
    pub(crate) binding: RootBinding,
}

impl RootKeyRules {
    pub(crate) const STRICT: Self = Self { dates: CertificateDates::Enforced, binding: RootBinding::Certificate };

    /// The same for a root that only vouches for its successor.
    pub(crate) fn without_dates(self) -> Self {
        Self { dates: CertificateDates::Ignored, ..self }
    }

    /// The keys that count, at least one.
    pub(crate) fn select<'a>(&self, keys: &[&'a Key], gun: &Gun, now: Timestamp) -> Result<Vec<RootKey<'a>>, RootKeyFault> {
        let mut fault = None;
        let mut selected = Vec::new();
        for key in keys {
            match self.check(key, gun, now) {
                Ok(root_key) => selected.push(root_key),
                Err(why) => fault = fault.or(Some(why)),
            }
        }
        match fault {
            Some(fault) if selected.is_empty() => Err(fault),
            None if selected.is_empty() => Err(RootKeyFault::Key("the root lists no keys".to_owned())),
            _ => Ok(selected),
        }
    }

    fn check<'a>(&self, key: &'a Key, gun: &Gun, now: Timestamp) -> Result<RootKey<'a>, RootKeyFault> {
        key.public_key().map_err(RootKeyFault::Key)?;
        let Some(certificates) = key.certificates() else {
            return match self.binding {
                RootBinding::InsecureNone => Ok(RootKey { key, certificates: None }),
                RootBinding::Certificate => Err(RootKeyFault::Bare),
            };
        };
        let certificates = Bundle::read(certificates.map_err(RootKeyFault::Bundle)?)?;
        certificates.check_algorithm()?;
        if self.binding == RootBinding::Certificate {
            certificates.check_name(gun)?;
        }
        if self.dates == CertificateDates::Enforced {
            certificates.check_validity(now)?;
        }
        Ok(RootKey { key, certificates: Some(certificates) })
    }
}

/// A key of a root that counts.
#[derive(Debug)]
pub(crate) struct RootKey<'a> {
    pub(crate) key: &'a Key,
    pub(crate) certificates: Option<Bundle>,
}

/// One certificate that is no authority, and the authorities above it.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) leaf: Certificate,
    pub(crate) authorities: Vec<Certificate>,
}

impl Bundle {
    /// Step 1: exactly one leaf, which comes first.
    fn read(certificates: Vec<Certificate>) -> Result<Self, RootKeyFault> {
        let fault = |text: &str| RootKeyFault::Bundle(text.to_owned());
        let mut certificates = certificates.into_iter();
        let leaf = certificates.next().ok_or_else(|| fault("is empty"))?;
        let authorities: Vec<_> = certificates.collect();
        if leaf.is_ca() {
            return Err(fault("begins with the certificate of an authority"));
        }
        if authorities.iter().any(|certificate| !certificate.is_ca()) {
            return Err(fault("has more than one certificate that is no authority"));
        }
        Ok(Self { leaf, authorities })
    }

    /// SHA-1 and MD5 do not count, nor what is not known.
    fn check_algorithm(&self) -> Result<(), RootKeyFault> {
        self.leaf.signature_algorithm().map(drop).map_err(|oid| RootKeyFault::Algorithm { oid: oid.to_string() })
    }

    /// Step 2: the name, or the beginning of it before a `*`. A second name is no name.
    fn check_name(&self, gun: &Gun) -> Result<(), RootKeyFault> {
        let attributes = self.leaf.subject().parts().iter().flatten();
        let names: Vec<_> = attributes.filter(|attribute| attribute.kind() == COMMON_NAME).map(|attribute| attribute.text()).collect();
        let fits = |name: &str| name.strip_suffix('*').map_or(gun.as_str() == name, |start| gun.as_str().starts_with(start));
        match names.as_slice() {
            [Some(name)] if fits(name) => Ok(()),
            _ => Err(RootKeyFault::CommonName {
                found: names.iter().map(|name| name.unwrap_or("?").escape_debug().to_string()).collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// Step 2: from a day before `notBefore`.
    fn check_validity(&self, now: Timestamp) -> Result<(), RootKeyFault> {
        let validity = self.leaf.validity();
        let range = validity.not_before.saturating_sub(EARLY)..=validity.not_after;
        if range.contains(&now.as_second()) {
            return Ok(());
        }
        let moment = |second| Timestamp::from_second(second).unwrap_or_default();
        Err(RootKeyFault::Validity { not_before: moment(validity.not_before), not_after: moment(validity.not_after) })
    }
}

impl fmt::Display for RootKey<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.key.listed_id())
    }
}
