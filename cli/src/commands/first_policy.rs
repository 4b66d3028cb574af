//! A policy to begin with: what `policy init` and `inspect --suggest-policy` write.

use serde_json::Value;
use verimage::core::Repository;
use verimage::core::policy::document::PublicKeyDocument;
use verimage::{FolderMaterial, PolicyLoader, quick_key};

use crate::commands::inspect::{Finding, Inspection};
use crate::failure::Failure;
use crate::plan::ImagePlan;

/// What goes into the policy, as the words of its file.
#[derive(Debug, Default)]
pub(crate) struct FirstPolicy {
    /// What the reader must know, as comments at the top.
    pub(crate) notes: Vec<String>,
    pub(crate) images: Vec<String>,
    pub(crate) keys: Vec<PublicKeyDocument>,
    pub(crate) signature_repository: Option<Repository>,
    pub(crate) insecure_ignore_log: bool,
}

impl FirstPolicy {
    /// A rule for one image, to be completed with the key that its signer publishes.
    pub(crate) fn suggested(image: &ImagePlan, signatures: Option<Repository>, found: &Inspection) -> Self {
        let mut notes = vec![
            "Made from what stands beside the image, UNVERIFIED. A key never comes from the registry: take it from the signer,".to_owned(),
            "put it into signer.pub beside this file, and try the policy with `verimage verify`.".to_owned(),
        ];
        let signatures_found = found.attachments.iter().any(|place| place.holds == "signatures" && matches!(place.finding, Finding::Found));
        if !signatures_found {
            notes.push("No cosign signature was found in this place, so nothing will be allowed yet.".to_owned());
        }
        if !found.referrers.manifests.is_empty() {
            notes.push("There are referrers, too: bundles among them may be signatures or attestations.".to_owned());
        }
        Self {
            notes,
            images: vec![image.name.as_ref().map_or_else(|| "**/**".to_owned(), |name| name.name())],
            keys: vec![quick_key("signer.pub")],
            signature_repository: signatures,
            insecure_ignore_log: true,
        }
    }

    /// The policy file.
    pub(crate) fn text(&self) -> Result<String, Failure> {
        let mut lines: Vec<String> = self.notes.iter().map(|note| format!("# {note}")).collect();
        lines.extend(["apiVersion: verimage/v1", "kind: ImagePolicy", ""].map(str::to_owned));
        if self.keys.is_empty() {
            lines.extend(self.deny_everything()?);
        } else {
            lines.extend(self.trust()?);
            lines.extend(self.stores()?);
            lines.extend(self.rule()?);
        }
        Ok(lines.join("\n") + "\n")
    }

    /// Loads the text as it would be loaded from its file in `folder`.
    pub(crate) async fn check(&self, folder: &std::path::Path) -> Result<String, Failure> {
        let text = self.text()?;
        let material = FolderMaterial::new(Some(folder.to_owned()));
        match PolicyLoader::new().load_text_async(&text, "policy init", &material).await {
            Ok(_) => Ok(text),
            Err(error) => Err(Failure::policy(error, None)),
        }
    }

    fn deny_everything(&self) -> Result<Vec<String>, Failure> {
        let text = "\
# Nothing is allowed yet. A rule for your images looks like this, and the most specific pattern wins:
#
# trust:
#   signer: { publicKey: { file: cosign.pub } }
# rules:
# - name: team
#   images: [\"registry.example/team/**\"]
#   require:
#     cosign: { key: signer }

rules:
- name: everything-else
  images: [\"**/**\"]
  require:
    deny: { reason: \"no rule allows this image yet\" }";
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn trust(&self) -> Result<Vec<String>, Failure> {
        let mut lines = vec!["trust:".to_owned()];
        for (index, key) in self.keys.iter().enumerate() {
            lines.push(format!("  {}: {{ publicKey: {{ {} }} }}", self.key_name(index), fields(key)?));
        }
        lines.push(String::new());
        Ok(lines)
    }

    fn stores(&self) -> Result<Vec<String>, Failure> {
        let Some(repository) = &self.signature_repository else { return Ok(Vec::new()) };
        let store = format!("  signatures: {{ type: auto, repository: {} }}", quoted(&repository.to_string())?);
        Ok(vec!["stores:".to_owned(), store, String::new()])
    }

    fn rule(&self) -> Result<Vec<String>, Failure> {
        let everything = ["**/**".to_owned()];
        let images = if self.images.is_empty() { &everything[..] } else { &self.images[..] };
        let images: Vec<String> = images.iter().map(|image| quoted(image)).collect::<Result<_, _>>()?;
        let mut lines = vec!["rules:".to_owned(), "- name: signed".to_owned(), format!("  images: [{}]", images.join(", "))];
        lines.push("  require:".to_owned());
        let single = self.keys.len() == 1;
        if !single {
            lines.push("    anyOf:".to_owned());
        }
        let indent = if single { "    " } else { "    - " };
        lines.extend((0..self.keys.len()).map(|index| format!("{indent}{}", self.leaf(index))));
        lines.extend([String::new(), "# An image that no rule matches is denied.".to_owned()]);
        Ok(lines)
    }

    fn leaf(&self, index: usize) -> String {
        let log = if self.insecure_ignore_log { ", transparency: none" } else { "" };
        let stores = if self.signature_repository.is_some() { ", stores: [signatures]" } else { "" };
        format!("cosign: {{ key: {}{log}{stores} }}", self.key_name(index))
    }

    fn key_name(&self, index: usize) -> String {
        if self.keys.len() == 1 { "signer".to_owned() } else { format!("signer-{}", index + 1) }
    }
}

/// What the document of a key says, on one line.
fn fields(key: &PublicKeyDocument) -> Result<String, Failure> {
    let value = serde_json::to_value(key).map_err(|error| Failure::Output(error.into()))?;
    let fields = value.as_object().into_iter().flatten().map(|(name, value): (&String, &Value)| format!("{name}: {value}"));
    Ok(fields.collect::<Vec<_>>().join(", "))
}

/// A text as YAML and JSON both quote it.
fn quoted(text: &str) -> Result<String, Failure> {
    serde_json::to_string(text).map_err(|error| Failure::Output(error.into()))
}
