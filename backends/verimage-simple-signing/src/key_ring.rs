//! OpenPGP keys that a policy trusts, and whether a signature is by one of them (specification sections 2.1 to 2.4).
//!
//! What a key says of itself is verified once, when it is read; what of it holds at the time of a verification is worked out
//! then. Nothing but the file itself is asked: no key server, no web of trust.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pgp::packet::{PublicKey, PublicSubkey, Signature, SignatureType, SubpacketData, UserId};
use pgp::types::{KeyDetails as _, Tag};
use verimage_core::{Code, Digest, Failure};
use verimage_crypto::CryptoSet;

use crate::envelope::Message;
use crate::failure::KeyRingError;
use crate::key::Key;
use crate::packet::{self, Packet};
use crate::statement::{self, CLOCK_SLACK, Statement};
use crate::{armor, failure};

/// The largest key file, in bytes.
const MAX_RING_BYTES: usize = 1 << 20;
/// How many packets a key file may have.
const MAX_PACKETS: usize = 100_000;
/// How many signatures one key may have.
const MAX_SIGNATURES: usize = 1000;

/// The keys of one or more files. Any of them may have signed.
#[derive(Debug, Default)]
pub struct KeyRing {
    certificates: Vec<Certificate>,
    unusable: Vec<String>,
}

/// Who signed, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signed {
    /// What was signed, byte for byte; of a signature over text, its line ends may have been others.
    pub content: Vec<u8>,
    /// The fingerprint of the primary key of the signer, in upper-case hexadecimal digits.
    pub fingerprint: String,
    /// The fingerprint of the key that signed: the primary key, or a subkey of it.
    pub signing_key: String,
    /// SHA-256 of the SubjectPublicKeyInfo of the key that signed, under which other schemes know it.
    pub signing_key_digest: Option<Digest>,
    /// When the signer says that it was signed, in seconds since 1970.
    pub created: i64,
}

impl KeyRing {
    /// Reads a key file: binary or armored, with any number of keys.
    ///
    /// # Errors
    /// If something in it is no key, or none of its keys may sign.
    pub fn parse(bytes: &[u8], crypto: &CryptoSet) -> Result<Self, KeyRingError> {
        if bytes.len() > MAX_RING_BYTES {
            return Err(KeyRingError::Malformed(format!("it has more than {MAX_RING_BYTES} bytes")));
        }
        let binary = match bytes.first() {
            Some(first) if first & 0x80 != 0 => bytes.to_vec(),
            _ => {
                let text = String::from_utf8_lossy(bytes);
                armor::decode(&text).map_err(KeyRingError::Malformed)?
            }
        };
        let groups = groups(&binary).map_err(KeyRingError::Malformed)?;
        let mut ring = Self::default();
        for group in groups {
            match group.certificate(crypto) {
                Ok(certificate) => ring.certificates.push(certificate),
                Err(reason) => ring.unusable.push(reason),
            }
        }
        if ring.certificates.is_empty() {
            let reasons = if ring.unusable.is_empty() { "it is empty".to_owned() } else { ring.unusable.join("; ") };
            return Err(KeyRingError::Unusable(reasons));
        }
        Ok(ring)
    }

    /// Adds the keys of another file.
    pub fn extend(&mut self, other: Self) {
        self.certificates.extend(other.certificates);
        self.unusable.extend(other.unusable);
    }

    /// Whether some of the keys can never count: of another kind, or without a valid signature by themselves.
    pub fn has_unusable_keys(&self) -> bool {
        !self.unusable.is_empty()
    }

    /// The fingerprints of the primary keys.
    pub fn fingerprints(&self) -> BTreeSet<&str> {
        self.certificates.iter().map(|certificate| certificate.name.as_str()).collect()
    }

    /// Verifies an inline-signed message at a time.
    ///
    /// # Errors
    /// `payload-malformed` and `limit-exceeded` for the message; `signature-invalid`, `key-unsupported`, `certificate-untrusted`,
    /// `certificate-expired`, `certificate-revoked`, `signature-expired` and `timestamp-invalid` for the signature and its key.
    pub fn verify(&self, message: &[u8], now: Timestamp) -> Result<Signed, Failure> {
        let Message { signature, content } = Message::parse(message)?;
        let statement =
            Statement::read(&signature).map_err(|reason| failure::malformed(format!("the signature does not count: {reason}")))?;
        if !matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text)) {
            return Err(failure::malformed("the signature is not one over a document"));
        }
        if let Some(hash) = signature.hash_alg().filter(|hash| !statement::is_strong(*hash)) {
            return Err(Failure::new(Code::KeyUnsupported, format!("the signature uses {hash}, which is not collision-resistant")));
        }
        let signer = self.signer(&signature, &content)?;
        signer.check(statement, now.as_second())?;
        Ok(signer.signed(content, statement))
    }

    /// The key that made the signature. Its content is not looked at, only hashed.
    fn signer(&self, signature: &Signature, content: &[u8]) -> Result<Signer<'_>, Failure> {
        let mut candidates =
            self.certificates.iter().flat_map(Certificate::signers).filter(|signer| signer.is_named_by(signature)).peekable();
        if candidates.peek().is_none() {
            let trusted: Vec<_> = self.fingerprints().into_iter().collect();
            let detail = format!("it was made by {}, which is not among the trusted keys {}", issuer(signature), trusted.join(", "));
            return Err(Failure::new(Code::SignatureInvalid, detail));
        }
        candidates.find(|signer| signer.verifies(signature, content)).ok_or_else(|| {
            Failure::new(Code::SignatureInvalid, format!("the signature by {} does not match what it is over", issuer(signature)))
        })
    }
}

