//! What a signature packet says of itself, and which of them count (specification sections 2.3 and 2.4).

use jiff::Timestamp;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{Signature, SignatureVersion, Subpacket, SubpacketData};
use pgp::types::Duration;

/// How far another clock may be ahead, in seconds.
pub(crate) const CLOCK_SLACK: i64 = 5 * 60;
/// Self-signatures with SHA-1 count if they say that they are older than this: 2023-02-01. Breaking one takes a second
/// preimage, and keys of old distributions have no others.
const SHA1_ENDS: i64 = 1_675_209_600;

/// The signed part of a signature packet; the rest of it could be anybody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// When it was made, in seconds since 1970, as its maker says.
    pub(crate) created: i64,
    /// How long it counts, in seconds.
    lasts: Option<i64>,
    /// How long the key counts that it is about, in seconds since the key was made.
    key_lasts: Option<i64>,
    /// Whether the key that it is about may sign; nothing if it does not say.
    pub(crate) may_sign: Option<bool>,
}

impl Statement {
    /// Reads a signature whose version and marks are understood.
    ///
    /// # Errors
    /// A sentence if it says anything that must be understood and is not, or not once when it was made.
    pub(crate) fn read(signature: &Signature) -> Result<Self, String> {
        let config = signature.config().ok_or("its version is not known")?;
        match signature.version() {
            SignatureVersion::V3 => return Self::of_version_3(signature),
            SignatureVersion::V4 | SignatureVersion::V6 => {}
            version => return Err(format!("it is of version {}", u8::from(version))),
        }
        if let Some(unknown) = config
            .hashed_subpackets()
            .chain(config.unhashed_subpackets())
            .find(|subpacket| subpacket.is_critical && !is_understood(subpacket))
        {
            return Err(format!("it says something critical that is not understood (subpacket type {})", unknown.typ().as_u8(false)));
        }
        let signed: Vec<&SubpacketData> = config.hashed_subpackets().map(|subpacket| &subpacket.data).collect();
        let mut times = signed.iter().filter_map(|data| match data {
            SubpacketData::SignatureCreationTime(time) => Some(i64::from(time.as_secs())),
            _ => None,
        });
        let (Some(created), None) = (times.next(), times.next()) else { return Err("it does not say once when it was made".to_owned()) };
        let shortest = |pick: fn(&SubpacketData) -> Option<Duration>| {
            let durations = signed.iter().filter_map(|data| pick(data)).map(|duration| i64::from(duration.as_secs()));
            durations.filter(|seconds| *seconds != 0).min()
        };
        let flags = signed.iter().filter_map(|data| match data {
            SubpacketData::KeyFlags(flags) => Some(flags.sign()),
            _ => None,
        });
        Ok(Self {
            created,
            lasts: shortest(|data| if let SubpacketData::SignatureExpirationTime(time) = data { Some(*time) } else { None }),
            key_lasts: shortest(|data| if let SubpacketData::KeyExpirationTime(time) = data { Some(*time) } else { None }),
            may_sign: flags.reduce(|all, flag| all && flag),
        })
    }

    /// Version 3 has no subpackets; only RSA with SHA-2 is taken of it.
    fn of_version_3(signature: &Signature) -> Result<Self, String> {
        let algorithm = signature.config().map(|config| config.pub_alg);
        let created = signature.created().ok_or("it does not say when it was made")?;
        let is_rsa = matches!(algorithm, Some(PublicKeyAlgorithm::RSA | PublicKeyAlgorithm::RSASign));
        if !is_rsa || !signature.hash_alg().is_some_and(is_strong) {
            return Err("it is of version 3, which counts with RSA and SHA-2 only".to_owned());
        }
        Ok(Self { created: i64::from(created.as_secs()), lasts: None, key_lasts: None, may_sign: None })
    }

    /// When the signature stops to count, if it ever does.
    pub(crate) fn expires(&self) -> Option<i64> {
        self.lasts.map(|seconds| self.created.saturating_add(seconds))
    }

    /// When a key made at `created` stops to count, if it ever does.
    pub(crate) fn key_expires(&self, created: i64) -> Option<i64> {
        self.key_lasts.map(|seconds| created.saturating_add(seconds))
    }

    /// What is said now: by the newest of these, or by all of the newest, where nothing more than each of them allows is
    /// allowed.
    pub(crate) fn newest(statements: &[Self], now: i64) -> Option<Self> {
        let is_alive = |statement: &&Self| {
            statement.created <= now.saturating_add(CLOCK_SLACK) && statement.expires().is_none_or(|expires| now < expires)
        };
        let alive = || statements.iter().filter(is_alive);
        let newest = alive().map(|statement| statement.created).max()?;
        alive().filter(|statement| statement.created == newest).copied().reduce(Self::and)
    }

    fn and(self, other: Self) -> Self {
        let key_lasts = [self.key_lasts, other.key_lasts].into_iter().flatten().min();
        let may_sign = [self.may_sign, other.may_sign].into_iter().flatten().reduce(|one, two| one && two);
        Self { key_lasts, may_sign, ..self }
    }
}

/// Everything of RFC 9580 that changes nothing about a signature over data or a key, or that is looked at here. Notations,
/// intended recipients and targets would change something for whoever knows them.
fn is_understood(subpacket: &Subpacket) -> bool {
    !matches!(
        subpacket.data,
        SubpacketData::Notation(_)
            | SubpacketData::IntendedRecipientFingerprint(_)
            | SubpacketData::SignatureTarget(..)
            | SubpacketData::Experimental(..)
            | SubpacketData::Other(..)
    )
}

/// Hashes for signatures over data.
pub(crate) fn is_strong(hash: HashAlgorithm) -> bool {
    use HashAlgorithm::{Sha3_256, Sha3_512, Sha224, Sha256, Sha384, Sha512};
    matches!(hash, Sha224 | Sha256 | Sha384 | Sha512 | Sha3_256 | Sha3_512)
}

/// A self-signature that is readable and whose hash counts.
pub(crate) fn of_key(signature: &Signature) -> Option<Statement> {
    let statement = Statement::read(signature).ok()?;
    let hash = signature.hash_alg()?;
    let counts = is_strong(hash) || (hash == HashAlgorithm::Sha1 && statement.created < SHA1_ENDS);
    counts.then_some(statement)
}

/// A moment as messages print it.
pub(crate) fn text(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| format!("second {seconds}"), |time| time.to_string())
}
