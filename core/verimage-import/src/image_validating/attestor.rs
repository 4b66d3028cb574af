//! Who may have signed: `attestors`.

use serde_json::{Map, Value, json};
use verimage_core::PolicyError;

use crate::expression::anywhere;
use crate::keys;
use crate::native::Native;
use crate::part::{Part, refuse};

/// The log of sigstore's public instance, whose key is known.
const PUBLIC_LOG: &str = "https://rekor.sigstore.dev";

/// What a leaf is for: simple-signing payloads are of images alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Image,
    Attestation,
}

/// The leaf of an attestor.
pub(super) fn leaf(attestor: &Part<'_>, about: About, native: &mut Native) -> Result<Value, PolicyError> {
    attestor.check_members(&["cosign", "name", "notary"])?;
    match (attestor.get("cosign"), attestor.get("notary")) {
        (Some(cosign), None) => of_cosign(&cosign, about, native),
        (None, Some(notary)) if about == About::Image => of_notary(&notary, native),
        (None, Some(notary)) => {
            let hint = "let an attestor by `cosign` make the attestation";
            Err(notary.unsupported("attestations that are signed in the form of the Notary Project are not judged", hint))
        }
        _ => Err(attestor.invalid("an attestor is exactly one of `cosign` and `notary`")),
    }
}

fn of_cosign(cosign: &Part<'_>, about: About, native: &mut Native) -> Result<Value, PolicyError> {
    cosign.check_members(&["annotations", "certificate", "ctlog", "key", "keyless", "source", "tuf"])?;
    let hint = "write a native policy, and name the instance's `trustedRoot`";
    refuse(cosign, &[("tuf", "a root of sigstore is not fetched while a policy is loaded", hint)])?;
    let kinds: Vec<_> = ["certificate", "key", "keyless"].into_iter().filter_map(|kind| Some((kind, cosign.get(kind)?))).collect();
    let proofs = Proofs::read(cosign)?;
    let mut leaf = match kinds.as_slice() {
        [("key", key)] => proofs.of_key(of_key(key, native)?, native)?,
        [("keyless", keyless)] => of_keyless(keyless, &proofs, native)?,
        [(_, certificate)] => of_certificate(certificate, &proofs, native)?,
        _ => return Err(cosign.invalid("a signer by cosign is exactly one of `key`, `keyless` and `certificate`")),
    };
    if let Some(annotations) = cosign.get_filled("annotations") {
        if about == About::Attestation {
            return Err(annotations.unsupported("an attestation has no annotations", "give attestations an attestor without"));
        }
        let texts = annotations.entries()?.into_iter().map(|(name, text)| Ok((name.to_owned(), json!(text.text()?))));
        leaf.insert("annotations".to_owned(), texts.collect::<Result<Map<_, _>, PolicyError>>()?.into());
    }
    if let Some(source) = cosign.get_filled("source") {
        let (store, has_tags_alone) = store(&source, native)?;
        leaf.insert("stores".to_owned(), json!([store]));
        if has_tags_alone && about == About::Image {
            leaf.insert("format".to_owned(), "simpleSigning".into());
        }
    }
    Ok(json!({"cosign": leaf}))
}

fn of_key(key: &Part<'_>, native: &mut Native) -> Result<Map<String, Value>, PolicyError> {
    key.check_members(&["data", "expression", "hashAlgorithm", "kms"])?;
    refuse(key, &[("expression", "expressions are not evaluated", "write the key itself as `data`")])?;
    let hash = key.get("hashAlgorithm").map(|hash| keys::hash_named(&hash, hash.text()?)).transpose()?;
    let anchor = match (key.get("data"), key.get("kms")) {
        (Some(data), None) => {
            let blocks = keys::pem_blocks(data.text()?).unwrap_or_default();
            let [pem] = blocks.as_slice() else { return Err(data.invalid("a public key is one PEM block")) };
            native.anchor("key", json!({"publicKey": keys::with_hash(json!({"pem": pem}), hash)}), &data)
        }
        (None, Some(kms)) => keys::at_place(&kms, kms.text()?, hash, native)?,
        _ => return Err(key.invalid("a key is exactly one of `data` and `kms`")),
    };
    Ok(Map::from_iter([("key".to_owned(), anchor.into())]))
}