/// Whom a signature names as its maker.
fn issuer(signature: &Signature) -> String {
    let fingerprints = signature.issuer_fingerprint();
    let by_fingerprint = fingerprints.first().map(|fingerprint| hex::encode_upper(fingerprint.as_bytes()));
    let ids = signature.issuer_key_id();
    let by_id = || ids.first().map(|id| format!("key ID {}", hex::encode_upper(id.as_ref())));
    by_fingerprint.or_else(by_id).unwrap_or_else(|| "a key that it does not name".to_owned())
}

/// By fingerprint where there is one, else by key ID; signed or not, because the signature itself decides.
fn names(signature: &Signature, key: &impl pgp::types::KeyDetails) -> bool {
    let fingerprints = signature.issuer_fingerprint();
    if fingerprints.is_empty() {
        return signature.issuer_key_id().into_iter().any(|id| *id == key.legacy_key_id());
    }
    fingerprints.into_iter().any(|fingerprint| *fingerprint == key.fingerprint())
}

/// A primary key with what it says of itself and of its subkeys.
#[derive(Debug)]
struct Certificate {
    name: String,
    primary: Key<PublicKey>,
    statements: Vec<Statement>,
    subkeys: Vec<Subkey>,
    is_revoked: bool,
}

#[derive(Debug)]
struct Subkey {
    key: Key<PublicSubkey>,
    statements: Vec<Statement>,
    is_revoked: bool,
}

impl Certificate {
    fn signers(&self) -> impl Iterator<Item = Signer<'_>> {
        let primary = std::iter::once(Signer { certificate: self, subkey: None });
        primary.chain(self.subkeys.iter().map(|subkey| Signer { certificate: self, subkey: Some(subkey) }))
    }
}

/// A key that may have signed.
#[derive(Clone, Copy)]
struct Signer<'a> {
    certificate: &'a Certificate,
    subkey: Option<&'a Subkey>,
}

impl Signer<'_> {
    fn is_named_by(self, signature: &Signature) -> bool {
        match self.subkey {
            None => names(signature, &self.certificate.primary),
            Some(subkey) => names(signature, &subkey.key),
        }
    }

    fn verifies(self, signature: &Signature, content: &[u8]) -> bool {
        let algorithm = signature.config().map(|config| config.pub_alg);
        match self.subkey {
            None => algorithm == Some(self.certificate.primary.algorithm()) && signature.verify(&self.certificate.primary, content).is_ok(),
            Some(subkey) => algorithm == Some(subkey.key.algorithm()) && signature.verify(&subkey.key, content).is_ok(),
        }
    }

    fn signed(self, content: Vec<u8>, statement: Statement) -> Signed {
        let (signing_key, signing_key_digest) = match self.subkey {
            None => (self.certificate.name.clone(), self.certificate.primary.spki()),
            Some(subkey) => (subkey.key.name(), subkey.key.spki()),
        };
        Signed { content, fingerprint: self.certificate.name.clone(), signing_key, signing_key_digest, created: statement.created }
    }

    /// Whether this key could make this signature, and both count now (specification section 2.3).
    fn check(self, statement: Statement, now: i64) -> Result<(), Failure> {
        let Certificate { name, primary, statements, is_revoked, .. } = self.certificate;
        let own = Standing { name, created: primary.created(), is_revoked: *is_revoked, statements }.check(now)?;
        let (signing_key, created, may_sign) = match self.subkey {
            None => (name.clone(), primary.created(), own.may_sign.unwrap_or(true)),
            Some(subkey) => {
                let (name, created) = (subkey.key.name(), subkey.key.created());
                let standing = Standing { name: &name, created, is_revoked: subkey.is_revoked, statements: &subkey.statements };
                let bound = standing.check(now)?;
                (name, created, bound.may_sign.unwrap_or(false))
            }
        };
        if !may_sign {
            return Err(Failure::new(Code::KeyUnsupported, format!("the key {signing_key} is not one for signatures")));
        }
        let made = statement::text(statement.created);
        if statement.created < created {
            return Err(Failure::new(Code::TimestampInvalid, format!("the signature of {made} is older than its key {signing_key}")));
        }
        if statement.created > now.saturating_add(CLOCK_SLACK) {
            return Err(Failure::new(Code::TimestampInvalid, format!("the signature is dated {made}, in the future")));
        }
        match statement.expires() {
            Some(expires) if now >= expires => {
                Err(Failure::new(Code::SignatureExpired, format!("the signature expired at {}", statement::text(expires))))
            }
            _ => Ok(()),
        }
    }
}

