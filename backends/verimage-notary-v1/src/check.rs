//! Verifies the roles of one collection up to the digest of a tag.

use std::sync::Arc;

use verimage_core::{
    Answer, Check, Code, Context, Evidence, Failure, ImageRef, Learned, Place, SignatureReport, Step, StoreErrorKind, Subject, Verifier,
    Want, What,
};
use verimage_crypto::{CryptoSet, Fingerprint};
use verimage_tuf::{
    DelegationName, Evidence as Found, Expectation, Gun, Known, Outcome, Pins, Request, RoleName, Step as TufStep, TargetRule, TrustState,
    Verification, Wanted,
};

use crate::discover;
use crate::envelope::evidence;
use crate::failure::{failure, unreadable};

/// The name in reports.
const NAME: &str = "notaryV1";
/// Nobody keeps what was seen, so a server may offer what is older.
const NOT_KEPT: &str = "trust-state-not-kept";

/// What a leaf demands.
#[derive(Debug)]
pub(crate) struct Demand {
    pub(crate) server: Option<String>,
    pub(crate) gun: Option<Gun>,
    pub(crate) pins: Pins,
    pub(crate) rule: TargetRule,
    /// Delegations, and the key with which each must be signed.
    pub(crate) signers: Vec<(DelegationName, Fingerprint)>,
    pub(crate) crypto: CryptoSet,
}

