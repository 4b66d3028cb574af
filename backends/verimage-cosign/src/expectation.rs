//! What one signature must fulfil, all of it: the same checks for either form.

use std::collections::BTreeMap;

use serde_json::Value;
use verimage_core::{Code, Digest, Evidence, Failure, ImageRef, Signer, Subject};
use verimage_crypto::{Algorithm, VerifyingKey};

use crate::bundle::{Bundle, SIGN_PREDICATE};
use crate::config::{Reference, Transparency};
use crate::envelope::Payload;
use crate::failure::{log_missing, malformed};

/// The constraints of a leaf. One signature must meet all of them.
#[derive(Debug)]
pub(crate) struct Expectation {
    pub(crate) key: VerifyingKey,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) transparency: Transparency,
    pub(crate) reference: Reference,
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Expectation {
    /// A simple-signing payload. Nothing in it is believed before its bytes are verified.
    pub(crate) fn judge_payload(&self, payload: &[u8], signature: &[u8], subject: &Subject) -> Result<Evidence, Failure> {
        self.check_signature(payload, signature)?;
        let payload = Payload::parse(payload).map_err(|error| malformed(format!("the payload is signed but not cosign's: {error}")))?;
        if payload.digest != *subject.digest() {
            return Err(Failure::new(Code::SubjectMismatch, format!("the signature is for {}, not {}", payload.digest, subject.digest())));
        }
        self.check_annotations(&payload.optional)?;
        self.check_reference(&payload, subject)?;
        self.check_log()?;
        Ok(self.evidence(payload.digest, &payload.optional).with_fact("docker-reference", payload.docker_reference))
    }

    /// A bundle with a statement. Only cosign's own predicate is an image signature: a scan report or a list of
    /// contents by the same signer says nothing of the kind.
    pub(crate) fn judge_bundle(&self, bytes: &[u8], subject: &Subject) -> Result<Evidence, Failure> {
        let bundle = Bundle::parse(bytes).map_err(|reason| malformed(format!("the bundle: {reason}")))?;
        self.check_signature(&bundle.signed_bytes(), &bundle.signature)?;
        let statement = bundle.statement().map_err(|reason| malformed(format!("the bundle is signed, but: {reason}")))?;
        if statement.predicate_type != SIGN_PREDICATE {
            let detail =
                format!("the bundle is a statement of the type `{}`, not an image signature", statement.predicate_type.escape_debug());
            return Err(Failure::new(Code::SignatureNotFound, detail));
        }
        let Some(named) = statement.subject(subject.digest()) else {
            return Err(Failure::new(
                Code::SubjectMismatch,
                format!("the signature is for {}, not {}", statement.named(), subject.digest()),
            ));
        };
        self.check_annotations(&named.annotations)?;
        if self.reference != Reference::Off {
            return Err(Failure::new(Code::ReferenceMismatch, "a bundle names no reference, only a digest"));
        }
        self.check_log()?;
        Ok(self.evidence(subject.digest().clone(), &named.annotations))
    }

    fn check_signature(&self, payload: &[u8], signature: &[u8]) -> Result<(), Failure> {
        if self.algorithms.iter().any(|algorithm| self.key.verify(*algorithm, payload, signature).is_ok()) {
            return Ok(());
        }
        let fingerprint = self.key.public_key().fingerprint();
        Err(Failure::new(Code::SignatureInvalid, format!("the signature does not verify with the key {fingerprint}")))
    }

    /// cosign `verify -a`: every pair among the signed annotations of the same signature, compared as strings.
    fn check_annotations(&self, signed: &BTreeMap<String, Value>) -> Result<(), Failure> {
        for (name, expected) in &self.annotations {
            match signed.get(name) {
                Some(Value::String(found)) if found == expected => {}
                found => {
                    let found = found.map_or_else(|| "nothing".to_owned(), |value| format!("`{value}`"));
                    let detail = format!("the annotation `{name}` should be `{expected}`, found {found}");
                    return Err(Failure::new(Code::AnnotationMismatch, detail));
                }
            }
        }
        Ok(())
    }

    fn check_reference(&self, payload: &Payload, subject: &Subject) -> Result<(), Failure> {
        let image = subject.reference();
        let signed = ImageRef::parse(&payload.docker_reference);
        let same_name = signed.as_ref().is_ok_and(|signed| signed.repository() == image.repository());
        let fits = match self.reference {
            Reference::Off => true,
            Reference::Repository => same_name,
            Reference::Exact => same_name && signed.is_ok_and(|signed| names_the_same(&signed, subject)),
        };
        let detail = || format!("the signature is for `{}`, not `{image}`", payload.docker_reference.escape_debug());
        if fits { Ok(()) } else { Err(Failure::new(Code::ReferenceMismatch, detail())) }
    }

    fn check_log(&self) -> Result<(), Failure> {
        match self.transparency {
            Transparency::Required => Err(log_missing()),
            Transparency::None => Ok(()),
        }
    }

    fn evidence(&self, digest: Digest, annotations: &BTreeMap<String, Value>) -> Evidence {
        let key = Digest::of_sha256(*self.key.public_key().fingerprint().as_bytes());
        let texts = annotations.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
        texts.fold(Evidence::new(digest, Signer::key(key)), |evidence, (name, text)| evidence.with_fact(&format!("optional.{name}"), text))
    }
}

/// A digest in the signed name must be the one that is judged; without one, the tags must be equal.
fn names_the_same(signed: &ImageRef, subject: &Subject) -> bool {
    match signed.digest() {
        Some(digest) => digest == subject.digest(),
        None => signed.tag().is_some() && signed.tag() == subject.reference().tag(),
    }
}
