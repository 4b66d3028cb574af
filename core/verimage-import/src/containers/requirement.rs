//! Lists of requirements, and what each of them is in native form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use verimage_core::policy::{PolicyError, RemapIdentityDocument, SignedIdentity, SignedIdentityDocument};
use verimage_core::{Digest, ImageRef};

use super::members::{Members, below};

/// A requirement tree, and the anchors that it names.
pub(super) struct Need {
    pub(super) require: Value,
    pub(super) anchors: Vec<Anchor>,
    /// For parts of the tree, as JSON pointers, where the source has them.
    pub(super) parts: Vec<(String, String)>,
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
    Signed(Value, Vec<Anchor>),
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
    let (mut signed, mut anchors, mut places, mut rejection) = (Vec::new(), Vec::new(), Vec::new(), None);
    for (index, item) in list.iter().enumerate() {
        let place = format!("{pointer}/{index}");
        match requirement(item, &place)? {
            Requirement::Accept => {}
            Requirement::Reject(reason) => rejection = rejection.or(Some(reason)),
            Requirement::Signed(require, own) => {
                signed.push(require);
                anchors.extend(own);
                places.push(place);
            }
        }
    }
    if let Some(reason) = rejection {
        return Ok(Need { require: json!({"deny": {"reason": reason}}), anchors: Vec::new(), parts: Vec::new() });
    }
    let is_one = signed.len() == 1;
    let part = |index: usize| if is_one { String::new() } else { format!("/allOf/{index}") };
    let parts = places.into_iter().enumerate().map(|(index, place)| (part(index), place)).collect();
    let require = match signed.as_slice() {
        [] => json!({"allow": {"reason": "insecureAcceptAnything"}}),
        [only] => only.clone(),
        all => json!({"allOf": all}),
    };
    Ok(Need { require, anchors, parts })
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
    Ok(Requirement::Signed(require, anchors))
}

/// cosign keys, any one of which must have signed.
fn sigstore_signed(members: Members<'_>) -> Result<Requirement, PolicyError> {
    const KEYS: [&str; 6] = ["keyPath", "keyPaths", "keyData", "keyDatas", "fulcio", "pki"];
    const LOGS: [&str; 4] = ["rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas"];
    let members = members.only(&[&["type", "signedIdentity"][..], &KEYS, &LOGS].concat())?;
    let (source, log) = (members.exactly_one(&KEYS)?, members.at_most_one(&LOGS)?);
    let identity = signed_identity(&members)?;
    let Signers { leaves: signers, mut anchors } = match source {
        "fulcio" => fulcio(&members, log)?,
        "pki" => pki(&members, log)?,
        keys => by_keys(anchors(&members, keys, Kind::PublicKey)?),
    };
    let logs = log.map_or(Ok(Vec::new()), |log| self::anchors(&members, log, Kind::Log))?;
    let proofs: Vec<Value> = match logs.as_slice() {
        [] => vec![json!("none")],
        logs => logs.iter().map(|log| json!({"root": log.name})).collect(),
    };
    anchors.extend(logs);
    let leaf = |(signer, proof): (&Map<String, Value>, &Value)| {
        let mut leaf = signer.clone();
        let rest = [("transparency", proof.clone()), ("format", json!("simpleSigning")), ("reference", json!(identity))];
        leaf.extend(rest.map(|(field, value)| (field.to_owned(), value)));
        json!({"cosign": leaf})
    };
    let leaves: Vec<Value> = signers.iter().flat_map(|signer| proofs.iter().map(move |proof| (signer, proof))).map(leaf).collect();
    let require = if let [only] = leaves.as_slice() { only.clone() } else { json!({"anyOf": leaves}) };
    Ok(Requirement::Signed(require, anchors))
}

/// Who may have signed: for each signer the members of a leaf.
struct Signers {
    leaves: Vec<Map<String, Value>>,
    anchors: Vec<Anchor>,
}

impl Signers {
    /// Those to whom an authority issued.
    fn certified(certificate: Value, anchors: Vec<Anchor>) -> Self {
        Self { leaves: vec![Map::from_iter([("certificate".to_owned(), certificate)])], anchors }
    }
}

fn by_keys(anchors: Vec<Anchor>) -> Signers {
    let leaves = anchors.iter().map(|anchor| Map::from_iter([("key".to_owned(), json!(anchor.name))])).collect();
    Signers { leaves, anchors }
}

