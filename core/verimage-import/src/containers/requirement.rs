//! Lists of requirements, and what each of them is in native form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use verimage_core::policy::{PolicyError, RemapIdentityDocument, SignedIdentity, SignedIdentityDocument};
use verimage_core::{Code, Digest, ImageRef};

use super::members::{Members, below};

/// A requirement tree, and the anchors that it names.
pub(super) struct Need {
    pub(super) require: Value,
    pub(super) anchors: Vec<Anchor>,
}

/// An anchor, and where the source has it.
pub(super) struct Anchor {
    pub(super) name: String,
    pub(super) document: Value,
    pub(super) pointer: String,
}

/// One requirement.
enum Requirement {
    Accept,
    Reject(String),
    Signed(Need),
}

/// A list: all of it must hold. What accepts anything adds nothing beside others, what rejects decides alone.
pub(super) fn requirements(list: &Value, pointer: &str) -> Result<Need, PolicyError> {
    let empty = || PolicyError::invalid(pointer, "List of verification policy requirements must not be empty");
    let list = match list {
        Value::Null => return Err(empty()),
        Value::Array(list) if list.is_empty() => return Err(empty()),
        Value::Array(list) => list,
        _ => return Err(PolicyError::invalid(pointer, "a list of requirements is needed here")),
    };
    let read = list.iter().enumerate().map(|(index, item)| requirement(item, &format!("{pointer}/{index}")));
    let (mut signed, mut anchors, mut rejection) = (Vec::new(), Vec::new(), None);
    for requirement in read.collect::<Result<Vec<_>, _>>()? {
        match requirement {
            Requirement::Accept => {}
            Requirement::Reject(reason) => rejection = rejection.or(Some(reason)),
            Requirement::Signed(need) => {
                signed.push(need.require);
                anchors.extend(need.anchors);
            }
        }
    }
    if let Some(reason) = rejection {
        return Ok(Need { require: json!({"deny": {"reason": reason}}), anchors: Vec::new() });
    }
    let require = match signed.as_slice() {
        [] => json!({"allow": {"reason": "insecureAcceptAnything"}}),
        [only] => only.clone(),
        all => json!({"allOf": all}),
    };
    Ok(Need { require, anchors })
}

fn requirement(value: &Value, pointer: &str) -> Result<Requirement, PolicyError> {
    let members = Members::of(value, pointer)?;
    match members.required_text("type")? {
        "insecureAcceptAnything" => members.only(&["type"]).map(|_| Requirement::Accept),
        "reject" => members.only(&["type"]).map(|_| Requirement::Reject("the image is rejected by policy".to_owned())),
        "signedBy" => signed_by(members),
        "sigstoreSigned" => sigstore_signed(members),
        "signedBaseLayer" => {
            let members = members.only(&["type", "baseLayerIdentity"])?;
            let base = members.required("baseLayerIdentity", "baseLayerIdentity not specified")?;
            identity(base, &members.at("baseLayerIdentity"))?;
            Ok(Requirement::Reject("signedBaseLayer not implemented yet!".to_owned()))
        }
        unknown => {
            let message = format!("Unknown policy requirement type \"{}\"", unknown.escape_debug());
            Err(PolicyError::invalid(members.at("type"), message))
        }
    }
}

/// GPG keys, any one of which must have signed.
fn signed_by(members: Members<'_>) -> Result<Requirement, PolicyError> {
    let members = members.only(&["type", "keyType", "keyPath", "keyPaths", "keyData", "signedIdentity"])?;
    let key_type = members.text("keyType")?.unwrap_or_default();
    let source = members.exactly_one(&["keyPath", "keyPaths", "keyData"])?;
    let identity = signed_identity(&members)?;
    match key_type {
        "GPGKeys" => {}
        "signedByGPGKeys" | "X509Certificates" | "signedByX509CAs" => {
            return Ok(Requirement::Reject(format!("Unimplemented \"keyType\" value \"{key_type}\"")));
        }
        _ => {
            let message = format!("Unrecognized keyType value \"{}\"", key_type.escape_debug());
            return Err(PolicyError::invalid(members.pointer.as_str(), message));
        }
    }
    let anchors = anchors(&members, source, Kind::OpenPgp)?;
    let names: Vec<&str> = anchors.iter().map(|anchor| anchor.name.as_str()).collect();
    let require = json!({"simpleSigning": {"keys": names, "signedIdentity": identity}});
    Ok(Requirement::Signed(Need { require, anchors }))
}

