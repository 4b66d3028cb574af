//! The session: one verification as a pure state machine. It asks, its owner fetches.

mod naming;

use std::collections::{BTreeMap, BTreeSet};

use self::naming::Named;
use crate::code::Code;
use crate::digest::Digest;
use crate::manifest::{Index, Manifest};
use crate::platform::Platform;
use crate::policy::{Location, Mode, Policy, Rule, SubjectRule, Unmatched};
use crate::reference::ImageRef;
use crate::report::Failure;
use crate::schema1;
use crate::trial::{Asker, Trial};
use crate::verdict::Verdict;
use crate::verifier::{Context, Learned};
use crate::want::{Answer, Blob, Place, StoreError, StoreErrorKind, Want, What};

/// One verification of one image under one policy.
///
/// Call [`step`](Self::step); while it says [`Progress::Fetch`], bring the answers to [`supply`](Self::supply) and step
/// again. The same policy, image, answers and context give the same verdict, whatever the order of the answers.
pub struct Session {
    policy: Policy,
    image: ImageRef,
    platform: Option<Platform>,
    location: Location,
    selection: Selection,
    resolution: Resolution,
    always_resolve: bool,
    /// What leaves that need no digest found out, once they did.
    named: Option<Named>,
    trials: Vec<Trial>,
    asked: BTreeSet<Want>,
    answers: BTreeMap<Want, Result<Vec<Blob>, StoreError>>,
    received: u64,
    rounds: usize,
    learned: Vec<Learned>,
}

/// What a session says after a step.
#[derive(Debug)]
pub enum Progress {
    /// These are needed, all of them new.
    Fetch(Vec<Want>),
    /// Nothing is needed, and more is to be computed: a place to let others run. Step again.
    Pause,
    /// It is decided.
    Done(Box<Verdict>),
}

/// Which rules judge.
pub(crate) enum Selection {
    /// These, by their index in the policy; at least one.
    Rules(Vec<usize>),
    /// None matches.
    Unmatched,
    /// None can be chosen.
    Ambiguous(String),
}

/// What the reference names.
pub(crate) enum Resolution {
    Open,
    /// Leaves are finding it out.
    ByName,
    /// No leaf found it out, and nobody else may say it.
    Unnamed,
    NotNeeded,
    Known(Resolved),
    Failed(Failure),
}

pub(crate) struct Resolved {
    pub(crate) digest: Digest,
    /// The manifest, if it was fetched.
    pub(crate) manifest: Option<ManifestKind>,
    pub(crate) size: Option<u64>,
    pub(crate) media_type: Option<String>,
}

pub(crate) enum ManifestKind {
    Image,
    Index(Index),
}

impl Session {
    /// A session over `image`. With a `platform`, rules whose subject is the platform judge its manifest inside an index.
    pub fn new(policy: &Policy, image: ImageRef, platform: Option<Platform>) -> Self {
        let image = image.with_default_tag();
        let location = Location::default();
        let selection = Selection::of(policy, &image, &image, &location);
        Self {
            policy: policy.clone(),
            image,
            platform,
            location,
            selection,
            resolution: Resolution::Open,
            always_resolve: false,
            named: None,
            trials: Vec::new(),
            asked: BTreeSet::new(),
            answers: BTreeMap::new(),
            received: 0,
            rounds: 0,
            learned: Vec::new(),
        }
    }

    /// Looks at what the place of the image holds even if the reference names a digest, and judges it only if it has that
    /// digest: for places whose content a caller goes on to use without asking for the digest.
    #[must_use]
    pub fn always_resolving(mut self) -> Self {
        self.always_resolve = true;
        self
    }

    /// The same over an image that is somewhere else than in the registry that its reference names.
    #[must_use]
    pub fn located(mut self, location: Location) -> Self {
        self.selection = Selection::of(&self.policy, &self.image, &self.image, &location);
        self.location = location;
        self
    }

