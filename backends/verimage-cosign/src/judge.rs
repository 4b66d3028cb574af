//! Judges each form of signature: what was signed is believed only once its bytes are authenticated.

use std::collections::BTreeMap;

use serde_json::Value;
use verimage_core::{Code, Digest, Evidence, Failure, ImageRef, Subject, Timestamp};

use crate::bundle::{Bundle, Content, SIGN_PREDICATE};
use crate::dsse::{Envelope, Statement};
use crate::envelope::Payload;
use crate::evidence::Material;
use crate::expectation::{Expectation, Message, ReferenceRule, Signed};
use crate::failure::malformed;

/// A statement whose signature holds.
pub(crate) struct Attested {
    pub(crate) evidence: Evidence,
    pub(crate) statement: Statement,
}

impl Expectation {
    /// A simple-signing payload. Nothing in it is believed before its bytes are verified.
    pub(crate) fn judge_payload(
        &self,
        payload: &[u8],
        signature: &[u8],
        material: &Material,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Evidence, Failure> {
        let signed = Signed { message: Message::Bytes(payload), signature, envelope: None, stamped: signature, material };
        let signed = self.authenticate(&signed, now)?;
        let payload = Payload::parse(payload).map_err(|error| malformed(format!("the payload is signed but not cosign's: {error}")))?;
        if payload.digest != *subject.digest() {
            return Err(Failure::new(Code::SubjectMismatch, format!("the signature is for {}, not {}", payload.digest, subject.digest())));
        }
        self.check_annotations(&payload.optional)?;
        self.check_reference(&payload, subject)?;
        Ok(with_annotations(signed.evidence(payload.digest), &payload.optional).with_fact("docker-reference", payload.docker_reference))
    }

    /// A bundle as an image signature. Only cosign's own predicate is one: a scan report or a list of contents by the same
    /// signer says nothing of the kind.
    pub(crate) fn judge_bundle(&self, bytes: &[u8], subject: &Subject, now: Timestamp) -> Result<Evidence, Failure> {
        let Attested { evidence, statement } = self.judge_attested_bundle(bytes, subject, now)?;
        if statement.predicate_type != SIGN_PREDICATE {
            let detail =
                format!("the bundle is a statement of the type `{}`, not an image signature", statement.predicate_type.escape_debug());
            return Err(Failure::new(Code::SignatureNotFound, detail));
        }
        let annotations = statement.subject(subject.digest()).map(|named| named.annotations.clone()).unwrap_or_default();
        self.check_annotations(&annotations)?;
        if !matches!(self.reference, ReferenceRule::Off) {
            return Err(Failure::new(Code::ReferenceMismatch, "a bundle names no reference, only a digest"));
        }
        Ok(with_annotations(evidence, &annotations))
    }

    /// A statement in a bundle.
    pub(crate) fn judge_attested_bundle(&self, bytes: &[u8], subject: &Subject, now: Timestamp) -> Result<Attested, Failure> {
        let Bundle { content, material } = Bundle::parse(bytes).map_err(|reason| malformed(format!("the bundle: {reason}")))?;
        let Content::Envelope(envelope) = content else {
            return Err(malformed("the bundle: it holds no DSSE envelope, and a message signature is no image signature"));
        };
        let stamped = envelope.signature.as_slice();
        self.judge_statement(&envelope, None, stamped, &material, subject.digest(), now)
    }

    /// A statement in an envelope that is stored on its own, as cosign 1 and 2 attest. They stamp the whole envelope.
    pub(crate) fn judge_envelope(&self, bytes: &[u8], material: &Material, subject: &Subject, now: Timestamp) -> Result<Attested, Failure> {
        let envelope = Envelope::parse(bytes).map_err(|reason| malformed(format!("the attestation: {reason}")))?;
        self.judge_statement(&envelope, Some(bytes), bytes, material, subject.digest(), now)
    }

    pub(crate) fn judge_statement(
        &self,
        envelope: &Envelope,
        stored: Option<&[u8]>,
        stamped: &[u8],
        material: &Material,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Attested, Failure> {
        let (message, signature) = (envelope.signed_bytes(), envelope.signature.as_slice());
        let signed =
            Signed { message: Message::Bytes(&message), signature, envelope: Some((envelope.payload(), stored)), stamped, material };
        let signed = self.authenticate(&signed, now)?;
        let statement = envelope.statement().map_err(|reason| malformed(format!("the envelope is signed, but: {reason}")))?;
        if statement.subject(digest).is_none() {
            return Err(Failure::new(Code::SubjectMismatch, format!("the signature is for {}, not {digest}", statement.named())));
        }
        Ok(Attested { evidence: signed.evidence(digest.clone()), statement })
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
        let fits = match &self.reference {
            ReferenceRule::Off => true,
            ReferenceRule::Repository => same_name,
            ReferenceRule::Exact => same_name && signed.is_ok_and(|signed| names_the_same(&signed, subject)),
            ReferenceRule::Signed(identity) => identity.matches(image, &payload.docker_reference),
        };
        let detail = || format!("the signature is for `{}`, not `{image}`", payload.docker_reference.escape_debug());
        if fits { Ok(()) } else { Err(Failure::new(Code::ReferenceMismatch, detail())) }
    }
}

/// Annotations that are text, as facts.
fn with_annotations(evidence: Evidence, annotations: &BTreeMap<String, Value>) -> Evidence {
    let texts = annotations.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    texts.fold(evidence, |evidence, (name, text)| evidence.with_fact(&format!("optional.{name}"), text))
}

/// A digest in the signed name must be the one that is judged; without one, the tags must be equal.
fn names_the_same(signed: &ImageRef, subject: &Subject) -> bool {
    match signed.digest() {
        Some(digest) => digest == subject.digest(),
        None => signed.tag().is_some() && signed.tag() == subject.reference().tag(),
    }
}
