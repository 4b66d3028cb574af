//! Trust stores: named sets of certificates, one type for each purpose, validated in one place.

use std::{collections::BTreeMap, fmt};

use thiserror::Error;
use verimage_crypto::{
    CryptoSet,
    x509::{Certificate, CertificateError},
};

use crate::{
    chain::{self, ChainError},
    trust_policy::StoreReference,
};

/// What the certificates of a trust store are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreType {
    /// `ca`: signers with certificates.
    Ca,
    /// `signingAuthority`: authorities that vouch for the signing time.
    SigningAuthority,
    /// `tsa`: time stamp authorities.
    Tsa,
}

impl StoreType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ca, Self::SigningAuthority, Self::Tsa];

    /// The type of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|store_type| store_type.as_str() == name)
    }

    /// The name in trust policies and in the folders of the reference.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::SigningAuthority => "signingAuthority",
            Self::Tsa => "tsa",
        }
    }
}

impl fmt::Display for StoreType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The name of a trust store: letters, digits, `_`, `.` and `-`, and never one that leads elsewhere in a file system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreName(String);

/// A text that cannot be the name of a trust store.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("trust store name needs to follow [a-zA-Z0-9_.-]+ format, {name} is invalid")]
#[non_exhaustive]
pub struct StoreNameError {
    /// The text.
    pub name: String,
}

impl StoreName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`StoreNameError`] if it is empty, has other characters, or is `.` or `..`.
    pub fn new(name: &str) -> Result<Self, StoreNameError> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let elsewhere = matches!(name, "" | "." | "..");
        if elsewhere || !name.bytes().all(good) { Err(StoreNameError { name: name.to_owned() }) } else { Ok(Self(name.to_owned())) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Why a trust store is refused, or is not there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs)] // `store_type` and `name` are those of the store, `file` the name that the caller gave
pub enum TrustStoreError {
    /// The statement names a store that is not there.
    #[error("the trust store \"{name}\" of type \"{store_type}\" does not exist")]
    NotFound { store_type: StoreType, name: StoreName },
    /// A file holds no certificates.
    #[error("failed to read the trusted certificate {file} in trust store {name} of type {store_type}: {error}")]
    Unreadable { store_type: StoreType, name: StoreName, file: String, error: CertificateError },
    /// A certificate is neither an authority nor signed with its own key.
    #[error(
        "failed to validate the trusted certificate {file} in trust store {name} of type {store_type}: certificate with subject \"{subject}\" is not a CA certificate or self-signed signing certificate"
    )]
    NotTrustable { store_type: StoreType, name: StoreName, file: String, subject: String },
    /// A certificate for timestamps is not the root of an authority.
    #[error(
        "trusted certificate {file} in trust store {name} of type {store_type} is invalid: certificate with subject \"{subject}\" is not a root CA certificate: {reason}"
    )]
    NotRoot { store_type: StoreType, name: StoreName, file: String, subject: String, reason: String },
    /// No certificate at all.
    #[error("no x509 certificates were found in trust store \"{name}\" of type \"{store_type}\"")]
    Empty { store_type: StoreType, name: StoreName },
}

/// A trust store whose certificates are valid for its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustStore {
    store_type: StoreType,
    name: StoreName,
    certificates: Vec<Certificate>,
}

impl TrustStore {
    /// Reads and validates the certificate files of a store: each a PEM bundle or certificates in DER.
    ///
    /// The names of the files are for messages only.
    ///
    /// # Errors
    /// [`TrustStoreError`] names the first file and certificate that cannot be trusted.
    pub fn new<'a>(
        store_type: StoreType,
        name: StoreName,
        files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        set: &CryptoSet,
    ) -> Result<Self, TrustStoreError> {
        let mut store = Self { store_type, name, certificates: Vec::new() };
        for (file, bytes) in files {
            let certificates = Certificate::all_from_file(bytes).map_err(|error| store.unreadable(file, error))?;
            certificates.iter().try_for_each(|certificate| store.check(file, certificate, set))?;
            store.certificates.extend(certificates);
        }
        if store.certificates.is_empty() {
            return Err(TrustStoreError::Empty { store_type, name: store.name });
        }
        Ok(store)
    }

    /// Its type.
    #[must_use]
    pub fn store_type(&self) -> StoreType {
        self.store_type
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &StoreName {
        &self.name
    }

    /// Its certificates.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    fn unreadable(&self, file: &str, error: CertificateError) -> TrustStoreError {
        TrustStoreError::Unreadable { store_type: self.store_type, name: self.name.clone(), file: file.to_owned(), error }
    }

    /// Trust store and trust policy specification, "Trust store"; for timestamps also the rules for roots.
    fn check(&self, file: &str, certificate: &Certificate, set: &CryptoSet) -> Result<(), TrustStoreError> {
        let (store_type, name, file) = (self.store_type, self.name.clone(), file.to_owned());
        let subject = chain::subject(certificate);
        let own = chain::check_self_signature(certificate, set);
        if store_type == StoreType::Tsa {
            let own = own.map_err(|error| error.to_string());
            let rules = own.and_then(|()| chain::check_authority(certificate, 0).map_err(|error: ChainError| error.to_string()));
            return rules.map_err(|reason| TrustStoreError::NotRoot { store_type, name, file, subject, reason });
        }
        if certificate.is_ca() || own.is_ok() { Ok(()) } else { Err(TrustStoreError::NotTrustable { store_type, name, file, subject }) }
    }
}

/// All trust stores at hand. A store that is not in here does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustStores(BTreeMap<(StoreType, StoreName), TrustStore>);

impl TrustStores {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a store. One of the same type and name is replaced as a whole: what is gone from it is no longer trusted.
    pub fn insert(&mut self, store: TrustStore) {
        self.0.insert((store.store_type, store.name.clone()), store);
    }

    /// The certificates of those named stores that have a type.
    ///
    /// # Errors
    /// [`TrustStoreError::NotFound`] for the first that is not there.
    pub(crate) fn certificates(&self, references: &[StoreReference], wanted: StoreType) -> Result<Vec<Certificate>, TrustStoreError> {
        let mut certificates = Vec::new();
        for StoreReference { store_type, name } in references.iter().filter(|reference| reference.store_type == wanted) {
            let found = self.0.get(&(*store_type, name.clone()));
            let store = found.ok_or_else(|| TrustStoreError::NotFound { store_type: *store_type, name: name.clone() })?;
            certificates.extend_from_slice(&store.certificates);
        }
        Ok(certificates)
    }
}

impl FromIterator<TrustStore> for TrustStores {
    fn from_iter<I: IntoIterator<Item = TrustStore>>(stores: I) -> Self {
        let mut all = Self::new();
        stores.into_iter().for_each(|store| all.insert(store));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_lead_elsewhere() {
        for good in ["acme", "acme-rockets.io_2", "...", "-"] {
            assert!(StoreName::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a\\b", "../x", "a b", "ä", "a:b", "a\0"] {
            assert!(StoreName::new(bad).is_err(), "{bad}");
        }
    }
}