    /// The reference that is judged, Docker Hub's defaults filled in.
    pub fn image(&self) -> &ImageRef {
        &self.image
    }

    /// The digest that the reference names, once it is known and no leaf had to find it out.
    pub fn resolved(&self) -> Option<&Digest> {
        match &self.resolution {
            Resolution::Known(resolved) if self.named.is_none() => Some(&resolved.digest),
            _ => None,
        }
    }

    /// Goes as far as the answers reach.
    pub fn step(&mut self, context: &Context<'_>) -> Progress {
        if matches!(self.resolution, Resolution::Open)
            && let Some(want) = self.resolve(context)
        {
            return self.ask(vec![want], context);
        }
        // Leaves that find out the digest go on to their end, for they must agree.
        let is_naming = matches!(self.resolution, Resolution::ByName);
        if !is_naming {
            self.settle(context);
        }
        let (moved, wants) = self.advance(context);
        match (moved, wants.is_empty()) {
            (_, false) => self.ask(wants, context),
            (true, true) => Progress::Pause,
            (false, true) if is_naming => {
                self.finish_naming();
                Progress::Pause
            }
            (false, true) => Progress::Done(Box::new(self.verdict(context))),
        }
    }

    /// What is to be kept for the next time, once the session is done.
    pub fn take_learned(&mut self) -> Vec<Learned> {
        std::mem::take(&mut self.learned)
    }

    /// Ends every open question; the next step gives the verdict over what is known.
    pub fn expire(&mut self, context: &Context<'_>) {
        if matches!(self.resolution, Resolution::Open) {
            self.resolution = Resolution::Failed(Failure::new(Code::DeadlineExceeded, "the time was over before the image was resolved"));
        }
        self.stop(&Failure::new(Code::DeadlineExceeded, "the time was over before this was decided"), context);
    }

    /// Takes answers. Answers that nobody asked for are ignored; of two answers to one want the first counts.
    pub fn supply(&mut self, mut answers: Vec<Answer>, context: &Context<'_>) {
        // In the order of the wants, so that the bound on all of them together does not depend on who was faster.
        answers.sort_by(|one, other| one.want.cmp(&other.want));
        for Answer { want, result } in answers {
            if self.asked.contains(&want) && !self.answers.contains_key(&want) {
                let result = result.and_then(|blobs| self.admit(&want, blobs, context));
                self.answers.insert(want, result);
            }
        }
    }

    /// Core rules that no store can forget: sizes are bounded, and what was asked for by digest has it.
    fn admit(&mut self, want: &Want, blobs: Vec<Blob>, context: &Context<'_>) -> Result<Vec<Blob>, StoreError> {
        let size: u64 = blobs.iter().map(|blob| blob.bytes().len() as u64).sum();
        self.received = self.received.saturating_add(size);
        if size > want.max_bytes {
            return Err(StoreError::too_large(want.max_bytes));
        }
        if self.received > context.limits.total_bytes {
            return Err(StoreError::too_large(context.limits.total_bytes));
        }
        match (&want.what, blobs.as_slice()) {
            (What::Manifest(digest) | What::Blob(digest), [blob]) if digest.matches(blob.bytes()) => Ok(blobs),
            (What::Manifest(digest) | What::Blob(digest), _) => {
                Err(StoreError::unavailable(format!("the answer does not have the digest {digest}")))
            }
            (What::Resolve | What::ManifestByTag(_), [_]) => Ok(blobs),
            (What::Resolve | What::ManifestByTag(_), _) => Err(StoreError::unavailable("the answer is not one manifest")),
            _ => Ok(blobs),
        }
    }

