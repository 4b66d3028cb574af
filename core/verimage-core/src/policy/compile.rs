//! From the written policy to the one that runs.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::{self, Debug};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::anchor::{Anchor, AnchorCertificates, AnchorKey, AnchorOpenPgp, AnchorRoot, Material};
use super::attestation::Attestation;
use super::document::{Apply, CertificateKind, Dialect, Distinct, PolicyDocument, RuleDocument, Store as StoreDocument};
use super::index::Index;
use super::{Policy, PolicyError, Requirement, Rule, Scope};
use crate::code::Code;
use crate::decision::leaf_count;
use crate::digest::Digest;
use crate::reference::{Repository, Tag, is_host};
use crate::verifier::Verifier;
use crate::want::Place;

/// How deep requirement trees may be nested.
const MAX_DEPTH: usize = 16;
/// How many children a node may have.
const MAX_CHILDREN: usize = 64;
/// How many leaves one rule may have.
const MAX_LEAVES: usize = 256;
/// How many patterns a policy may have.
const MAX_SCOPES: usize = 50_000;

/// A scheme that policies can name: it turns a leaf's configuration into a [`Verifier`].
pub trait Backend: Debug + Send + Sync {
    /// The name of the leaf: `cosign`.
    fn name(&self) -> &'static str;
    /// Builds the verifier of one leaf.
    ///
    /// # Errors
    /// `policy-invalid` or `policy-undefined-name`, with pointers below `context.pointer`.
    fn compile(&self, config: &Value, context: &LeafContext<'_>) -> Result<Arc<dyn Verifier>, PolicyError>;
    /// The JSON Schema of the leaf's configuration.
    fn schema(&self) -> Value;
}

/// A signature store of the policy, its names parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Store {
    /// Everything that a repository may hold.
    Auto(Place),
    /// Referrers alone.
    Referrers(Place),
    /// Tags named after the digest.
    Tag {
        /// The repository.
        place: Place,
        /// What stands before `sha256-`.
        prefix: String,
    },
    /// A lookaside of GPG signatures.
    Lookaside(Place),
    /// The signature extension of a registry.
    Openshift(Place),
}

/// What a backend may use while it builds a leaf.
#[derive(Debug)]
pub struct LeafContext<'a> {
    /// Where the leaf's configuration stands in the policy.
    pub pointer: &'a str,
    /// What the leaf is to prove: nothing here for the image itself, else an attestation about it.
    pub attestation: Option<&'a Arc<Attestation>>,
    names: &'a Definitions,
    /// What the verdict must say about the anchors of this leaf.
    warnings: RefCell<BTreeSet<&'static str>>,
}

impl<'a> LeafContext<'a> {
    /// The context of a leaf that stands in no policy.
    pub fn outside(names: &'a Definitions) -> Self {
        Self::new("", None, names)
    }

    fn new(pointer: &'a str, attestation: Option<&'a Arc<Attestation>>, names: &'a Definitions) -> Self {
        Self { pointer, attestation, names, warnings: RefCell::default() }
    }

    /// The public key `name`; `field` is the field that names it, as a pointer relative to the leaf.
    ///
    /// # Errors
    /// `policy-undefined-name`, and `policy-invalid` if the name is that of another kind of anchor.
    pub fn key(&self, name: &str, field: &str) -> Result<&AnchorKey, PolicyError> {
        match self.anchor(name, field)? {
            Anchor::PublicKey(key) => {
                self.warnings.borrow_mut().extend(key.unpinned.then_some("key-not-pinned"));
                Ok(key)
            }
            other => Err(self.other_kind(name, field, "publicKey", other)),
        }
    }

    /// The certificates `name`, which must be of this kind.
    ///
    /// # Errors
    /// As [`key`](Self::key).
    pub fn certificates(&self, name: &str, field: &str, kind: CertificateKind) -> Result<&AnchorCertificates, PolicyError> {
        match self.anchor(name, field)? {
            Anchor::X509(certificates) if certificates.kind == kind => Ok(certificates),
            other => Err(self.other_kind(name, field, &format!("x509` of type `{}", kind.word()), other)),
        }
    }

    /// The trusted root `name`.
    ///
    /// # Errors
    /// As [`key`](Self::key).
    pub fn trusted_root(&self, name: &str, field: &str) -> Result<&AnchorRoot, PolicyError> {
        match self.anchor(name, field)? {
            Anchor::TrustedRoot(root) => Ok(root),
            other => Err(self.other_kind(name, field, "trustedRoot", other)),
        }
    }

