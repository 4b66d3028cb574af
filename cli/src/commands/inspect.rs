//! `verimage inspect`: everything that stands beside an image, plainly unverified.

use serde::Serialize;
use serde_json::Value;
use verimage::core::manifest::{Descriptor, ImageManifest, Manifest};
use verimage::core::{Place, Repository, StoreError, StoreErrorKind, Tag, Want, What, json as strict};
use verimage::{Code, Digest};

use crate::commands::ask::Questions;
use crate::commands::first_policy::FirstPolicy;
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::plan::{ImagePlan, InspectView};
use crate::render::{json, tree};

/// How many layers of one manifest, and how many referrers, are shown.
const MAX_SHOWN: usize = 64;
/// The tags that cosign makes from a digest.
const ATTACHMENTS: [(&str, &str); 3] = [("signatures", ".sig"), ("attestations", ".att"), ("sbom", ".sbom")];
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";

/// What was found beside one image. Nothing of it was verified.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Inspection {
    pub(crate) version: u32,
    pub(crate) verified: bool,
    pub(crate) image: Option<String>,
    pub(crate) digest: Digest,
    pub(crate) kind: Option<&'static str>,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) referrers: Referrers,
}

/// Whether a place was read.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "status")]
pub(crate) enum Finding {
    Found,
    Absent,
    Unreadable { code: Code, detail: String },
}

/// A manifest under a tag that is named after the image's digest.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attachment {
    pub(crate) holds: &'static str,
    pub(crate) place: String,
    #[serde(flatten)]
    pub(crate) finding: Finding,
    pub(crate) layers: Vec<Layer>,
    pub(crate) layers_left_out: usize,
}

/// One layer of a manifest that is not an image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Layer {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) annotations: Vec<String>,
    pub(crate) payload: Option<Payload>,
    pub(crate) bundle: Option<Bundle>,
    pub(crate) problem: Option<String>,
}

/// What a simple-signing payload claims.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Payload {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) digest: Option<String>,
    pub(crate) docker_reference: Option<String>,
    pub(crate) optional: Value,
}

/// What a sigstore bundle claims.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bundle {
    pub(crate) key_hint: Option<String>,
    pub(crate) certificate: bool,
    pub(crate) log_entries: usize,
    pub(crate) timestamps: usize,
    pub(crate) payload_type: Option<String>,
}

/// The manifests that refer to the image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Referrers {
    pub(crate) place: String,
    #[serde(flatten)]
    pub(crate) finding: Finding,
    pub(crate) manifests: Vec<Referrer>,
    pub(crate) left_out: usize,
}

/// One manifest that refers to the image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Referrer {
    pub(crate) digest: Digest,
    pub(crate) artifact_type: Option<String>,
    pub(crate) annotations: Vec<String>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) problem: Option<String>,
}

pub(crate) async fn run(
    image: &ImagePlan,
    signatures: Option<Repository>,
    view: InspectView,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let questions = Questions::open(image)?;
    let resolved = questions.resolve().await?;
    let place = signatures.clone().map_or(Place::Image, Place::Repository);
    let inspection = Inspection {
        version: 1,
        verified: false,
        image: image.name.as_ref().map(ToString::to_string),
        kind: resolved.kind(),
        attachments: attachments(&questions, &place, &resolved.digest).await?,
        referrers: referrers(&questions, &resolved.digest).await,
        digest: resolved.digest,
    };
    match view {
        InspectView::Tree => console.show(&tree::inspection(&image.argument.text, &inspection))?,
        InspectView::Json => console.data(&json::pretty(&inspection)?)?,
        InspectView::Policy => console.data(&FirstPolicy::suggested(image, signatures, &inspection).text()?)?,
    }
    Ok(inspection.exit())
}

impl Inspection {
    /// A place that could not be read may hold what was asked for.
    fn exit(&self) -> Exit {
        let findings = self.attachments.iter().map(|attachment| &attachment.finding).chain([&self.referrers.finding]);
        let unreadable = findings.into_iter().any(|finding| matches!(finding, Finding::Unreadable { .. }));
        if unreadable { Exit::Inconclusive } else { Exit::Admitted }
    }
}

async fn attachments(questions: &Questions, place: &Place, digest: &Digest) -> Result<Vec<Attachment>, Failure> {
    let mut found = Vec::new();
    for (holds, suffix) in ATTACHMENTS {
        let tag = Tag::of_digest(digest, "", suffix).map_err(|error| Failure::usage(error.to_string()))?;
        let want = questions.want(place.clone(), What::ManifestByTag(tag));
        found.push(attachment(questions, holds, &want).await);
    }
    Ok(found)
}

async fn attachment(questions: &Questions, holds: &'static str, want: &Want) -> Attachment {
    let mut attachment =
        Attachment { holds, place: questions.describe(want), finding: Finding::Found, layers: Vec::new(), layers_left_out: 0 };
    match questions.ask_one(want).await.map(|blob| read_image_manifest(blob.bytes())) {
        Err(error) => attachment.finding = Finding::of(&error),
        Ok(Err(problem)) => attachment.finding = Finding::malformed(problem),
        Ok(Ok(manifest)) => {
            attachment.layers_left_out = manifest.layers.len().saturating_sub(MAX_SHOWN);
            attachment.layers = layers(questions, &want.place, manifest).await;
        }
    }
    attachment
}