    fn ask(&mut self, wants: Vec<Want>, context: &Context<'_>) -> Progress {
        let limits = context.limits;
        let refusal = if self.rounds >= limits.rounds {
            Some(format!("more than {} rounds of questions", limits.rounds))
        } else if self.asked.len().saturating_add(wants.len()) > limits.wants {
            Some(format!("more than {} questions", limits.wants))
        } else {
            None
        };
        if let Some(reason) = refusal {
            let failure = Failure::new(Code::LimitExceeded, reason);
            if matches!(self.resolution, Resolution::Open) {
                self.resolution = Resolution::Failed(failure.clone());
            }
            self.stop(&failure, context);
            return Progress::Pause;
        }
        self.rounds += 1;
        self.asked.extend(wants.iter().cloned());
        Progress::Fetch(wants)
    }

    fn applying(&self) -> Vec<&Rule> {
        let Selection::Rules(indices) = &self.selection else { return Vec::new() };
        indices.iter().filter_map(|index| self.policy.rules.get(*index)).collect()
    }

    /// Resolution is the first step: what the reference names, if anything is to be proven about it.
    fn resolve(&mut self, context: &Context<'_>) -> Option<Want> {
        if self.begin_naming() {
            return None;
        }
        let what = self.named.as_ref().map_or(What::Resolve, |named| What::Manifest(named.digest.clone()));
        let want = Want { place: Place::Image, what, max_bytes: context.limits.manifest_bytes };
        if self.asked.contains(&want) {
            self.resolution = match self.answers.get(&want) {
                Some(Ok(blobs)) => read_resolution(blobs, self.digest()),
                Some(Err(error)) => Resolution::Failed(resolution_failure(&self.image, error)),
                None => Resolution::Failed(resolution_failure(&self.image, &StoreError::unavailable("there is no answer"))),
            };
        } else if self.needs_manifest() {
            return Some(want);
        } else if let Some(digest) = self.digest() {
            self.resolution = Resolution::Known(Resolved { digest: digest.clone(), manifest: None, size: None, media_type: None });
        } else {
            self.resolution = Resolution::NotNeeded;
        }
        self.begin_trials(context);
        None
    }

    /// The digest that the reference names, or that leaves found out.
    fn digest(&self) -> Option<&Digest> {
        self.image.digest().or(self.named.as_ref().map(|named| &named.digest))
    }

    /// Selects again now that the digest is known, for scopes that name one, and starts the rules.
    fn begin_trials(&mut self, context: &Context<'_>) {
        let Resolution::Known(resolved) = &self.resolution else { return };
        if self.image.digest().is_none() {
            let known = self.image.clone().with_digest(resolved.digest.clone());
            self.selection = Selection::of(&self.policy, &self.image, &known, &self.location);
        }
        let applying = self.applying();
        let named = self.named.as_ref().map_or(&[][..], |named| &named.leaves);
        let asker = Asker { platform: self.platform.as_ref(), named, context };
        self.trials = applying.iter().map(|rule| Trial::new(rule, &self.image, resolved, asker)).collect();
    }

    fn needs_manifest(&self) -> bool {
        let nameless = self.digest().is_none();
        if nameless && self.policy.has_digest_scope_for(&self.image) {
            return true;
        }
        match &self.selection {
            Selection::Ambiguous(_) => false,
            Selection::Unmatched => (nameless || self.always_resolve) && self.policy.unmatched == Unmatched::Allow,
            Selection::Rules(_) => {
                let applying = self.applying();
                let refused = applying.iter().any(|rule| rule.mode == Mode::Enforce && rule.denies(&self.image));
                let inside = |rule: &&Rule| rule.subject != SubjectRule::Index || rule.require_present;
                let looks = |rule: &&Rule| nameless || self.always_resolve || inside(rule);
                !refused && applying.iter().any(|rule| !rule.denies(&self.image) && looks(rule))
            }
        }
    }

