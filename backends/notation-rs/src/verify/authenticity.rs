//! Authenticity: trust in the chain, and in the identity of the signer.

use super::{CheckError, Verification};
use crate::{
    StoreType, TrustedIdentity,
    chain::subject,
    envelope::{SignerInfo, SigningScheme},
    trust_policy::TrustedIdentities,
};

impl Verification<'_> {
    /// Stores of one type count for one scheme only: otherwise whoever has a certificate could vouch for its own time.
    pub(super) fn authenticity(&self, info: &SignerInfo, by_plugin: bool) -> Result<(), CheckError> {
        let store_type = match info.signing_scheme {
            SigningScheme::X509 => StoreType::Ca,
            SigningScheme::X509SigningAuthority => StoreType::SigningAuthority,
        };
        let trusted = self.stores.certificates(&self.statement.trust_stores, store_type)?;
        if trusted.is_empty() {
            return Err(CheckError::NoTrustedCertificates);
        }
        if !info.certificate_chain.iter().any(|certificate| trusted.contains(certificate)) {
            return Err(CheckError::Untrusted);
        }
        if by_plugin { Ok(()) } else { self.identity(info) }
    }

    /// The leaf alone, by any one identity.
    fn identity(&self, info: &SignerInfo) -> Result<(), CheckError> {
        let TrustedIdentities::AnyOf(identities) = &self.statement.trusted_identities else { return Ok(()) };
        let statement = || self.statement.name.clone();
        let leaf = info.leaf().ok_or(CheckError::Untrusted)?;
        let names: Vec<_> = identities.iter().filter_map(TrustedIdentity::x509_subject).collect();
        if names.is_empty() {
            return Err(CheckError::NoX509Identities { statement: statement() });
        }
        if names.iter().any(|name| name.matches(leaf.subject())) {
            return Ok(());
        }
        let identities = identities.iter().map(ToString::to_string).collect();
        Err(CheckError::IdentityMismatch { subject: subject(leaf), identities, statement: statement() })
    }
}
