//! From a policy file to a policy that can judge.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use verimage_core::policy::{Anchor, AnchorRoot, Backend, Compiler, PolicyDocument, Remark, read_config};
use verimage_core::{Code, Policy, PolicyError, Timestamp};
use verimage_crypto::CryptoSet;
use verimage_import::{Document, Imported, MAX_POLICY_BYTES, PolicyFormat, import_containers};

use crate::convert;
use crate::keys::{KeyReference, KeyResolver, KeyResolvers, Resolved};
use crate::lint;
use crate::material::{self, FolderMaterial, MaterialSource};
use crate::trust::{self, TrustFolder};
use crate::trust_store;

/// Loads policies: reads the text, recognises the format, resolves the keys, builds the verifiers.
///
/// [`load`](Self::load) asks nobody: it never waits for a network and needs no runtime. A policy with key references that
/// have to be asked for, such as `gitlab://` or `k8s://`, is loaded with [`load_async`](Self::load_async) on a tokio runtime.
/// The two are apart so that a service never blocks its runtime by reading a file that somebody edited; a program without
/// a runtime starts one where it wants to wait. A policy keeps its keys: to take up new ones, load it again, and go on with
/// the old one if that fails.
#[derive(Debug)]
pub struct PolicyLoader {
    backends: Vec<Arc<dyn Backend>>,
    trust: TrustFolder,
    trust_stores: Option<PathBuf>,
    keys: KeyResolvers,
}

/// The trusted root of sigstore's public instance, which policies may name without defining it.
const PUBLIC_GOOD: &str = "sigstore-public-good";

impl Default for PolicyLoader {
    fn default() -> Self {
        Self::new()
    }
}

impl PolicyLoader {
    /// A loader with every scheme of this build and the default crypto set.
    pub fn new() -> Self {
        Self::with_crypto(default_crypto())
    }

    /// A loader with every scheme of this build, judging with `crypto`.
    pub fn with_crypto(crypto: CryptoSet) -> Self {
        let (trust, trust_stores) = (TrustFolder::of_user(), trust_store::of_user());
        Self { backends: backends(crypto), trust, trust_stores, keys: KeyResolvers::of_machine() }
    }

    /// Takes the public instance's trusted root from this folder, where it was updated; by default from the user's.
    #[must_use]
    pub fn trust_folder(self, trust: TrustFolder) -> Self {
        Self { trust, ..self }
    }

    /// Takes the trust stores that policy files name from below this folder, `x509/TYPE/NAME/` each; by default from
    /// notation's own folder of the user.
    #[must_use]
    pub fn trust_stores(self, folder: PathBuf) -> Self {
        Self { trust_stores: Some(folder), ..self }
    }

    /// Adds a scheme of your own.
    #[must_use]
    pub fn with(mut self, backend: Arc<dyn Backend>) -> Self {
        self.backends.push(backend);
        self
    }

    /// Adds a place that keys come from, such as a cloud key service. It goes before those that are there.
    #[must_use]
    pub fn with_key_resolver(mut self, resolver: Arc<dyn KeyResolver>) -> Self {
        self.keys = self.keys.with(resolver);
        self
    }

    /// Takes keys from these places only; by default from those that this machine is set to.
    #[must_use]
    pub fn key_resolvers(self, keys: KeyResolvers) -> Self {
        Self { keys, ..self }
    }

    /// Loads a policy file without asking anybody. Relative paths in it start at its folder.
    ///
    /// # Errors
    /// `policy-invalid`, `policy-unsupported-field`, `policy-undefined-name` or `key-unsupported`, with file, line,
    /// column and JSON pointer.
    pub fn load(&self, path: &Path) -> Result<Policy, PolicyError> {
        let file = self.read(path)?;
        self.load_text(&file.text, &file.name, &file.material).map_err(|error| file.blame(error))
    }

    /// Loads a policy file, and asks for the keys that it refers to. Needs a tokio runtime with timers and sockets.
    ///
    /// # Errors
    /// As [`load`](Self::load), and `store-unavailable`, `store-unauthorized` or `store-rate-limited` if a place did not
    /// give a key.
    pub async fn load_async(&self, path: &Path) -> Result<Policy, PolicyError> {
        let file = self.read(path)?;
        self.load_text_async(&file.text, &file.name, &file.material).await.map_err(|error| file.blame(error))
    }