    /// Steps every leaf that has its answers once. Says whether one moved, and what is missing.
    fn advance(&mut self, context: &Context<'_>) -> (bool, Vec<Want>) {
        let mut wants = BTreeSet::new();
        let mut moved = false;
        for leaf in self.trials.iter_mut().flat_map(Trial::open_leaves) {
            let missing: Vec<_> = leaf.waiting().iter().filter(|want| !self.asked.contains(*want)).cloned().collect();
            if !missing.is_empty() {
                wants.extend(missing);
                continue;
            }
            let answers: Vec<Answer> = leaf.waiting().iter().map(|want| answer_to(want, &self.answers)).collect();
            leaf.advance(&answers, context);
            self.learned.extend(leaf.take_learned());
            moved = true;
        }
        // Leaves that moved may ask for more, so that all of it is fetched together.
        (moved, if moved { Vec::new() } else { wants.into_iter().collect() })
    }

    fn settle(&mut self, context: &Context<'_>) {
        let alone = self.trials.len() == 1;
        self.trials.iter_mut().for_each(|trial| trial.settle(context.all_evidence, alone));
    }

    fn stop(&mut self, failure: &Failure, context: &Context<'_>) {
        for leaf in self.trials.iter_mut().flat_map(Trial::open_leaves) {
            leaf.fail(failure.clone());
        }
        self.settle(context);
    }

    fn verdict(&self, context: &Context<'_>) -> Verdict {
        crate::judge::judge(&self.policy, &self.image, &self.selection, &self.resolution, &self.applying(), &self.trials, context)
    }
}

impl Selection {
    fn of(policy: &Policy, asked: &ImageRef, known: &ImageRef, location: &Location) -> Self {
        match policy.select_resolved(asked, known, location) {
            Ok(rules) if rules.is_empty() => Self::Unmatched,
            Ok(rules) => Self::Rules(rules),
            Err(tied) => Self::Ambiguous(format!("the rules {} match equally well", tied.rules.join(", "))),
        }
    }
}

fn answer_to(want: &Want, answers: &BTreeMap<Want, Result<Vec<Blob>, StoreError>>) -> Answer {
    let result = answers.get(want).cloned().unwrap_or_else(|| Err(StoreError::unavailable("there is no answer")));
    Answer { want: want.clone(), result }
}

fn read_resolution(blobs: &[Blob], expected: Option<&Digest>) -> Resolution {
    let Some(blob) = blobs.first() else {
        return Resolution::Failed(Failure::new(Code::StoreUnavailable, "the answer is not one manifest"));
    };
    let no_image =
        |reason: String| Resolution::Failed(Failure::new(Code::StoreUnavailable, format!("what is there is no image: {reason}")));
    let size = Some(blob.bytes().len() as u64);
    match schema1::digest(blob.bytes()) {
        Ok(Some(digest)) if expected.is_none_or(|expected| *expected == digest) => {
            return Resolution::Known(Resolved { digest, manifest: Some(ManifestKind::Image), size, media_type: None });
        }
        Ok(_) => {}
        Err(reason) => return no_image(reason),
    }
    if let Some(digest) = expected.filter(|digest| !digest.matches(blob.bytes())) {
        return Resolution::Failed(Failure::new(Code::StoreUnavailable, format!("what is there does not have the digest {digest}")));
    }
    let digest = expected.cloned().unwrap_or_else(|| Digest::sha256(blob.bytes()));
    match Manifest::parse(blob.bytes()) {
        Ok(manifest) => {
            let media_type = manifest.media_type().map(str::to_owned);
            let kind = match manifest {
                Manifest::Image(_) => ManifestKind::Image,
                Manifest::Index(index) => ManifestKind::Index(index),
            };
            Resolution::Known(Resolved { digest, manifest: Some(kind), size, media_type })
        }
        Err(reason) => no_image(reason),
    }
}

fn resolution_failure(image: &ImageRef, error: &StoreError) -> Failure {
    let code = match error.kind {
        StoreErrorKind::NotFound => Code::ImageNotFound,
        other => Code::of_store_error(other),
    };
    Failure::new(code, format!("{image}: {error}"))
}
