//! X.509 certificates, revocation lists and paths (RFC 5280).
//!
//! A [`Certificate`] is parsed once and keeps its original bytes. [`PathRules`] find a [`Path`] from it to an anchor at one
//! moment, within a budget of work. Schemes with rules of their own, such as the Notary Project's ordered chains, take the
//! parts: [`Certificate::verify_signed_by`], the accessors, [`RevocationList`], and [`OcspResponse`].
//!
//! Served signature algorithms: RSA PKCS#1 v1.5 and PSS (salt as long as the hash), ECDSA on P-256, P-384 and P-521, each
//! with SHA-256, SHA-384 or SHA-512, and Ed25519. SHA-1 and MD5 are refused.

pub(crate) mod algorithm;
mod budget;
mod certificate;
mod constraints;
mod crl;
mod error;
mod extension;
mod name;
mod ocsp;
pub(crate) mod oid;
mod path;
mod policy;
mod revocation;
mod sources;

pub(crate) use extension::general_names;
pub(crate) use path::ensure_valid_at;

pub use certificate::{Certificate, Validity};
pub use const_oid::ObjectIdentifier;
pub use crl::{RevocationList, Revoked};
pub use error::{CertificateError, PathError, PathFault};
pub use extension::{AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, Extension, KeyUsage, NameConstraints};
pub use name::{Attribute, GeneralName, Name};
pub use ocsp::{OcspError, OcspResponse, OcspStatus, SingleResponse, ocsp_request};
pub use path::{Leaf, NameConstraintRule, Path, PathRules};
pub use policy::PolicyRules;
