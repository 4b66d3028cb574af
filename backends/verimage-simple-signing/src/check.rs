//! Lists the signatures of an image and judges each.

use std::sync::Arc;

use verimage_core::policy::{SignedIdentity, Store};
use verimage_core::{Answer, Check, Code, Context, Evidence, Failure, SignatureReport, Signer, Step, Subject, Verifier};

use crate::discover::{End, Found, Listing};
use crate::envelope::Form;
use crate::key_ring::{KeyRing, Signed};
use crate::payload::Payload;
use crate::{extension, failure, statement};

/// The name in reports.
const NAME: &str = "simpleSigning";

/// What a leaf demands.
#[derive(Debug)]
pub(crate) struct Demand {
    pub(crate) ring: KeyRing,
    pub(crate) identity: SignedIdentity,
    pub(crate) stores: Vec<Store>,
}

#[derive(Debug)]
pub(crate) struct SimpleSigningVerifier(Arc<Demand>);

impl SimpleSigningVerifier {
    pub(crate) fn new(demand: Demand) -> Self {
        Self(Arc::new(demand))
    }
}

impl Verifier for SimpleSigningVerifier {
    fn name(&self) -> &str {
        NAME
    }

    fn begin(&self, subject: &Subject) -> Box<dyn Check> {
        Box::new(SimpleSigningCheck { demand: self.0.clone(), subject: subject.clone(), listings: None })
    }

    fn not_found_words(&self) -> Option<&'static str> {
        Some("A signature was required, but no signature exists")
    }

    fn warnings(&self) -> Vec<&'static str> {
        let words =
            [(self.0.identity.ignores_tags(), "signed-tag-not-compared"), (self.0.ring.has_unusable_keys(), "openpgp-key-unusable")];
        words.into_iter().filter(|(applies, _)| *applies).map(|(_, word)| word).collect()
    }
}

struct SimpleSigningCheck {
    demand: Arc<Demand>,
    subject: Subject,
    /// Nothing before the first step.
    listings: Option<Vec<Listing>>,
}

impl Check for SimpleSigningCheck {
    /// Every place is listed to its end before anything is judged: a place that holds good signatures and fails later may
    /// have held back others.
    fn step(&mut self, answers: &[Answer], context: &Context<'_>) -> Step {
        let listings = self.listings.get_or_insert_with(|| Listing::all(&self.demand.stores, self.subject.digest(), context.limits));
        for listing in listings.iter_mut() {
            let answer = listing.want().and_then(|want| answers.iter().find(|answer| answer.want == want));
            if let Some(answer) = answer {
                listing.hear(answer);
            }
        }
        let wants: Vec<_> = listings.iter().filter_map(Listing::want).collect();
        if !wants.is_empty() {
            return Step::Fetch(wants);
        }
        let judge = Judge { demand: &self.demand, subject: &self.subject, context };
        Step::Done(judge.listings(listings))
    }
}

struct Judge<'a> {
    demand: &'a Demand,
    subject: &'a Subject,
    context: &'a Context<'a>,
}

impl Judge<'_> {
    fn listings(&self, listings: &[Listing]) -> Vec<SignatureReport> {
        let mut reports: Vec<SignatureReport> = Vec::new();
        for listing in listings {
            reports.extend(self.listing(listing));
            if reports.iter().any(|report| report.outcome.is_ok()) && !self.context.all_evidence {
                break;
            }
        }
        reports
    }

    fn listing(&self, listing: &Listing) -> Vec<SignatureReport> {
        match (&listing.end, listing.found.as_slice()) {
            (Some(End::Files), files) => self.files(files),
            (Some(End::Extension), [list, ..]) => self.extension(list),
            (Some(End::Unreadable(reason)), [.., last]) => vec![report(last, 0, Err(failure::malformed(reason)))],
            (Some(End::TooMany(most)), [.., last]) => {
                let detail = format!("the lookaside holds more than {most} signatures of the image");
                vec![report(last, 0, Err(Failure::new(Code::LimitExceeded, detail)))]
            }
            _ => Vec::new(),
        }
    }

    /// The files of a lookaside; those of other schemes are theirs.
    fn files(&self, files: &[Found]) -> Vec<SignatureReport> {
        self.messages(files.iter().filter_map(|file| match Form::of(&file.bytes) {
            Ok(Form::SimpleSigning(message)) => Some((file, 0, message)),
            _ => None,
        }))
    }

    fn extension(&self, list: &Found) -> Vec<SignatureReport> {
        let limit = self.context.limits.signatures;
        match extension::read(&list.bytes) {
            Ok(entries) if entries.len() > limit => {
                let detail = format!("the registry lists {} signatures, at most {limit} are tried", entries.len());
                vec![report(list, 0, Err(Failure::new(Code::LimitExceeded, detail)))]
            }
            Ok(entries) => self.messages(entries.iter().enumerate().map(|(index, entry)| (list, index, entry.as_slice()))),
            Err(reason) => vec![report(list, 0, Err(failure::malformed(reason)))],
        }
    }

    fn messages<'m>(&self, messages: impl IntoIterator<Item = (&'m Found, usize, &'m [u8])>) -> Vec<SignatureReport> {
        let mut reports = Vec::new();
        for (found, index, message) in messages {
            let outcome = self.message(message);
            let enough = outcome.is_ok() && !self.context.all_evidence;
            reports.push(report(found, index, outcome));
            if enough {
                break;
            }
        }
        reports
    }

    /// Signature and key, payload, digest, reference: in this order, which the messages of container tools depend on.
    fn message(&self, message: &[u8]) -> Result<Evidence, Failure> {
        let signed = self.demand.ring.verify(message, self.context.now)?;
        let payload = Payload::parse(&signed.content)?;
        if payload.digest != *self.subject.digest() {
            let detail = format!("Signature for digest {} does not match: the image is {}", payload.digest, self.subject.digest());
            return Err(Failure::new(Code::SubjectMismatch, detail));
        }
        if !self.demand.identity.matches(self.subject.reference(), &payload.docker_reference) {
            let (named, image) = (payload.docker_reference.escape_debug(), self.subject.reference());
            let detail = format!("Signature for identity \"{named}\" is not accepted for {image}");
            return Err(Failure::new(Code::ReferenceMismatch, detail));
        }
        Ok(evidence(&signed, &payload))
    }
}

fn report(found: &Found, index: usize, outcome: Result<Evidence, Failure>) -> SignatureReport {
    SignatureReport::new(NAME, found.source.clone(), index, outcome)
}

/// Nobody but the signer vouches for the times, so none of them is one of signing.
fn evidence(signed: &Signed, payload: &Payload) -> Evidence {
    let signer = Signer::named(format!("openpgp:{}", signed.fingerprint));
    let signer = signed.signing_key_digest.iter().fold(signer, |signer, key| signer.with_key(key.clone()));
    let mut evidence = Evidence::new(payload.digest.clone(), signer)
        .with_fact("reference", payload.docker_reference.clone())
        .with_fact("claimedSignatureTime", statement::text(signed.created));
    if signed.signing_key != signed.fingerprint {
        evidence = evidence.with_fact("signingSubkey", signed.signing_key.clone());
    }
    let claims = [("claimedCreator", payload.creator.clone()), ("claimedPayloadTime", payload.timestamp.map(statement::text))];
    claims
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .fold(evidence, |evidence, (name, value)| evidence.with_fact(name, value))
}