fn of_keyless(keyless: &Part<'_>, proofs: &Proofs<'_>, native: &mut Native) -> Result<Map<String, Value>, PolicyError> {
    keyless.check_members(&["identities", "roots"])?;
    let identities = keyless.filled_list("identities")?.iter().map(|part| identity(part, native)).collect::<Result<Vec<_>, _>>()?;
    match keyless.get("roots").filter(|roots| roots.value != "") {
        None => proofs.of_fulcio(json!({"identities": identities}), native),
        Some(roots) => {
            let chain = authority(&roots, roots.text()?, native);
            proofs.of_authority(json!({"chain": chain, "identity": identities}), native)
        }
    }
}

fn identity(identity: &Part<'_>, native: &mut Native) -> Result<Value, PolicyError> {
    identity.check_members(&["issuer", "issuerRegExp", "subject", "subjectRegExp"])?;
    let mut name = |field: &str| {
        let given = |name: &str| identity.get(name).filter(|text| text.value != "");
        let expression = given(&format!("{field}RegExp"));
        match (given(field), expression) {
            (Some(name), None) => Ok((field.to_owned(), json!(name.text()?))),
            (None, Some(expression)) => Ok((format!("{field}Regex"), json!(anywhere(&expression, expression.text()?, native)?))),
            (Some(_), Some(both)) => {
                Err(both.unsupported(format!("beside `{field}RegExp` a `{field}` is never enforced"), "keep one of them"))
            }
            (None, None) => {
                let message = format!("`{field}` is missing, so any would do, and a native policy wants to know whom it trusts");
                Err(identity.unsupported(message, format!("say it with `{field}` or `{field}RegExp`")))
            }
        }
    };
    Ok(Map::from_iter([name("issuer")?, name("subject")?]).into())
}

fn of_certificate(certificate: &Part<'_>, proofs: &Proofs<'_>, native: &mut Native) -> Result<Map<String, Value>, PolicyError> {
    certificate.check_members(&["cert", "certChain"])?;
    let given = |name: &str| certificate.get(name).map(|part| value(&part)).transpose();
    let mut signer = Map::new();
    if let Some((part, text)) = given("cert")? {
        signer.insert("leaf".to_owned(), native.anchor("certificate", json!({"x509": {"pem": text, "type": "ca"}}), &part).into());
    }
    let chain = given("certChain")?;
    if let Some((part, text)) = &chain {
        signer.insert("chain".to_owned(), authority(part, text, native).into());
        signer.insert("identity".to_owned(), "any".into());
    }
    match (signer.is_empty(), chain) {
        (true, _) => Err(certificate.invalid("`cert`, `certChain` or both are needed")),
        (false, None) => proofs.of_key(Map::from_iter([("certificate".to_owned(), signer.into())]), native),
        (false, Some(_)) => proofs.of_authority(signer.into(), native),
    }
}

/// All certificates are one trust store there, and whoever they issued to is trusted.
fn of_notary(notary: &Part<'_>, native: &mut Native) -> Result<Value, PolicyError> {
    notary.check_members(&["certs", "tsaCerts"])?;
    let (part, text) = value(&notary.need("certs")?)?;
    let mut stores = vec![authority(&part, text, native)];
    if let Some((part, text)) = notary.get("tsaCerts").map(|part| value(&part)).transpose()? {
        stores.push(native.anchor("timestamps", json!({"x509": {"pem": text, "type": "tsa"}}), &part));
    }
    Ok(json!({"notation": {"stores": stores, "identities": ["*"], "level": "strict"}}))
}

/// The text of a `value`; expressions have none.
fn value<'a>(part: &Part<'a>) -> Result<(Part<'a>, &'a str), PolicyError> {
    part.check_members(&["expression", "value"])?;
    refuse(part, &[("expression", "expressions are not evaluated", "write the certificates themselves as `value`")])?;
    let value = part.need("value")?;
    let text = value.text()?;
    Ok((value, text))
}

fn authority(part: &Part<'_>, text: &str, native: &mut Native) -> String {
    native.anchor("authority", json!({"x509": {"pem": text, "type": "ca"}}), part)
}

/// Where the signatures are, and whether that is below tags alone: so it is where these have a prefix.
fn store(source: &Part<'_>, native: &mut Native) -> Result<(String, bool), PolicyError> {
    source.check_members(&["PullSecrets", "repository", "tagPrefix"])?;
    let (message, hint) = ("credentials do not belong to a policy here", "leave it out, and log in where the check runs");
    refuse(source, &[("PullSecrets", message, hint)])?;
    let mut store = Map::from_iter([("type".to_owned(), json!("auto"))]);
    let prefix = source.get("tagPrefix").filter(|prefix| prefix.value != "");
    if let Some(prefix) = &prefix {
        store = Map::from_iter([("type".to_owned(), json!("tag")), ("tagPrefix".to_owned(), prefix.text()?.into())]);
    }
    if let Some(repository) = source.get("repository").filter(|repository| repository.value != "") {
        store.insert("repository".to_owned(), repository.text()?.into());
    }
    Ok((native.store(store.into(), source), prefix.is_some()))
}