/// cosign keys, any one of which must have signed.
fn sigstore_signed(members: Members<'_>) -> Result<Requirement, PolicyError> {
    const KEYS: [&str; 6] = ["keyPath", "keyPaths", "keyData", "keyDatas", "fulcio", "pki"];
    const LOGS: [&str; 4] = ["rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas"];
    let members = members.only(&[&["type", "signedIdentity"][..], &KEYS, &LOGS].concat())?;
    let (source, log) = (members.exactly_one(&KEYS)?, members.at_most_one(&LOGS)?);
    let identity = signed_identity(&members)?;
    match source {
        "fulcio" => check_fulcio(&members, log)?,
        "pki" => check_pki(&members, log)?,
        _ => {}
    }
    if let Some(field) = log.or(Some(source).filter(|source| matches!(*source, "fulcio" | "pki"))) {
        let message = format!("`{field}` cannot be carried over by this version of verimage");
        return Err(PolicyError::new(Code::PolicyUnsupportedField, members.at(field), message)
            .with_hint("write the rule as a native policy: a `trustedRoot` holds authorities and logs for `keyless` and `transparency`"));
    }
    let anchors = anchors(&members, source, Kind::PublicKey)?;
    let leaf =
        |anchor: &Anchor| json!({"cosign": {"key": anchor.name, "transparency": "none", "format": "simpleSigning", "reference": identity}});
    let leaves: Vec<Value> = anchors.iter().map(leaf).collect();
    let require = if let [only] = leaves.as_slice() { only.clone() } else { json!({"anyOf": leaves}) };
    Ok(Requirement::Signed(Need { require, anchors }))
}

fn check_fulcio(members: &Members<'_>, log: Option<&str>) -> Result<(), PolicyError> {
    let pointer = members.at("fulcio");
    let fulcio = Members::of(members.required("fulcio", "fulcio not specified")?, &pointer)?;
    let fulcio = fulcio.only(&["caPath", "caData", "oidcIssuer", "subjectEmail"])?;
    fulcio.exactly_one(&["caPath", "caData"])?;
    for name in ["oidcIssuer", "subjectEmail"] {
        fulcio.text(name)?.ok_or_else(|| PolicyError::invalid(pointer.as_str(), format!("{name} not specified")))?;
    }
    match log {
        Some(_) => Ok(()),
        None => Err(PolicyError::invalid(members.pointer.as_str(), "one of the Rekor public keys must be specified if fulcio is used")),
    }
}

fn check_pki(members: &Members<'_>, log: Option<&str>) -> Result<(), PolicyError> {
    let pointer = members.at("pki");
    let pki = Members::of(members.required("pki", "pki not specified")?, &pointer)?;
    let pki = pki.only(&["caRootsPath", "caRootsData", "caIntermediatesPath", "caIntermediatesData", "subjectEmail", "subjectHostname"])?;
    pki.exactly_one(&["caRootsPath", "caRootsData"])?;
    pki.at_most_one(&["caIntermediatesPath", "caIntermediatesData"])?;
    if pki.given(&["subjectEmail", "subjectHostname"])?.is_empty() {
        return Err(PolicyError::invalid(pointer, "At least one of subjectEmail, subjectHostname must be specified"));
    }
    match log {
        None => Ok(()),
        Some(log) => Err(PolicyError::invalid(members.at(log), "Rekor public keys are not supported for pki")),
    }
}

#[derive(Clone, Copy)]
enum Kind {
    OpenPgp,
    PublicKey,
}

/// The anchors that a member of the source names.
fn anchors(members: &Members<'_>, source: &str, kind: Kind) -> Result<Vec<Anchor>, PolicyError> {
    let pointer = members.at(source);
    let texts = match members.get(source) {
        Some(Value::Array(_)) => members.texts(source)?.unwrap_or_default(),
        _ => members.text(source)?.into_iter().collect(),
    };
    let is_list = texts.len() > 1 || source.ends_with('s');
    let is_path = source.contains("Path");
    let read = |(index, text): (usize, &&str)| {
        let pointer = if is_list { format!("{pointer}/{index}") } else { pointer.clone() };
        if is_path { Ok(by_path(text, pointer, kind)) } else { by_data(text, pointer, kind) }
    };
    texts.iter().enumerate().map(read).collect()
}