async fn referrers(questions: &Questions, digest: &Digest) -> Referrers {
    let want = questions.want(Place::Image, What::Referrers { subject: digest.clone(), artifact_type: None });
    let mut referrers = Referrers { place: questions.describe(&want), finding: Finding::Found, manifests: Vec::new(), left_out: 0 };
    let pages = match questions.ask(&want).await {
        Ok(pages) => pages,
        Err(error) => return Referrers { finding: Finding::of(&error), ..referrers },
    };
    let mut descriptors = Vec::new();
    for page in pages {
        match Manifest::parse(page.bytes()) {
            Ok(Manifest::Index(index)) => descriptors.extend(index.manifests),
            Ok(Manifest::Image(_)) => referrers.finding = Finding::malformed("a page of the list is an image manifest".to_owned()),
            Err(problem) => referrers.finding = Finding::malformed(problem),
        }
    }
    if descriptors.is_empty() && matches!(referrers.finding, Finding::Found) {
        referrers.finding = Finding::Absent;
    }
    referrers.left_out = descriptors.len().saturating_sub(MAX_SHOWN);
    for descriptor in descriptors.into_iter().take(MAX_SHOWN) {
        referrers.manifests.push(referrer(questions, descriptor).await);
    }
    referrers
}

async fn referrer(questions: &Questions, descriptor: Descriptor) -> Referrer {
    let want = questions.want(Place::Image, What::Manifest(descriptor.digest.clone()));
    let manifest = questions.ask_one(&want).await.map_err(|error| error.to_string());
    let manifest = manifest.and_then(|blob| read_image_manifest(blob.bytes()));
    let mut referrer = Referrer {
        digest: descriptor.digest,
        artifact_type: descriptor.artifact_type,
        annotations: descriptor.annotations.into_keys().collect(),
        layers: Vec::new(),
        problem: None,
    };
    match manifest {
        Ok(manifest) => {
            referrer.artifact_type = referrer.artifact_type.or_else(|| manifest.artifact_type.clone());
            referrer.layers = layers(questions, &Place::Image, manifest).await;
        }
        Err(problem) => referrer.problem = Some(problem),
    }
    referrer
}

fn read_image_manifest(bytes: &[u8]) -> Result<ImageManifest, String> {
    match Manifest::parse(bytes)? {
        Manifest::Image(manifest) => Ok(manifest),
        Manifest::Index(_) => Err("it is an index".to_owned()),
    }
}

async fn layers(questions: &Questions, place: &Place, manifest: ImageManifest) -> Vec<Layer> {
    let mut layers = Vec::new();
    for descriptor in manifest.layers.into_iter().take(MAX_SHOWN) {
        layers.push(layer(questions, place, descriptor).await);
    }
    layers
}

async fn layer(questions: &Questions, place: &Place, descriptor: Descriptor) -> Layer {
    let mut layer = Layer {
        annotations: descriptor.annotations.into_keys().collect(),
        media_type: descriptor.media_type,
        digest: descriptor.digest,
        payload: None,
        bundle: None,
        problem: None,
    };
    let bundle = layer.media_type.starts_with(BUNDLE);
    if !bundle && layer.media_type != SIMPLE_SIGNING {
        return layer;
    }
    let mut want = questions.want(place.clone(), What::Blob(layer.digest.clone()));
    if bundle {
        want.max_bytes = questions.limits().manifest_bytes;
    }
    let document = questions.ask_one(&want).await.map_err(|error| error.to_string());
    match document.and_then(|blob| strict::strict_value(blob.bytes()).map_err(|error| error.to_string())) {
        Ok(document) if bundle => layer.bundle = Some(Bundle::read(&document)),
        Ok(document) => layer.payload = Some(Payload::read(&document)),
        Err(problem) => layer.problem = Some(problem),
    }
    layer
}

impl Payload {
    fn read(document: &Value) -> Self {
        Self {
            kind: text(document, "/critical/type"),
            digest: text(document, "/critical/image/docker-manifest-digest"),
            docker_reference: text(document, "/critical/identity/docker-reference"),
            optional: document.get("optional").cloned().unwrap_or_default(),
        }
    }
}

impl Bundle {
    fn read(document: &Value) -> Self {
        let material = |field: &str| document.pointer(&format!("/verificationMaterial/{field}"));
        let count = |found: Option<&Value>| found.and_then(Value::as_array).map_or(0, Vec::len);
        Self {
            key_hint: text(document, "/verificationMaterial/publicKey/hint"),
            certificate: material("certificate").or_else(|| material("x509CertificateChain")).is_some(),
            log_entries: count(material("tlogEntries")),
            timestamps: count(material("timestampVerificationData/rfc3161Timestamps")),
            payload_type: text(document, "/dsseEnvelope/payloadType"),
        }
    }
}

fn text(document: &Value, pointer: &str) -> Option<String> {
    document.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

impl Finding {
    fn of(error: &StoreError) -> Self {
        match error.kind {
            StoreErrorKind::NotFound => Self::Absent,
            kind => Self::Unreadable { code: Code::of_store_error(kind), detail: error.to_string() },
        }
    }

    fn malformed(detail: String) -> Self {
        Self::Unreadable { code: Code::PayloadMalformed, detail }
    }
}