impl Demand {
    /// Whether the pinned key of each delegation is among those that signed it. That `targets` lists it says nothing.
    fn check_signers(&self, found: &Found) -> Result<(), Failure> {
        let is_signed = |(name, key): &&(DelegationName, Fingerprint)| {
            let role = RoleName::Delegation(name.clone());
            let signers = found.roles.iter().filter(|verified| verified.role == role).flat_map(|verified| &verified.signers);
            signers.into_iter().any(|signer| signer.fingerprint() == *key)
        };
        match self.signers.iter().find(|signer| !is_signed(signer)) {
            None => Ok(()),
            Some((name, key)) => {
                let detail = format!("{name} is not signed with the key {key} that the policy demands of it");
                Err(Failure::new(Code::DelegationMissing, detail))
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct NotaryV1Verifier(Arc<Demand>);

impl NotaryV1Verifier {
    pub(crate) fn new(demand: Demand) -> Self {
        Self(Arc::new(demand))
    }

    fn check(&self, image: &ImageRef, wanted: Wanted) -> Box<dyn Check> {
        let server = self.0.server.clone().unwrap_or_else(|| discover::server(image));
        let gun = self.0.gun.clone().map_or_else(|| discover::collection(image), Ok);
        let gun = match gun {
            Ok(gun) => gun,
            Err(error) => return Box::new(Refused(Failure::new(Code::PolicyRejects, error.to_string()))),
        };
        Box::new(NotaryV1Check {
            demand: self.0.clone(),
            server,
            gun,
            wanted,
            stage: Stage::Start,
            is_kept: true,
            is_first_use: false,
            learned: None,
        })
    }
}

impl Verifier for NotaryV1Verifier {
    fn name(&self) -> &str {
        NAME
    }

    fn begin(&self, subject: &Subject) -> Box<dyn Check> {
        let (image, digest) = (subject.reference(), subject.digest().clone());
        let wanted = match image.tag() {
            Some(tag) => Wanted::TagAndDigest { tag: tag.to_string(), digest },
            None => Wanted::Digest(digest),
        };
        self.check(image, wanted)
    }

    fn begin_by_name(&self, image: &ImageRef) -> Option<Box<dyn Check>> {
        image.tag().map(|tag| self.check(image, Wanted::Tag(tag.to_string())))
    }
}

struct NotaryV1Check {
    demand: Arc<Demand>,
    server: String,
    gun: Gun,
    wanted: Wanted,
    stage: Stage,
    /// Whether anybody keeps what is learned.
    is_kept: bool,
    /// Whether trust begins with what is found now.
    is_first_use: bool,
    learned: Option<Learned>,
}

/// What the next answers belong to.
enum Stage {
    Start,
    State,
    Files(Box<Verification>, Vec<Request>),
}

impl Check for NotaryV1Check {
    fn step(&mut self, answers: &[Answer], context: &Context<'_>) -> Step {
        match std::mem::replace(&mut self.stage, Stage::Start) {
            Stage::Start => {
                self.stage = Stage::State;
                Step::Fetch(vec![discover::state(&self.server, &self.gun)])
            }
            Stage::State => match self.begin(answers.first(), context) {
                Ok(Some(verification)) => self.go_on(verification),
                Ok(None) => Step::Done(Vec::new()),
                Err(failure) => self.done(&RoleName::Root, Err(failure)),
            },
            Stage::Files(mut verification, requests) => {
                for (request, answer) in requests.into_iter().zip(answers) {
                    verification.supply(request.file, discover::heard(answer));
                }
                self.go_on(verification)
            }
        }
    }

    fn learned(&mut self) -> Option<Learned> {
        self.learned.take()
    }
}

impl NotaryV1Check {
    /// Begins with what was kept. Nothing if that could not be found out, which the store has said.
    fn begin(&mut self, answer: Option<&Answer>, context: &Context<'_>) -> Result<Option<Box<Verification>>, Failure> {
        let known = match answer.map(|answer| &answer.result) {
            Some(Ok(blobs)) => match blobs.first() {
                Some(blob) => Known::state(TrustState::from_json(blob.bytes()).map_err(unreadable)?),
                None => {
                    self.is_kept = false;
                    Known::default()
                }
            },
            Some(Err(error)) if error.kind == StoreErrorKind::NotFound => {
                self.is_first_use = self.demand.pins.is_first_use();
                Known::default()
            }
            _ => return Ok(None),
        };
        if !self.is_kept && self.demand.pins.is_first_use() {
            return Err(unreadable("trust on first use needs a place where the first root is kept, and there is none"));
        }
        let Demand { pins, rule, crypto, .. } = &*self.demand;
        let expectation = Arc::new(Expectation::new(self.gun.clone(), pins.clone(), rule.clone(), *crypto));
        let verification = Verification::begin(expectation, self.wanted.clone(), context.now, known).map_err(unreadable)?;
        Ok(Some(Box::new(verification)))
    }

    fn go_on(&mut self, mut verification: Box<Verification>) -> Step {
        match verification.step() {
            TufStep::Fetch(requests) => {
                let wants = requests.iter().map(|request| discover::requested(&self.server, &self.gun, request)).collect();
                self.stage = Stage::Files(verification, requests);
                Step::Fetch(wants)
            }
            TufStep::Done(outcome) => self.finish(&outcome),
            _ => self.done(&RoleName::Root, Err(Failure::new(Code::MetadataInvalid, "the metadata could not be read to their end"))),
        }
    }

    fn finish(&mut self, outcome: &Outcome) -> Step {
        let state = outcome.state.as_ref().filter(|_| self.is_kept);
        let learned = |state: &TrustState| Learned::new(&self.server, self.gun.as_str(), state.to_json(), merge);
        self.learned = state.map(learned).map(|learned| if self.is_first_use { learned.as_first_contact() } else { learned });
        match &outcome.result {
            Ok(found) => {
                let mut evidence = self.demand.check_signers(found).and_then(|()| evidence(found, outcome));
                if let Ok(evidence) = &mut evidence
                    && !self.is_kept
                {
                    evidence.warnings.insert(NOT_KEPT.to_owned());
                }
                self.done(found.signed_in.first().unwrap_or(&RoleName::Targets), evidence)
            }
            Err(refusal) => match failure(refusal) {
                Some(failure) => self.done(&refusal.role, Err(failure)),
                None => Step::Done(Vec::new()),
            },
        }
    }

    fn done(&self, role: &RoleName, outcome: Result<Evidence, Failure>) -> Step {
        let source = discover::role(&self.server, &self.gun, role);
        Step::Done(vec![SignatureReport::new(NAME, source, 0, outcome)])
    }
}

/// What is known if two verifications kept something.
fn merge(older: &[u8], newer: &[u8]) -> Option<Vec<u8>> {
    let (older, newer) = (TrustState::from_json(older).ok()?, TrustState::from_json(newer).ok()?);
    Some(older.merge(newer)?.to_json())
}

/// An image whose repository can be no collection.
struct Refused(Failure);

impl Check for Refused {
    fn step(&mut self, _: &[Answer], _: &Context<'_>) -> Step {
        let source = Want { place: Place::Image, what: What::Resolve, max_bytes: 0 };
        Step::Done(vec![SignatureReport::new(NAME, source, 0, Err(self.0.clone()))])
    }
}