/// What is known of one key, primary or not.
struct Standing<'a> {
    name: &'a str,
    created: i64,
    is_revoked: bool,
    statements: &'a [Statement],
}

impl Standing<'_> {
    fn check(&self, now: i64) -> Result<Statement, Failure> {
        let name = self.name;
        if self.is_revoked {
            return Err(Failure::new(Code::CertificateRevoked, format!("the key {name} was revoked")));
        }
        let newest = Statement::newest(self.statements, now).ok_or_else(|| {
            Failure::new(Code::CertificateUntrusted, format!("the key {name} is not bound by a signature of its owner that counts now"))
        })?;
        if self.created > now.saturating_add(CLOCK_SLACK) {
            let made = statement::text(self.created);
            return Err(Failure::new(Code::CertificateExpired, format!("the key {name} is dated {made}, in the future")));
        }
        match newest.key_expires(self.created) {
            Some(expires) if now >= expires => {
                let expired = statement::text(expires);
                Err(Failure::new(
                    Code::CertificateExpired,
                    format!("the key {name} expired at {expired}; ask its owner for the renewed one"),
                ))
            }
            _ => Ok(newest),
        }
    }
}

/// The packets of one key, in their order (RFC 9580, section 10.1).
struct Group<'a> {
    primary: Packet<'a>,
    signatures: Vec<Packet<'a>>,
    components: Vec<Component<'a>>,
}

/// A name or a subkey, and the signatures behind it.
struct Component<'a> {
    packet: Packet<'a>,
    signatures: Vec<Packet<'a>>,
}

fn groups(bytes: &[u8]) -> Result<Vec<Group<'_>>, String> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for packet in packet::split(bytes, MAX_PACKETS)? {
        if packet.tag == packet::PUBLIC_KEY {
            groups.push(Group { primary: packet, signatures: Vec::new(), components: Vec::new() });
            continue;
        }
        let group = groups.last_mut().ok_or_else(|| format!("it begins with a packet of type {}, which is no public key", packet.tag))?;
        match packet.tag {
            packet::SIGNATURE => group.components.last_mut().map_or(&mut group.signatures, |last| &mut last.signatures).push(packet),
            packet::USER_ID | packet::USER_ATTRIBUTE | packet::PUBLIC_SUBKEY => {
                group.components.push(Component { packet, signatures: Vec::new() });
            }
            packet::TRUST | packet::MARKER | packet::PADDING => {}
            packet::SECRET_KEY | packet::SECRET_SUBKEY => return Err("it holds a secret key; export the public one".to_owned()),
            tag => return Err(format!("it has a packet of type {tag}, which is no part of a key")),
        }
    }
    Ok(groups)
}

impl Group<'_> {
    /// Verifies what the key says of itself. One that can never sign is a reason, which hides no other key.
    fn certificate(&self, crypto: &CryptoSet) -> Result<Certificate, String> {
        let packet = self.primary.read(|header, rest| PublicKey::try_from_reader(header, rest));
        let packet = packet.map_err(|error| format!("a key cannot be read: {error}"))?;
        let name = hex::encode_upper(packet.fingerprint().as_bytes());
        let unusable = |reason: String| format!("the key {name} cannot be used: {reason}");
        let primary = Key::new(packet, crypto).map_err(&unusable)?;
        let count: usize = self.components.iter().map(|component| component.signatures.len()).sum();
        if count.saturating_add(self.signatures.len()) > MAX_SIGNATURES {
            return Err(unusable(format!("it has more than {MAX_SIGNATURES} signatures")));
        }
        let mut statements = Vec::new();
        let mut direct = Vec::new();
        for signature in &self.signatures {
            direct.push(signature.signature().map_err(&unusable)?);
        }
        statements.extend(direct.iter().filter(|signature| is_direct(signature, &primary)).filter_map(statement::of_key));
        for component in self.components.iter().filter(|component| component.packet.tag == packet::USER_ID) {
            statements.extend(component.certifications(&primary));
        }
        if statements.is_empty() {
            return Err(unusable("it has no valid signature by itself".to_owned()));
        }
        let elsewhere = self.components.iter().flat_map(Component::read_signatures).collect::<Vec<_>>();
        let is_revoked = direct.iter().chain(&elsewhere).any(|signature| is_revocation(signature, &primary, &direct));
        let subkeys = self.components.iter().filter(|component| component.packet.tag == packet::PUBLIC_SUBKEY);
        let subkeys = subkeys.filter_map(|component| component.subkey(&primary, crypto)).collect();
        Ok(Certificate { name, primary, statements, subkeys, is_revoked })
    }
}