    /// Loads a policy from text without asking anybody; `source` names it in verdicts, `material` brings its files.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_text(&self, text: &str, source: &str, material: &dyn MaterialSource) -> Result<Policy, PolicyError> {
        let draft = Draft::read(text)?;
        let keys = self.keys.resolve_all_now(draft.references.clone());
        self.compile(&draft, draft.anchors(material, &keys)?, text, source)
    }

    /// Loads a policy from text, and asks for the keys that it refers to.
    ///
    /// # Errors
    /// As [`load_async`](Self::load_async).
    pub async fn load_text_async(&self, text: &str, source: &str, material: &dyn MaterialSource) -> Result<Policy, PolicyError> {
        let draft = Draft::read(text)?;
        let keys = self.keys.resolve_all(draft.references.clone()).await;
        self.compile(&draft, draft.anchors(material, &keys)?, text, source)
    }

    /// Loads a policy file as [`load_async`](Self::load_async) does, and says what in it its author may not have meant, as of
    /// a time.
    ///
    /// # Errors
    /// As [`load_async`](Self::load_async).
    pub async fn lint(&self, path: &Path, at: Timestamp) -> Result<(Policy, Vec<Remark>), PolicyError> {
        let file = self.read(path)?;
        let draft = Draft::read(&file.text).map_err(|error| file.blame(error))?;
        let keys = self.keys.resolve_all(draft.references.clone()).await;
        let anchors = draft.anchors(&file.material, &keys).map_err(|error| file.blame(error))?;
        let remarks = lint::certificates(&anchors, at);
        let policy = self.compile(&draft, anchors, &file.text, &file.name).map_err(|error| file.blame(error))?;
        let native = policy.remarks().into_iter().chain(remarks).map(|remark| draft.imported.remark_on_source(remark));
        let remarks = native.chain(draft.imported.remarks.iter().cloned());
        let located = remarks.map(|remark| {
            let location = draft.document.location(&remark.pointer);
            remark.located(location)
        });
        Ok((policy, located.collect()))
    }

    /// Reads a policy of any known format and writes it in native form, as YAML, with comments that say what each part of it
    /// stood for; trust material is not looked for.
    ///
    /// # Errors
    /// `policy-invalid`, or `policy-unsupported-field` if something in it has no native form, with line, column and JSON
    /// pointer.
    pub fn convert(&self, text: &str) -> Result<String, PolicyError> {
        let draft = Draft::read(text)?;
        convert::to_yaml(&draft.imported.policy, |part| draft.comment(part))
    }

    fn read(&self, path: &Path) -> Result<PolicyFile, PolicyError> {
        PolicyFile::read(path, self.trust_stores.clone())
    }

    fn compile(&self, draft: &Draft, anchors: BTreeMap<String, Anchor>, text: &str, source: &str) -> Result<Policy, PolicyError> {
        let trust = self.trust.clone();
        let compiler = Compiler::new(&self.backends).with_built_in(PUBLIC_GOOD, move || public_good(&trust));
        compiler.compile(&draft.imported.policy, anchors, source, text.as_bytes()).map_err(|error| draft.blame(error))
    }

    /// The JSON Schema of the policy file, with the leaves of every scheme.
    pub fn schema(&self) -> Value {
        let mut schema = schemars::schema_for!(PolicyDocument).to_value();
        let leaves: Vec<(&str, Value)> = self.backends.iter().map(|backend| (backend.name(), backend.schema())).collect();
        schema::insert_requirements(&mut schema, leaves);
        schema
    }
}

/// The text of a policy file, and where its relative paths start.
struct PolicyFile {
    name: String,
    text: String,
    material: FolderMaterial,
}

impl PolicyFile {
    fn read(path: &Path, trust_stores: Option<PathBuf>) -> Result<Self, PolicyError> {
        let name = path.display().to_string();
        let unreadable = |error: &dyn std::fmt::Display| PolicyError::invalid("", format!("`{name}` cannot be read: {error}"));
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(|error| unreadable(&error))?;
        file.take(MAX_POLICY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable(&"it is not UTF-8"))?;
        Ok(Self { name, text, material: FolderMaterial::new(path.parent().map(Path::to_owned)).trust_stores(trust_stores) })
    }

