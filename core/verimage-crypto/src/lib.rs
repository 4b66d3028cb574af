//! Public keys, algorithms, signature verification, certificates and time stamps of `verimage`.
//!
//! The crate is pure: no file, no network, no clock, no environment, no randomness. The same bytes
//! always give the same answer.
//!
//! A key is parsed once into a [`PublicKey`], loaded into a [`CryptoSet`], and then verifies any
//! number of signatures:
//!
//! ```
//! use verimage_crypto::{Algorithm, CryptoSet, EcdsaEncoding, HashAlgorithm, PublicKey};
//!
//! let pem = b"-----BEGIN PUBLIC KEY-----
//! MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
//! -----END PUBLIC KEY-----
//! ";
//! // The first test vector of RFC 8032: a signature of the empty message.
//! let signature = [
//!     0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60, 0xac, 0x72, 0x90, 0x86, 0xe2, 0xcc, 0x80, 0x6e, 0x82, 0x8a,
//!     0x84, 0x87, 0x7f, 0x1e, 0xb8, 0xe5, 0xd9, 0x74, 0xd8, 0x73, 0xe0, 0x65, 0x22, 0x49, 0x01, 0x55,
//!     0x5f, 0xb8, 0x82, 0x15, 0x90, 0xa3, 0x3b, 0xac, 0xc6, 0x1e, 0x39, 0x70, 0x1c, 0xf9, 0xb4, 0x6b,
//!     0xd2, 0x5b, 0xf5, 0xf0, 0x59, 0x5b, 0xbe, 0x24, 0x65, 0x51, 0x41, 0x43, 0x8e, 0x7a, 0x10, 0x0b,
//! ];
//!
//! let key = PublicKey::from_pem(pem)?;
//! let verifying_key = CryptoSet::rustcrypto().load(&key)?;
//! verifying_key.verify(Algorithm::Ed25519, b"", &signature)?;
//!
//! // Another message, or an algorithm that the key cannot have signed with, is refused.
//! assert!(verifying_key.verify(Algorithm::Ed25519, b"other", &signature).is_err());
//! let ecdsa = Algorithm::Ecdsa { hash: HashAlgorithm::Sha256, encoding: EcdsaEncoding::Der };
//! assert!(verifying_key.verify(ecdsa, b"", &signature).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Crypto sets
//!
//! A [`CryptoSet`] is a struct of public parts: one for ECDSA, one for RSA, one for Ed25519. Two sets
//! exist: [`CryptoSet::rustcrypto`], always there, and `CryptoSet::aws_lc`, faster for ECDSA and RSA.
//! A caller with a part of its own takes a set and replaces one field.
//!
//! **The set may never change a verdict.** Every rule that implementations are known to disagree about
//! is checked in this crate, before a set sees a key or a signature:
//!
//! | kind | rule |
//! |---|---|
//! | all keys | the exact DER that this crate would write for the key; RSA parameters NULL, others absent |
//! | ECDSA keys | P-256, P-384 or P-521 by name; point uncompressed and on the curve |
//! | ECDSA signatures | strict DER, or exactly two scalars of field width; `r` and `s` from 1 to n-1; high `s` is fine |
//! | RSA keys | modulus odd, 2048 to 8192 bits; exponent odd, 3 to 2^33-1 |
//! | RSA signatures | exactly as long as the modulus, and below it; PSS salt as long as the hash, but for one function that says otherwise |
//! | Ed25519 | key and `R` canonical and not of small order; `S` below the group order |
//!
//! # Certificates and time stamps
//!
//! [`x509`] reads certificates and revocation lists and finds paths to anchors; [`rfc3161`] verifies time stamps. Both
//! take the moment as an argument, check signatures with the given crypto set over the original bytes, and work within
//! fixed bounds.
//!
//! # Features
//!
//! `aws-lc-rs` adds `CryptoSet::aws_lc`. Features add API and never change an answer.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(missing_debug_implementations)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
#![cfg_attr(test, allow(clippy::expect_used, clippy::indexing_slicing))]

mod algorithm;
mod asn1;
#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
mod ecdsa;
mod ed25519;
mod error;
mod hash;
mod key;
mod pem;
mod pss;
pub mod rfc3161;
mod rsa;
mod rustcrypto;
mod set;
pub mod x509;

pub use algorithm::{Algorithm, EcdsaEncoding, RsaPadding};
pub use error::{Found, KeyError, Refused, SignatureError};
pub use hash::{HashAlgorithm, MessageDigest};
pub use key::{Fingerprint, KeyKind, PublicKey};
pub use set::{CryptoSet, EcdsaKey, EcdsaVerifier, Ed25519Key, Ed25519Verifier, RsaKey, RsaVerifier, VerifyingKey};