    /// The OpenPGP keys `name`.
    ///
    /// # Errors
    /// As [`key`](Self::key).
    pub fn openpgp(&self, name: &str, field: &str) -> Result<&AnchorOpenPgp, PolicyError> {
        match self.anchor(name, field)? {
            Anchor::OpenPgp(ring) => Ok(ring),
            other => Err(self.other_kind(name, field, "openpgp", other)),
        }
    }

    /// The trust anchor `name`, of any kind.
    ///
    /// # Errors
    /// `policy-undefined-name`.
    pub fn anchor(&self, name: &str, field: &str) -> Result<&Anchor, PolicyError> {
        self.names.used.borrow_mut().insert(("trust", name.to_owned()));
        match (self.names.anchors.get(name), self.names.built_in.get(name)) {
            (Some(anchor), _) => Ok(anchor),
            (None, Some(built_in)) => {
                let loaded = built_in.loaded.get_or_init(&built_in.load);
                loaded.as_ref().map_err(|reason| self.invalid(field, format!("`{name}`: {reason}")))
            }
            (None, None) => Err(self.undefined("trust", name, field)),
        }
    }

    /// The store `name`; `field` is the field that names it, as a pointer relative to the leaf.
    ///
    /// # Errors
    /// `policy-undefined-name`.
    pub fn store(&self, name: &str, field: &str) -> Result<&Store, PolicyError> {
        self.names.used.borrow_mut().insert(("stores", name.to_owned()));
        self.names.stores.get(name).ok_or_else(|| self.undefined("stores", name, field))
    }

    /// An error at a field of the leaf.
    pub fn invalid(&self, field: &str, message: impl Into<String>) -> PolicyError {
        PolicyError::invalid(format!("{}{field}", self.pointer), message)
    }

    fn other_kind(&self, name: &str, field: &str, wanted: &str, found: &Anchor) -> PolicyError {
        self.invalid(field, format!("`{name}` is a `{}`, and a `{wanted}` is needed here", found.kind()))
    }

    fn undefined(&self, section: &str, name: &str, field: &str) -> PolicyError {
        let pointer = format!("{}{field}", self.pointer);
        PolicyError::new(Code::PolicyUndefinedName, pointer, format!("`{name}` is not defined under `{section}`"))
            .with_hint(format!("add `{section}: {{ {name}: … }}`, or use a name that is there"))
    }
}

/// Reads a leaf's configuration as `T`; the error points at the field that does not fit.
///
/// # Errors
/// `policy-invalid`.
pub fn read_config<T: DeserializeOwned>(config: &Value, pointer: &str) -> Result<T, PolicyError> {
    serde_path_to_error::deserialize(config).map_err(|error| {
        let below: String = error.path().iter().filter_map(pointer_segment).collect();
        PolicyError::invalid(format!("{pointer}{below}"), error.inner().to_string())
    })
}

fn pointer_segment(segment: &serde_path_to_error::Segment) -> Option<String> {
    match segment {
        serde_path_to_error::Segment::Seq { index } => Some(format!("/{index}")),
        serde_path_to_error::Segment::Map { key } => Some(format!("/{}", escape(key))),
        _ => None,
    }
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// What a policy defines by name, and which of it was used.
#[derive(Debug, Default)]
pub struct Definitions {
    anchors: BTreeMap<String, Anchor>,
    built_in: BTreeMap<&'static str, BuiltIn>,
    stores: BTreeMap<String, Store>,
    used: RefCell<BTreeSet<(&'static str, String)>>,
}

impl Definitions {
    /// Anchors alone, for leaves outside of policies.
    pub fn of_anchors(anchors: BTreeMap<String, Anchor>) -> Self {
        Self { anchors, ..Self::default() }
    }
}

/// Brings an anchor that policies need not define, once one names it.
type Load = Box<dyn Fn() -> Result<Anchor, String>>;

struct BuiltIn {
    load: Load,
    loaded: OnceCell<Result<Anchor, String>>,
}

impl Debug for BuiltIn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("BuiltIn").field(&self.loaded).finish()
    }
}