    fn blame(&self, mut error: PolicyError) -> PolicyError {
        error.file = Some(self.name.clone());
        error
    }
}

/// A policy that was read, and what is still to be asked for.
struct Draft {
    document: Document,
    imported: Imported,
    references: BTreeSet<KeyReference>,
}

impl Draft {
    fn read(text: &str) -> Result<Self, PolicyError> {
        let document = Document::parse_stream(text)?;
        let imported = import(&document, text).map_err(|error| located(&document, error))?;
        let mut draft = Self { document, imported, references: BTreeSet::new() };
        draft.references = material::references(&draft.imported.policy).map_err(|error| draft.blame(error))?;
        Ok(draft)
    }

    /// The trust section with its bytes.
    fn anchors(&self, material: &dyn MaterialSource, keys: &Resolved) -> Result<BTreeMap<String, Anchor>, PolicyError> {
        material::resolve(&self.imported.policy, material, keys).map_err(|error| self.blame(error))
    }

    /// What a part of the native form stood for; nothing if the policy was native.
    fn comment(&self, part: &str) -> Option<String> {
        let origin = self.imported.source_of(part)?;
        if part.is_empty() {
            let format = PolicyFormat::detect(self.document.value())?;
            return Some(format!("From a {format}. The comments say what stood for each part there."));
        }
        let line = self.document.location(origin).map(|(line, _)| format!(" (line {line})")).unwrap_or_default();
        let origin = origin.replace(char::is_control, " ");
        Some(format!("{}{line}", if origin.is_empty() { "/" } else { &origin }))
    }

    /// An error about the native form, at its place in the text.
    fn blame(&self, error: PolicyError) -> PolicyError {
        located(&self.document, self.imported.blame_source(error))
    }
}

fn located(document: &Document, mut error: PolicyError) -> PolicyError {
    error.location = error.location.or_else(|| document.location(&error.pointer));
    error
}

/// The document as a native policy.
fn import(document: &Document, text: &str) -> Result<Imported, PolicyError> {
    match PolicyFormat::detect(document.value()) {
        Some(PolicyFormat::Native) => native(document).map(Imported::from),
        #[cfg(feature = "notation")]
        Some(PolicyFormat::Notation) => verimage_notation::import(text),
        Some(PolicyFormat::Containers) => import_containers(text),
        Some(_) => verimage_import::import_objects(document.value()),
        None => {
            let message = "this is no policy of a known format";
            Err(PolicyError::invalid("", message)
                .with_hint("a native policy begins with `apiVersion: verimage/v1` and `kind: ImagePolicy`"))
        }
    }
}

fn native(document: &Document) -> Result<PolicyDocument, PolicyError> {
    if document.value().is_array() {
        return Err(PolicyError::invalid("/1", "a file holds one native policy").with_hint("put the rules of all documents into the first"));
    }
    refuse_planned_fields(document.value())?;
    refuse_nulls(document.value(), &mut String::new())?;
    read_config(document.value(), "")
}

fn public_good(folder: &TrustFolder) -> Result<Anchor, String> {
    let material = trust::public_good(folder).map_err(|error| error.to_string())?;
    Ok(Anchor::TrustedRoot(AnchorRoot { json: material.bytes, dated: Some(material.dated) }))
}

/// Fields of later versions: named, so that a policy that needs them gets a plain answer.
fn refuse_planned_fields(value: &Value) -> Result<(), PolicyError> {
    let rules = value.get("rules").and_then(Value::as_array);
    for (index, rule) in rules.into_iter().flatten().enumerate() {
        if rule.get("pin").is_some() {
            let message = "`pin` is not supported by this version of verimage";
            return Err(PolicyError::new(Code::PolicyUnsupportedField, format!("/rules/{index}/pin"), message));
        }
    }
    Ok(())
}

/// A field without a value would have no effect, whoever wrote it meant something.
fn refuse_nulls(value: &Value, pointer: &mut String) -> Result<(), PolicyError> {
    let children: Vec<(String, &Value)> = match value {
        Value::Null => {
            return Err(PolicyError::invalid(pointer.clone(), "this field has no value").with_hint("give it one, or leave it out"));
        }
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
        Value::Object(fields) => fields.iter().map(|(key, field)| (key.replace('~', "~0").replace('/', "~1"), field)).collect(),
        _ => Vec::new(),
    };
    for (segment, child) in children {
        let before = pointer.len();
        pointer.push('/');
        pointer.push_str(&segment);
        refuse_nulls(child, pointer)?;
        pointer.truncate(before);
    }
    Ok(())
}