fn is_direct(signature: &Signature, primary: &Key<PublicKey>) -> bool {
    signature.typ() == Some(SignatureType::Key) && signature.verify_key(primary).is_ok()
}

/// Any reason counts, whenever it was given and with whatever hash. So does the word of a revoker whom the key names and whose
/// own key is not at hand: whoever keeps the file put it there.
fn is_revocation(signature: &Signature, primary: &Key<PublicKey>, direct: &[Signature]) -> bool {
    let by_a_revoker = || {
        let named = direct.iter().filter(|direct| is_direct(direct, primary)).filter_map(Signature::config);
        let mut revokers = named.flat_map(|config| config.hashed_subpackets()).filter_map(|subpacket| match &subpacket.data {
            SubpacketData::RevocationKey(revoker) => Some(revoker.fingerprint.to_vec()),
            _ => None,
        });
        revokers.any(|revoker| signature.issuer_fingerprint().iter().any(|issuer| issuer.as_bytes() == revoker))
    };
    signature.typ() == Some(SignatureType::KeyRevocation) && (signature.verify_key(primary).is_ok() || by_a_revoker())
}

impl Component<'_> {
    /// The signatures behind it that can be read; others are nobody's or somebody else's.
    fn read_signatures(&self) -> Vec<Signature> {
        self.signatures.iter().filter_map(|packet| packet.signature().ok()).collect()
    }

    /// What the key says over a name, unless it took that back.
    fn certifications(&self, primary: &Key<PublicKey>) -> Vec<Statement> {
        let Ok(name) = self.packet.read(|header, rest| UserId::try_from_reader(header, rest)) else { return Vec::new() };
        let signatures = self.read_signatures();
        let own: Vec<&Signature> = signatures
            .iter()
            .filter(|signature| names(signature, primary) && signature.verify_certification(primary, Tag::UserId, &name).is_ok())
            .collect();
        let taken_back = own.iter().filter(|signature| signature.typ() == Some(SignatureType::CertRevocation));
        let taken_back = taken_back.filter_map(|signature| signature.created()).map(|time| i64::from(time.as_secs())).max();
        let certifications =
            own.iter().filter(|signature| signature.is_certification()).filter_map(|signature| statement::of_key(signature));
        certifications.filter(|statement| taken_back.is_none_or(|time| statement.created > time)).collect()
    }

    /// A subkey that can be read; nothing of one of another kind could ever count.
    fn subkey(&self, primary: &Key<PublicKey>, crypto: &CryptoSet) -> Option<Subkey> {
        let packet = self.packet.read(|header, rest| PublicSubkey::try_from_reader(header, rest)).ok()?;
        let key = Key::new(packet, crypto).ok()?;
        let signatures = self.read_signatures();
        let own: Vec<&Signature> = signatures.iter().filter(|signature| signature.verify_subkey_binding(primary, &key).is_ok()).collect();
        let is_revoked = own.iter().any(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation));
        let is_revoked = is_revoked || self.signatures.iter().any(is_unreadable_revocation);
        let bindings = own.iter().filter(|signature| signature.typ() == Some(SignatureType::SubkeyBinding));
        let statements = bindings.filter_map(|signature| binding(signature, primary, &key)).collect();
        Some(Subkey { key, statements, is_revoked })
    }
}

/// A revocation of a subkey that cannot be read could be its owner's.
fn is_unreadable_revocation(packet: &Packet<'_>) -> bool {
    packet.body.get(1) == Some(&u8::from(SignatureType::SubkeyRevocation)) && packet.signature().is_err()
}

/// What a binding says. One for signatures counts only with the subkey's own signature back over the primary key, so that
/// nobody grafts the subkey of somebody else onto a key.
fn binding(signature: &Signature, primary: &Key<PublicKey>, subkey: &Key<PublicSubkey>) -> Option<Statement> {
    let statement = statement::of_key(signature)?;
    let back = || {
        let back = signature.embedded_signature()?;
        statement::of_key(back).filter(|_| back.verify_primary_key_binding(subkey, primary).is_ok())
    };
    (statement.may_sign != Some(true) || back().is_some()).then_some(statement)
}