/// Builds a [`Policy`] from a document and its resolved trust material.
#[derive(Debug)]
pub struct Compiler<'a> {
    backends: &'a [Arc<dyn Backend>],
    names: Definitions,
}

impl<'a> Compiler<'a> {
    /// A compiler that knows these schemes.
    pub fn new(backends: &'a [Arc<dyn Backend>]) -> Self {
        Self { backends, names: Definitions::default() }
    }

    /// Adds an anchor that policies may name without defining it; it is loaded if one does. A definition of their own goes
    /// before it.
    #[must_use]
    pub fn with_built_in(mut self, name: &'static str, load: impl Fn() -> Result<Anchor, String> + 'static) -> Self {
        self.names.built_in.insert(name, BuiltIn { load: Box::new(load), loaded: OnceCell::new() });
        self
    }

    /// Compiles `document`. `anchors` holds every name of its `trust` section; `source` and `text` say where it came from.
    ///
    /// # Errors
    /// The first place that is not valid.
    pub fn compile(
        mut self,
        document: &PolicyDocument,
        anchors: BTreeMap<String, Anchor>,
        source: &str,
        text: &[u8],
    ) -> Result<Policy, PolicyError> {
        self.names.anchors = anchors;
        self.names.stores =
            document.stores.iter().map(|(name, store)| Ok((name.clone(), read_store(name, store)?))).collect::<Result<_, _>>()?;
        if document.rules.is_empty() {
            return Err(PolicyError::invalid("/rules", "a policy has at least one rule"));
        }
        let rules = document.rules.iter().enumerate().map(|(index, rule)| self.rule(index, rule)).collect::<Result<Vec<_>, _>>()?;
        check_names(&rules)?;
        check_scopes(&rules)?;
        self.check_unused(document)?;
        let (digest, material) = (Digest::sha256(text), self.material());
        let index = Arc::new(Index::of(&rules));
        Ok(Policy { rules: rules.into(), index, unmatched: document.unmatched, source: source.into(), digest, material })
    }

    /// Everything that some rule uses.
    fn material(&self) -> Material {
        let built_in = self.names.built_in.iter().filter_map(|(name, built_in)| Some((*name, built_in.loaded.get()?.as_ref().ok()?)));
        Material::of(self.names.anchors.iter().map(|(name, anchor)| (name.as_str(), anchor)).chain(built_in))
    }

    fn rule(&self, index: usize, rule: &RuleDocument) -> Result<Rule, PolicyError> {
        let pointer = format!("/rules/{index}");
        if rule.name.is_empty() || rule.name.len() > 253 || rule.name.chars().any(char::is_control) {
            return Err(PolicyError::invalid(format!("{pointer}/name"), "a rule's name has 1 to 253 printable characters"));
        }
        if rule.images.is_empty() {
            return Err(PolicyError::invalid(format!("{pointer}/images"), "a rule has at least one pattern"));
        }
        if let Some(message) = rule.dialect.refuses(rule.apply) {
            return Err(PolicyError::invalid(format!("{pointer}/apply"), message));
        }
        Ok(Rule {
            name: rule.name.clone(),
            images: read_scopes(&rule.images, rule.dialect, &format!("{pointer}/images"))?,
            except: read_scopes(&rule.except, rule.dialect, &format!("{pointer}/except"))?,
            apply: rule.apply,
            mode: rule.mode,
            subject: rule.subject,
            require_digest: rule.require_digest,
            require_present: rule.require_present,
            require: self.requirement(rule, &pointer)?,
        })
    }