/// Short-lived certificates that name an email address and who vouched for it, as of the time that the log says.
fn fulcio(members: &Members<'_>, log: Option<&str>) -> Result<Signers, PolicyError> {
    let pointer = members.at("fulcio");
    let fulcio = Members::of(members.required("fulcio", "fulcio not specified")?, &pointer)?;
    let fulcio = fulcio.only(&["caPath", "caData", "oidcIssuer", "subjectEmail"])?;
    let authority = fulcio.exactly_one(&["caPath", "caData"])?;
    let text = |name: &str| {
        fulcio.text(name)?.ok_or_else(|| PolicyError::invalid(pointer.as_str(), format!("{name} not specified"))).map(str::to_owned)
    };
    let (issuer, email) = (text("oidcIssuer")?, text("subjectEmail")?);
    if log.is_none() {
        return Err(PolicyError::invalid(members.pointer.as_str(), "one of the Rekor public keys must be specified if fulcio is used"));
    }
    let anchors = anchors(&fulcio, authority, Kind::Authority)?;
    let chain: Vec<&str> = anchors.iter().map(|anchor| anchor.name.as_str()).collect();
    let identity = json!([{"issuer": issuer, "subject": email, "subjectKind": "email"}]);
    Ok(Signers::certified(json!({"chain": chain.first(), "identity": identity}), anchors))
}

/// Certificates of an authority of one's own, which name an email address, a host, or both.
fn pki(members: &Members<'_>, log: Option<&str>) -> Result<Signers, PolicyError> {
    let pointer = members.at("pki");
    let pki = Members::of(members.required("pki", "pki not specified")?, &pointer)?;
    let pki = pki.only(&["caRootsPath", "caRootsData", "caIntermediatesPath", "caIntermediatesData", "subjectEmail", "subjectHostname"])?;
    let roots = pki.exactly_one(&["caRootsPath", "caRootsData"])?;
    let between = pki.at_most_one(&["caIntermediatesPath", "caIntermediatesData"])?;
    if let Some(log) = log {
        return Err(PolicyError::invalid(members.at(log), "Rekor public keys are not supported for pki"));
    }
    let mut names = Vec::new();
    for (member, kind) in [("subjectEmail", "email"), ("subjectHostname", "dns")] {
        names.extend(pki.text(member)?.map(|name| json!({"subject": name, "subjectKind": kind})));
    }
    let mut names = names.into_iter();
    let Some(mut identity) = names.next() else {
        return Err(PolicyError::invalid(pointer, "At least one of subjectEmail, subjectHostname must be specified"));
    };
    if let (Some(other), Some(identity)) = (names.next(), identity.as_object_mut()) {
        identity.insert("also".to_owned(), json!([other]));
    }
    let mut anchors = anchors(&pki, roots, Kind::Authority)?;
    let intermediates = between.map_or(Ok(Vec::new()), |between| self::anchors(&pki, between, Kind::Authority))?;
    let name = |anchors: &[Anchor]| anchors.first().map(|anchor| anchor.name.clone());
    let mut certificate = json!({"chain": name(&anchors), "identity": [identity]});
    if let (Some(name), Some(certificate)) = (name(&intermediates), certificate.as_object_mut()) {
        certificate.insert("intermediates".to_owned(), name.into());
    }
    anchors.extend(intermediates);
    Ok(Signers::certified(certificate, anchors))
}

#[derive(Clone, Copy)]
enum Kind {
    OpenPgp,
    PublicKey,
    /// Certificates of an authority.
    Authority,
    /// The key of a transparency log.
    Log,
}

impl Kind {
    /// How policies call it.
    fn word(self) -> &'static str {
        match self {
            Self::OpenPgp => "openpgp",
            Self::PublicKey => "publicKey",
            Self::Authority => "x509",
            Self::Log => "transparencyLog",
        }
    }

    /// The anchor whose bytes are in this member.
    fn document(self, member: &str, text: &str) -> Value {
        match self {
            Self::Authority => json!({"x509": {member: text, "type": "ca"}}),
            kind => json!({kind.word(): {member: text}}),
        }
    }
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
    Anchor { name: format!("{}:{path}", kind.word()), document: kind.document("file", path), pointer }
}

/// Base64 in which line breaks do not count.
fn by_data(text: &str, pointer: String, kind: Kind) -> Result<Anchor, PolicyError> {
    let joined: String = text.chars().filter(|symbol| !matches!(symbol, '\r' | '\n')).collect();
    let bytes = STANDARD.decode(joined).map_err(|error| PolicyError::invalid(pointer.as_str(), format!("this is not base64: {error}")))?;
    let id: String = Digest::sha256(&bytes).hex().chars().take(16).collect();
    let document = match kind {
        Kind::OpenPgp => kind.document("armor", &armor(bytes)),
        _ => {
            let pem = String::from_utf8(bytes).map_err(|_| PolicyError::invalid(pointer.as_str(), "keys and certificates are PEM text"))?;
            kind.document("pem", &pem)
        }
    };
    Ok(Anchor { name: format!("{}:data:{id}", kind.word()), document, pointer })
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