/// A relative path begins, as in native policies, at the folder of the policy; podman has it begin where it was started.
fn by_path(path: &str, pointer: String, kind: Kind) -> Anchor {
    let (name, document) = match kind {
        Kind::OpenPgp => (format!("openpgp:{path}"), json!({"openpgp": {"file": path}})),
        Kind::PublicKey => (format!("publicKey:{path}"), json!({"publicKey": {"file": path}})),
    };
    Anchor { name, document, pointer }
}

/// Base64 in which line breaks do not count.
fn by_data(text: &str, pointer: String, kind: Kind) -> Result<Anchor, PolicyError> {
    let joined: String = text.chars().filter(|symbol| !matches!(symbol, '\r' | '\n')).collect();
    let bytes = STANDARD.decode(joined).map_err(|error| PolicyError::invalid(pointer.as_str(), format!("this is not base64: {error}")))?;
    let id: String = Digest::sha256(&bytes).hex().chars().take(16).collect();
    let (name, document) = match kind {
        Kind::OpenPgp => (format!("openpgp:data:{id}"), json!({"openpgp": {"armor": armor(bytes)}})),
        Kind::PublicKey => {
            let pem = String::from_utf8(bytes).map_err(|_| PolicyError::invalid(pointer.as_str(), "a public key is PEM text"))?;
            (format!("publicKey:data:{id}"), json!({"publicKey": {"pem": pem}}))
        }
    };
    Ok(Anchor { name, document, pointer })
}

/// Keys as text: binary ones get an armor.
fn armor(bytes: Vec<u8>) -> String {
    let is_binary = bytes.first().is_some_and(|first| first & 0x80 != 0);
    match String::from_utf8(bytes) {
        Ok(text) if !is_binary => text,
        Ok(text) => armored(text.as_bytes()),
        Err(error) => armored(error.as_bytes()),
    }
}

fn armored(bytes: &[u8]) -> String {
    format!("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{}\n-----END PGP PUBLIC KEY BLOCK-----\n", STANDARD.encode(bytes))
}

/// The rule for the reference; the default of the format if there is none.
fn signed_identity(members: &Members<'_>) -> Result<SignedIdentityDocument, PolicyError> {
    match members.get("signedIdentity") {
        None => Ok(SignedIdentityDocument::MatchRepoDigestOrExact),
        Some(value) => identity(value, &members.at("signedIdentity")),
    }
}

fn identity(value: &Value, pointer: &str) -> Result<SignedIdentityDocument, PolicyError> {
    let members = Members::of(value, pointer)?;
    let document = match members.required_text("type")? {
        "matchExact" => members.only(&["type"]).map(|_| SignedIdentityDocument::MatchExact)?,
        "matchRepoDigestOrExact" => members.only(&["type"]).map(|_| SignedIdentityDocument::MatchRepoDigestOrExact)?,
        "matchRepository" => members.only(&["type"]).map(|_| SignedIdentityDocument::MatchRepository)?,
        "exactReference" => {
            let members = members.only(&["type", "dockerReference"])?;
            SignedIdentityDocument::ExactReference(members.required_text("dockerReference")?.to_owned())
        }
        "exactRepository" => SignedIdentityDocument::ExactRepository(repository(members.only(&["type", "dockerRepository"])?)?),
        "remapIdentity" => {
            let members = members.only(&["type", "prefix", "signedPrefix"])?;
            let (prefix, signed_prefix) = (members.required_text("prefix")?.to_owned(), members.required_text("signedPrefix")?.to_owned());
            SignedIdentityDocument::RemapIdentity(RemapIdentityDocument { prefix, signed_prefix })
        }
        unknown => {
            let message = format!("Unknown policy reference match type \"{}\"", unknown.escape_debug());
            return Err(PolicyError::invalid(below(pointer, "type"), message));
        }
    };
    SignedIdentity::new(&document).map_err(|(_, message)| PolicyError::invalid(pointer, message))?;
    Ok(document)
}

/// A tag or digest behind the name is left out, as that library does.
fn repository(members: Members<'_>) -> Result<String, PolicyError> {
    let text = members.required_text("dockerRepository")?;
    let invalid =
        |error| PolicyError::invalid(members.at("dockerRepository"), format!("Invalid format of dockerRepository \"{text}\": {error}"));
    ImageRef::parse(text).map(|reference| reference.name()).map_err(invalid)
}