/// The crypto set of engines that name none: aws-lc-rs where it is built in, else RustCrypto.
pub(crate) fn default_crypto() -> CryptoSet {
    #[cfg(feature = "aws-lc-rs")]
    return CryptoSet::aws_lc();
    #[cfg(not(feature = "aws-lc-rs"))]
    CryptoSet::rustcrypto()
}

#[cfg_attr(not(any(feature = "cosign", feature = "notation", feature = "notary-v1", feature = "simple-signing")), allow(unused_variables))]
fn backends(crypto: CryptoSet) -> Vec<Arc<dyn Backend>> {
    vec![
        #[cfg(feature = "cosign")]
        verimage_cosign::backend(crypto),
        #[cfg(feature = "notation")]
        verimage_notation::backend(crypto),
        #[cfg(feature = "notary-v1")]
        verimage_notary_v1::backend(crypto),
        #[cfg(feature = "simple-signing")]
        verimage_simple_signing::backend(crypto),
    ]
}

/// How requirement trees look in JSON Schema.
mod schema {
    use super::{Value, json};

    /// Replaces the free `require` of a rule by the nodes and leaves that exist.
    pub(super) fn insert_requirements(schema: &mut Value, leaves: Vec<(&str, Value)>) {
        let node = json!({"$ref": "#/$defs/Requirement"});
        let choices: Vec<Value> = fixed(&node)
            .into_iter()
            .map(|(name, body)| choice(name, body))
            .chain(leaves.into_iter().map(|(name, body)| choice(name, hoist(schema, body))))
            .collect();
        if let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
            definitions.insert("Requirement".to_owned(), json!({"description": "What must be proven.", "oneOf": choices}));
        }
        for place in ["RuleDocument", "AttestationDocument"] {
            if let Some(require) = schema.pointer_mut(&format!("/$defs/{place}/properties/require")) {
                let mut tree = node.clone();
                if let (Some(tree), Some(told)) = (tree.as_object_mut(), require.get("description")) {
                    tree.insert("description".to_owned(), told.clone());
                }
                *require = tree;
            }
        }
    }

    /// The nodes that belong to no scheme.
    fn fixed(node: &Value) -> [(&'static str, Value); 5] {
        let list = |description: &str| json!({"type": "array", "minItems": 1, "maxItems": 64, "items": node, "description": description});
        let threshold = json!({
            "type": "object", "required": ["k", "of"], "additionalProperties": false, "description": "As many of these as `k` says.",
            "properties": {
                "k": {"type": "integer", "minimum": 1, "description": "How many of them are enough."},
                "of": list("What is counted."),
                "distinct": {"default": "signer", "description": "How they are counted.", "oneOf": [
                    {"const": "signer", "type": "string", "description": "By signers: one key under two names is one."},
                    {"const": "entry", "type": "string", "description": "By entries of `of`, whoever signed."},
                ]},
            },
        });
        let reason = |description: &str| {
            json!({
                "type": "object", "required": ["reason"], "additionalProperties": false, "description": description,
                "properties": {"reason": {"type": "string", "minLength": 1, "description": "Why, as verdicts print it."}},
            })
        };
        [
            ("allOf", list("Each of these.")),
            ("anyOf", list("At least one of these.")),
            ("threshold", threshold),
            (
                "allow",
                reason("The image is allowed without a signature, and the verdict says so. This is the whole requirement of a rule."),
            ),
            ("deny", reason("The image is denied. This is the whole requirement of a rule.")),
        ]
    }

    fn choice(name: &str, body: Value) -> Value {
        json!({"type": "object", "required": [name], "additionalProperties": false, "properties": {name: body}})
    }

    /// Moves the definitions of a leaf's schema to the document.
    fn hoist(schema: &mut Value, mut body: Value) -> Value {
        if let Some(object) = body.as_object_mut() {
            object.remove("$schema");
            let definitions = object.remove("$defs");
            let target = schema.get_mut("$defs").and_then(Value::as_object_mut);
            if let (Some(Value::Object(definitions)), Some(target)) = (definitions, target) {
                target.extend(definitions);
            }
        }
        body
    }
}