    /// What the rule demands of the image, and every attestation that it demands beside.
    fn requirement(&self, rule: &RuleDocument, pointer: &str) -> Result<Requirement, PolicyError> {
        let image = rule.require.as_ref().map(|require| self.node(require, At::top(&format!("{pointer}/require"), None))).transpose()?;
        let alone = matches!(image, Some(Requirement::InsecureAllow { .. } | Requirement::Deny { .. }));
        if rule.attestations.as_ref().is_some_and(|attestations| !(1..=MAX_CHILDREN).contains(&attestations.len())) {
            let message = format!("a list of 1 to {MAX_CHILDREN} attestations is needed here");
            return Err(PolicyError::invalid(format!("{pointer}/attestations"), message));
        }
        if alone && rule.attestations.is_some() {
            let message = "`allow` and `deny` decide on their own, so attestations beside them have no effect";
            return Err(PolicyError::invalid(format!("{pointer}/attestations"), message).with_hint("leave `require` or `attestations` out"));
        }
        let attestations = rule.attestations.iter().flatten().enumerate().map(|(index, document)| {
            let pointer = format!("{pointer}/attestations/{index}");
            let attestation = Arc::new(Attestation::read(document, &pointer)?);
            self.node(&document.require, At::top(&format!("{pointer}/require"), Some(&attestation)))
        });
        let mut all = image.into_iter().map(Ok).chain(attestations).collect::<Result<Vec<_>, _>>()?;
        let tree = match (all.pop(), all.is_empty()) {
            (None, _) => return Err(PolicyError::invalid(pointer, "a rule has `require`, `attestations` or both")),
            (Some(only), true) => only,
            (Some(last), false) => Requirement::AllOf(all.into_iter().chain([last]).collect()),
        };
        match leaf_count(&tree) {
            count if count > MAX_LEAVES => {
                Err(PolicyError::invalid(pointer, format!("the rule has {count} requirements, at most {MAX_LEAVES} are allowed")))
            }
            _ => Ok(tree),
        }
    }

    fn node(&self, value: &Value, at: At<'_>) -> Result<Requirement, PolicyError> {
        let pointer = at.pointer;
        if at.depth > MAX_DEPTH {
            return Err(PolicyError::invalid(pointer, format!("requirements are nested more than {MAX_DEPTH} deep")));
        }
        let (name, body) = single_entry(value).ok_or_else(|| self.not_a_node(pointer))?;
        let below = format!("{pointer}/{}", escape(name));
        match name.as_str() {
            "allOf" => Ok(Requirement::AllOf(self.children(body, at.below(&below))?)),
            "anyOf" => Ok(Requirement::AnyOf(self.children(body, at.below(&below))?)),
            "threshold" => self.threshold(body, at.below(&below)),
            "allow" | "deny" if at.attestation.is_some() => {
                Err(PolicyError::invalid(below, format!("`{name}` says nothing about an attestation")))
            }
            "allow" | "deny" if at.depth > 0 => {
                let message = format!("`{name}` decides on its own, so beside other requirements it or they have no effect");
                Err(PolicyError::invalid(below, message).with_hint("make it the whole `require` of a rule"))
            }
            "allow" => Ok(Requirement::InsecureAllow { reason: read_reason(body, &below)?, pointer: below }),
            "deny" => Ok(Requirement::Deny { reason: read_reason(body, &below)?, pointer: below }),
            scheme => {
                let backend = self.backends.iter().find(|backend| backend.name() == scheme).ok_or_else(|| self.not_a_node(&below))?;
                let context = LeafContext::new(&below, at.attestation, &self.names);
                let verifier = backend.compile(body, &context)?;
                let warnings = verifier.warnings().into_iter().chain(context.warnings.into_inner()).collect();
                Ok(Requirement::Signed { pointer: below, verifier, warnings })
            }
        }
    }

    fn children(&self, body: &Value, at: At<'_>) -> Result<Vec<Requirement>, PolicyError> {
        let pointer = at.pointer;
        let Some(items) = body.as_array().filter(|items| (1..=MAX_CHILDREN).contains(&items.len())) else {
            return Err(PolicyError::invalid(pointer, format!("a list of 1 to {MAX_CHILDREN} requirements is needed here")));
        };
        items.iter().enumerate().map(|(index, item)| self.node(item, at.child(&format!("{pointer}/{index}")))).collect()
    }

    fn threshold(&self, body: &Value, at: At<'_>) -> Result<Requirement, PolicyError> {
        let pointer = at.pointer;
        let config: ThresholdConfig = read_config(body, pointer)?;
        let of = self.children(&config.of, at.below(&format!("{pointer}/of")))?;
        if config.k == 0 || config.k > of.len() {
            return Err(PolicyError::invalid(format!("{pointer}/k"), format!("`k` is between 1 and {}, the number of entries", of.len())));
        }
        Ok(Requirement::Threshold { count: config.k, distinct: config.distinct, of })
    }

    fn not_a_node(&self, pointer: &str) -> PolicyError {
        let schemes: Vec<_> = self.backends.iter().map(|backend| format!("`{}`", backend.name())).collect();
        let known = schemes.join(", ");
        PolicyError::invalid(pointer, format!("a requirement has exactly one of `allOf`, `anyOf`, `threshold`, `allow`, `deny`, {known}"))
    }

