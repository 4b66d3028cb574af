//! Transcripts: everything a verification was told, as one file. Fixture, bug report and replay are the same form.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::json;
use crate::limits::Limits;
use crate::policy::Location;
use crate::reference::ImageRef;
use crate::verifier::SignatureStore;
use crate::want::{Answer, Blob, StoreError, Want, What};

/// The version of the form.
const VERSION: u32 = 1;
/// The bytes of all blobs that are recorded.
const MAX_BYTES: usize = 64 << 20;
/// The largest transcript that is read, in bytes of its text: the blobs in base64, and room for the questions.
const MAX_TRANSCRIPT_BYTES: usize = 96 << 20;

/// A recorded exchange. It holds no credentials, and each blob once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Transcript {
    version: u32,
    image: String,
    #[serde(default, skip_serializing_if = "is_in_registry")]
    location: Location,
    at: String,
    limits: Limits,
    answers: Vec<Recorded>,
    blobs: BTreeMap<Digest, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Recorded {
    want: Want,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<StoreError>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    blobs: Vec<Digest>,
}

fn is_in_registry(location: &Location) -> bool {
    *location == Location::Registry
}

impl Transcript {
    /// The transcript of a verification of `image` at the RFC 3339 time `at`. Blobs beyond 64 MiB are left out, and
    /// their answers become errors.
    pub fn new(image: &str, at: &str, limits: &Limits, answers: &[Answer]) -> Self {
        let mut transcript = Self {
            version: VERSION,
            image: image.to_owned(),
            location: Location::default(),
            at: at.to_owned(),
            limits: limits.clone(),
            answers: Vec::new(),
            blobs: BTreeMap::new(),
        };
        let mut room = MAX_BYTES;
        for answer in answers {
            let recorded = transcript.record(answer, &mut room);
            transcript.answers.push(recorded);
        }
        transcript
    }

    fn record(&mut self, answer: &Answer, room: &mut usize) -> Recorded {
        let want = answer.want.clone();
        let blobs = match &answer.result {
            Ok(blobs) => blobs,
            Err(error) => return Recorded { want, error: Some(error.clone()), blobs: Vec::new() },
        };
        let size: usize = blobs.iter().map(|blob| blob.bytes().len()).sum();
        let Some(left) = room.checked_sub(size) else {
            return Recorded { want, error: Some(StoreError::too_large(MAX_BYTES as u64)), blobs: Vec::new() };
        };
        *room = left;
        let mut keep = |blob: &Blob| {
            let digest = Digest::sha256(blob.bytes());
            self.blobs.entry(digest.clone()).or_insert_with(|| STANDARD.encode(blob.bytes()));
            digest
        };
        Recorded { want, error: None, blobs: blobs.iter().map(&mut keep).collect() }
    }

    /// Reads a transcript: strict JSON, every blob hashed.
    ///
    /// # Errors
    /// [`TranscriptError`] says what does not fit.
    pub fn parse(bytes: &[u8]) -> Result<Self, TranscriptError> {
        if bytes.len() > MAX_TRANSCRIPT_BYTES {
            return Err(TranscriptError(format!("it is larger than {MAX_TRANSCRIPT_BYTES} bytes")));
        }
        let transcript: Self = json::from_slice(bytes).map_err(|error| TranscriptError(error.to_string()))?;
        if transcript.version != VERSION {
            return Err(TranscriptError(format!("version {} is unknown, expected {VERSION}", transcript.version)));
        }
        Ok(transcript)
    }

    /// The reference that was judged.
    pub fn image(&self) -> &str {
        &self.image
    }

    /// The same over an image that is somewhere else than in the registry that its reference names.
    #[must_use]
    pub fn located(self, location: Location) -> Self {
        Self { location, ..self }
    }

    /// Where the image was.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The RFC 3339 time at which was judged.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// Whether the place of the image was asked what it holds.
    pub fn is_resolved(&self) -> bool {
        self.answers.iter().any(|recorded| recorded.want.what == What::Resolve)
    }

    /// The limits under which was judged.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A store that gives these answers again.
    ///
    /// # Errors
    /// A blob that is missing or does not have its digest.
    pub fn replay(&self) -> Result<Replay, TranscriptError> {
        Ok(Replay::of(&self.answers()?))
    }

    /// Every answer, in the order in which they were recorded.
    ///
    /// # Errors
    /// A blob that is missing or does not have its digest.
    pub fn answers(&self) -> Result<Vec<Answer>, TranscriptError> {
        let mut blobs = BTreeMap::new();
        for (digest, text) in &self.blobs {
            let bytes = STANDARD.decode(text).map_err(|error| TranscriptError(format!("blob {digest}: {error}")))?;
            if !digest.matches(&bytes) {
                return Err(TranscriptError(format!("blob {digest} has other bytes")));
            }
            blobs.insert(digest, Blob::new(bytes));
        }
        let answer = |recorded: &Recorded| Ok(Answer { want: recorded.want.clone(), result: recorded.result(&blobs)? });
        self.answers.iter().map(answer).collect()
    }
}

impl Recorded {
    fn result(&self, blobs: &BTreeMap<&Digest, Blob>) -> Result<Result<Vec<Blob>, StoreError>, TranscriptError> {
        if self.error.is_some() && !self.blobs.is_empty() {
            return Err(TranscriptError("an answer has both blobs and an error".to_owned()));
        }
        if let Some(error) = &self.error {
            return Ok(Err(error.clone()));
        }
        let find = |digest: &Digest| blobs.get(digest).cloned().ok_or_else(|| TranscriptError(format!("blob {digest} is missing")));
        self.blobs.iter().map(find).collect::<Result<Vec<_>, _>>().map(Ok)
    }
}

/// A store that answers from a [`Transcript`]; what was not recorded is unavailable.
#[derive(Clone, Debug)]
pub struct Replay {
    answers: HashMap<Want, Result<Vec<Blob>, StoreError>>,
}

impl Replay {
    /// Gives these answers; of two to one want the first.
    pub fn of(answers: &[Answer]) -> Self {
        let answers = answers.iter().rev().map(|answer| (answer.want.clone(), answer.result.clone()));
        Self { answers: answers.collect() }
    }

    /// The recorded answer.
    pub fn answer(&self, want: &Want) -> Result<Vec<Blob>, StoreError> {
        self.answers.get(want).cloned().unwrap_or_else(|| Err(StoreError::unavailable("the transcript has no answer to this")))
    }

    /// Whether this was asked, whatever the answer.
    pub fn has(&self, want: &Want) -> bool {
        self.answers.contains_key(want)
    }
}

#[async_trait]
impl SignatureStore for Replay {
    async fn fetch(&self, _image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        self.answer(want)
    }
}

/// Why a transcript cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the transcript is not usable: {0}")]
pub struct TranscriptError(String);
