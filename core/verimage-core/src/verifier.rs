//! The two traits that plug-ins implement: [`SignatureStore`] brings bytes, [`Verifier`] judges them.

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::code::Code;
use crate::digest::Digest;
use crate::limits::Limits;
use crate::reference::ImageRef;
use crate::report::{Evidence, Failure, SignatureReport};
use crate::want::{Answer, Blob, StoreError, Want};

/// The manifest that is judged: the reference that led to it, and its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    reference: ImageRef,
    digest: Digest,
    size: Option<u64>,
    media_type: Option<String>,
}

impl Subject {
    /// A subject of known digest.
    pub fn new(reference: ImageRef, digest: Digest) -> Self {
        Self { reference, digest, size: None, media_type: None }
    }

    /// A subject of which more is known: its size in bytes, and the media type that it says of itself.
    #[must_use]
    pub fn with_content(self, size: Option<u64>, media_type: Option<String>) -> Self {
        Self { size, media_type, ..self }
    }

    /// The size in bytes, if the manifest was looked at.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// The media type, if the manifest was looked at and says one.
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// The reference as asked, with Docker Hub's defaults filled in.
    pub fn reference(&self) -> &ImageRef {
        &self.reference
    }

    /// The digest of the manifest that is judged.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

/// Gives bytes, judges nothing. The only async line of the library.
///
/// A store bounds every read by [`Want::max_bytes`], re-hashes what was asked for by digest, and says
/// [`StoreErrorKind::NotFound`](crate::StoreErrorKind::NotFound) only if the place itself said so.
#[async_trait]
pub trait SignatureStore: Debug + Send + Sync {
    /// Brings what `want` asks for, as seen from `image`.
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError>;
}

/// Judges, fetches nothing. One value is one scheme with its trust anchors and its expected signer.
pub trait Verifier: Debug + Send + Sync {
    /// The scheme, as reports name it: `cosign`.
    fn name(&self) -> &str;
    /// Starts to judge one subject.
    fn begin(&self, subject: &Subject) -> Box<dyn Check>;
    /// Starts before the digest is known, for schemes whose signatures say which digest a tag names: the evidence names it.
    /// If an image can only be allowed by such a leaf, the registry is not asked what its tag names.
    fn begin_by_name(&self, _image: &ImageRef) -> Option<Box<dyn Check>> {
        None
    }
    /// The code if nothing at all was found: no signature, or no attestation.
    fn not_found(&self) -> Code {
        Code::SignatureNotFound
    }
    /// How a message says that nothing at all was found, where users of other tools know a sentence for it.
    fn not_found_words(&self) -> Option<&'static str> {
        None
    }
    /// What the verdict must say aloud about this configuration, as stable words such as `log-not-required`.
    fn warnings(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

/// One leaf under way. Deterministic: the same answers and the same context give the same step.
pub trait Check: Send {
    /// Takes the answers to the wants of the step before, and says what is needed next or what came out.
    ///
    /// The first call has no answers. Later calls have one answer for each want, in the order of the wants.
    fn step(&mut self, answers: &[Answer], context: &Context<'_>) -> Step;
    /// What is to be kept for the next time, once the check is done, whatever came out.
    fn learned(&mut self) -> Option<Learned> {
        None
    }
}

/// What a check learned of a collection, to be kept so that an older one is never believed again. It answers a later
/// [`What::TrustState`](crate::What::TrustState).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Learned {
    /// The server that the collection is on.
    pub server: String,
    /// The collection.
    pub collection: String,
    /// What is known now.
    pub state: Vec<u8>,
    /// What is known if this and what another verification kept in the meantime is known; nothing if the older is unreadable.
    pub merge: fn(older: &[u8], newer: &[u8]) -> Option<Vec<u8>>,
    /// Whether this is a first contact that trust rests on: nothing is allowed that it was not kept for.
    pub must_be_kept: bool,
}

impl Learned {
    /// Something learned of a collection on a server.
    pub fn new(server: &str, collection: &str, state: Vec<u8>, merge: fn(&[u8], &[u8]) -> Option<Vec<u8>>) -> Self {
        Self { server: server.to_owned(), collection: collection.to_owned(), state, merge, must_be_kept: false }
    }

    /// The same, as a first contact that trust rests on from now on.
    #[must_use]
    pub fn as_first_contact(self) -> Self {
        Self { must_be_kept: true, ..self }
    }
}

/// Keeps what was learned, for each collection of each server: the memory against rollbacks.
///
/// What cannot be read must be an error of the kind [`StateUnreadable`](crate::StoreErrorKind::StateUnreadable), and never
/// look like a first contact.
#[async_trait]
pub trait StateStore: Debug + Send + Sync {
    /// What was kept last; nothing if nothing ever was.
    async fn load(&self, server: &str, collection: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Keeps this in place of what is there, merged with it.
    async fn keep(&self, learned: &Learned) -> Result<(), StoreError>;
}

/// What a [`Check`] says at the end of a step.
#[derive(Debug)]
pub enum Step {
    /// These are needed next. An empty list is a defect of the check and ends it without evidence.
    Fetch(Vec<Want>),
    /// This is what was found. An empty list means that nothing was there.
    Done(Vec<SignatureReport>),
}

/// Everything that a check may know beside its answers.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Context<'a> {
    /// The time at which is judged.
    pub now: Timestamp,
    /// The bounds for sizes and counts.
    pub limits: &'a Limits,
    /// Whether to look on after the first signature that passes.
    pub all_evidence: bool,
}

impl<'a> Context<'a> {
    /// A context that stops at the first signature that passes.
    pub fn new(now: Timestamp, limits: &'a Limits) -> Self {
        Self { now, limits, all_evidence: false }
    }
}

/// A check of one round: fetch `wants`, judge each blob on its own.
/// The crate's first page has an example.
pub fn one_round<J>(verifier: &str, wants: Vec<Want>, judge: J) -> Box<dyn Check>
where
    J: FnMut(&Blob, &Context<'_>) -> Result<Evidence, Failure> + Send + 'static,
{
    Box::new(OneRound { verifier: verifier.to_owned(), wants: Some(wants), judge })
}

struct OneRound<J> {
    verifier: String,
    wants: Option<Vec<Want>>,
    judge: J,
}

impl<J> Check for OneRound<J>
where
    J: FnMut(&Blob, &Context<'_>) -> Result<Evidence, Failure> + Send,
{
    fn step(&mut self, answers: &[Answer], context: &Context<'_>) -> Step {
        if let Some(wants) = self.wants.take() {
            return Step::Fetch(wants);
        }
        let mut reports = Vec::new();
        for answer in answers {
            for (index, blob) in answer.result.iter().flatten().enumerate() {
                let outcome = (self.judge)(blob, context);
                reports.push(SignatureReport::new(&self.verifier, answer.want.clone(), index, outcome));
            }
        }
        Step::Done(reports)
    }
}