    fn check_unused(&self, document: &PolicyDocument) -> Result<(), PolicyError> {
        let used = self.names.used.borrow();
        let sections = document.trust.keys().map(|name| ("trust", name)).chain(document.stores.keys().map(|name| ("stores", name)));
        for (section, name) in sections {
            if !used.contains(&(section, name.clone())) {
                return Err(PolicyError::invalid(
                    format!("/{section}/{}", escape(name)),
                    format!("`{name}` is defined but no rule uses it"),
                )
                .with_hint("remove it, or name it in the rule that it was meant for"));
            }
        }
        Ok(())
    }
}

/// Where a node stands in a requirement tree, and what the tree is about.
#[derive(Clone, Copy)]
struct At<'a> {
    pointer: &'a str,
    depth: usize,
    attestation: Option<&'a Arc<Attestation>>,
}

impl<'a> At<'a> {
    fn top(pointer: &'a str, attestation: Option<&'a Arc<Attestation>>) -> Self {
        Self { pointer, depth: 0, attestation }
    }

    /// Another place in the same node.
    fn below<'b>(self, pointer: &'b str) -> At<'b>
    where
        'a: 'b,
    {
        At { pointer, ..self }
    }

    /// A node below this one.
    fn child<'b>(self, pointer: &'b str) -> At<'b>
    where
        'a: 'b,
    {
        At { pointer, depth: self.depth.saturating_add(1), ..self }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ThresholdConfig {
    k: usize,
    of: Value,
    #[serde(default)]
    distinct: Distinct,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StaticConfig {
    reason: String,
}

fn read_reason(body: &Value, pointer: &str) -> Result<String, PolicyError> {
    let config: StaticConfig = read_config(body, pointer)?;
    if config.reason.trim().is_empty() {
        return Err(PolicyError::invalid(format!("{pointer}/reason"), "say why, in a few words"));
    }
    Ok(config.reason)
}

fn single_entry(value: &Value) -> Option<(&String, &Value)> {
    let object: &Map<String, Value> = value.as_object()?;
    let mut entries = object.iter();
    entries.next().filter(|_| entries.next().is_none())
}

fn read_scopes(patterns: &[String], dialect: Dialect, pointer: &str) -> Result<Vec<Scope>, PolicyError> {
    let read = |(index, text): (usize, &String)| {
        Scope::parse_as(text, dialect).map_err(|message| PolicyError::invalid(format!("{pointer}/{index}"), message))
    };
    patterns.iter().enumerate().map(read).collect()
}

fn read_store(name: &str, store: &StoreDocument) -> Result<Store, PolicyError> {
    let pointer = |field: &str| format!("/stores/{}/{field}", escape(name));
    let place = |repository: &Option<String>| match repository {
        None => Ok(Place::Image),
        Some(text) => {
            let repository = Repository::parse(text).map_err(|error| PolicyError::invalid(pointer("repository"), error.to_string()))?;
            Ok(Place::Repository(repository))
        }
    };
    match store {
        StoreDocument::Auto { repository } => place(repository).map(Store::Auto),
        StoreDocument::Referrers { repository } => place(repository).map(Store::Referrers),
        StoreDocument::Tag { repository, tag_prefix } => {
            let prefix = tag_prefix.clone().unwrap_or_default();
            Tag::of_digest(&Digest::sha256(b""), &prefix, ".sig")
                .map_err(|error| PolicyError::invalid(pointer("tagPrefix"), error.to_string()))?;
            Ok(Store::Tag { place: place(repository)?, prefix })
        }
        StoreDocument::Lookaside { url } => {
            check_lookaside(url).map_err(|message| PolicyError::invalid(pointer("url"), message))?;
            Ok(Store::Lookaside(Place::Store(url.clone())))
        }
        StoreDocument::Openshift { url } => {
            let registry = url.strip_suffix('/').unwrap_or(url);
            let host = web_host(registry).filter(|host| !host.contains('/') && is_host(host));
            let message = "a registry is at `https://host[:port]`, or at `http://` without TLS";
            host.ok_or_else(|| PolicyError::invalid(pointer("url"), message))?;
            Ok(Store::Openshift(Place::Store(registry.to_owned())))
        }
    }
}

/// What stands behind `https://` or `http://`.
fn web_host(url: &str) -> Option<&str> {
    url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))
}