/// What must prove a signature beside the signer: `ctlog`.
struct Proofs<'a> {
    cosign: &'a Part<'a>,
    ctlog: Option<Part<'a>>,
    needs_log: bool,
    needs_sct: bool,
}

impl<'a> Proofs<'a> {
    fn read(cosign: &'a Part<'a>) -> Result<Self, PolicyError> {
        let ctlog = cosign.get("ctlog");
        let Some(part) = &ctlog else { return Ok(Self { cosign, ctlog, needs_log: true, needs_sct: true }) };
        part.check_members(&["ctLogPubKey", "insecureIgnoreSCT", "insecureIgnoreTlog", "rekorPubKey", "tsaCertChain", "url"])?;
        let hint = "write a native policy whose trusted root holds this key, or use the public instance's";
        refuse(part, &[("ctLogPubKey", "a certificate transparency log of your own has no native form here", hint)])?;
        let ignores = |name: &str| part.get(name).map_or(Ok(false), |flag| flag.flag());
        let (needs_log, needs_sct) = (!ignores("insecureIgnoreTlog")?, !ignores("insecureIgnoreSCT")?);
        if part.get("url").is_none_or(|url| url.value == "") {
            return Err(part.invalid("`ctlog` needs the `url` of the log"));
        }
        if !needs_log {
            let hint = "remove one of them";
            refuse(part, &[("rekorPubKey", "with `insecureIgnoreTlog` no log is needed, so this is never enforced", hint)])?;
        }
        Ok(Self { cosign, ctlog, needs_log, needs_sct })
    }

    fn of_key(&self, mut leaf: Map<String, Value>, native: &mut Native) -> Result<Map<String, Value>, PolicyError> {
        leaf.extend(self.common(native)?);
        Ok(leaf)
    }

    fn of_fulcio(&self, keyless: Value, native: &mut Native) -> Result<Map<String, Value>, PolicyError> {
        let mut leaf = Map::from_iter([("keyless".to_owned(), keyless)]);
        if !self.needs_sct {
            leaf.insert("sct".to_owned(), "none".into());
        }
        self.of_key(leaf, native)
    }

    fn of_authority(&self, certificate: Value, native: &mut Native) -> Result<Map<String, Value>, PolicyError> {
        if self.needs_sct {
            let message = "a public certificate transparency log is asked for, and it does not know the certificates of your own authority";
            return Err(self.ctlog.as_ref().unwrap_or(self.cosign).unsupported(message, "say `ctlog: { insecureIgnoreSCT: true }`"));
        }
        self.of_key(Map::from_iter([("certificate".to_owned(), certificate)]), native)
    }

    fn common(&self, native: &mut Native) -> Result<Map<String, Value>, PolicyError> {
        let mut members = Map::from_iter([("transparency".to_owned(), self.transparency(native)?)]);
        if let Some(chain) = self.ctlog.as_ref().and_then(|ctlog| ctlog.get("tsaCertChain")).filter(|chain| chain.value != "") {
            let name = native.anchor("timestamps", json!({"x509": {"pem": chain.text()?, "type": "tsa"}}), &chain);
            members.insert("timestamp".to_owned(), json!({"tsa": name}));
        }
        Ok(members)
    }

    /// The log itself is never asked, so its key must be known.
    fn transparency(&self, native: &mut Native) -> Result<Value, PolicyError> {
        if !self.needs_log {
            return Ok("none".into());
        }
        let Some(ctlog) = &self.ctlog else { return Ok("required".into()) };
        let url = ctlog.need("url")?.text()?.trim_end_matches('/');
        match ctlog.get("rekorPubKey").filter(|key| key.value != "") {
            Some(key) => Ok(json!({"root": keys::log_root(&key, key.text()?, url, native)?})),
            None if url == PUBLIC_LOG => Ok("required".into()),
            None => {
                let message = "the key of this log is not known, and the log is not asked for it";
                Err(ctlog.unsupported(message, "give it as `rekorPubKey`; or `insecureIgnoreTlog: true`, if no log is needed"))
            }
        }
    }
}