/// The base is kept as it is written, because the path below it is put behind it. It stands in verdicts, so it holds no secret.
fn check_lookaside(url: &str) -> Result<(), &'static str> {
    if url.contains(['?', '#', '@']) || url.chars().any(|symbol| symbol.is_whitespace() || symbol.is_control()) {
        return Err("this address is shown in verdicts: credentials and queries belong into this machine's `registries.d`");
    }
    let is_file = url.strip_prefix("file://").is_some_and(|path| path.starts_with('/'));
    let is_web = web_host(url).is_some_and(|rest| is_host(rest.split('/').next().unwrap_or_default()));
    if is_file || is_web { Ok(()) } else { Err("a lookaside is at `https://host/path`, `http://host/path` or `file:///path`") }
}

fn check_names(rules: &[Rule]) -> Result<(), PolicyError> {
    let mut seen = BTreeSet::new();
    for (index, rule) in rules.iter().enumerate() {
        if !seen.insert(rule.name.as_str()) {
            return Err(PolicyError::invalid(format!("/rules/{index}/name"), format!("two rules are called `{}`", rule.name)));
        }
    }
    Ok(())
}

/// Patterns of `select` rules: none twice. A pattern with a tag or a digest needs one without that covers the same
/// images and applies in the same way, so that leaving tag or digest out never leads to a weaker rule by surprise.
fn check_scopes(rules: &[Rule]) -> Result<(), PolicyError> {
    let total: usize = rules.iter().map(|rule| rule.images.len() + rule.except.len()).sum();
    if total > MAX_SCOPES {
        return Err(PolicyError::invalid("/rules", format!("the policy has {total} patterns, at most {MAX_SCOPES} are allowed")));
    }
    let covers = Covers::of(rules);
    let mut seen = BTreeSet::new();
    for (index, rule) in rules.iter().enumerate() {
        for (image, scope) in rule.images.iter().enumerate() {
            let pointer = format!("/rules/{index}/images/{image}");
            if rule.apply == Apply::Select && !seen.insert(scope.canonical()) {
                return Err(PolicyError::invalid(pointer, format!("the pattern `{scope}` stands twice, so neither could win")));
            }
            if (scope.has_tag() || scope.has_digest()) && !covers.cover(rule.apply, scope) {
                let message = format!("`{scope}` has a tag or a digest, and no rule of the same kind covers the same images without");
                return Err(PolicyError::invalid(pointer, message).with_hint("add a rule for the repository alone; `deny` will do"));
            }
        }
    }
    Ok(())
}

/// How a pattern applies, and its literal host and first segment.
type Landmark<'a> = (Apply, Option<&'a str>, Option<&'a str>);

/// Patterns without tag and digest, each with its rule.
pub(super) struct Covers<'a> {
    scopes: HashMap<Landmark<'a>, Vec<(&'a Scope, &'a Rule)>>,
}

impl<'a> Covers<'a> {
    pub(super) fn of(rules: &'a [Rule]) -> Self {
        let mut scopes: HashMap<_, Vec<_>> = HashMap::new();
        for rule in rules {
            for scope in rule.images.iter().filter(|scope| !scope.has_tag() && !scope.has_digest()) {
                let (host, segment) = scope.landmark();
                scopes.entry((rule.apply, host, segment)).or_default().push((scope, rule));
            }
        }
        Self { scopes }
    }

    /// A pattern covers another only if no exception of its rule can reach it.
    fn cover(&self, apply: Apply, scope: &'a Scope) -> bool {
        self.covering(apply, scope).any(|(_, rule)| !rule.except.iter().any(|exception| exception.may_overlap(scope)))
    }

    /// The patterns that cover another, whatever the exceptions of their rules.
    pub(super) fn covering(&self, apply: Apply, scope: &'a Scope) -> impl Iterator<Item = &(&'a Scope, &'a Rule)> {
        let (host, segment) = scope.landmark();
        let keys = [(apply, host, segment), (apply, host, None), (apply, None, segment), (apply, None, None)];
        let found = keys.into_iter().filter_map(|key| self.scopes.get(&key)).flatten();
        found.filter(move |(other, _)| other.covers_untagged(scope))
    }
}
