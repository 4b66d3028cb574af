//! Which images a rule is for: scopes, in the language that a rule says.

mod connaisseur;
mod containers;
mod image_validating;
mod kyverno;
mod native;
mod policy_controller;
mod portieris;
mod spelling;

use std::cmp::{Ordering, Reverse};
use std::fmt;

use serde::{Deserialize, Serialize};

use self::connaisseur::{Components, ConnaisseurPattern};
use self::containers::Name;
use self::image_validating::ImageValidatingPattern;
use self::kyverno::KyvernoPattern;
use self::native::Pattern;
pub(super) use self::native::canonical_host;
use self::policy_controller::PolicyControllerPattern;
use self::portieris::{PortierisPattern, Qualities};
use super::document::Dialect;
use crate::reference::ImageRef;

/// A scope of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    text: String,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Native(Pattern),
    Containers(Name),
    Kyverno(KyvernoPattern),
    ImageValidating(ImageValidatingPattern),
    PolicyController(PolicyControllerPattern),
    Connaisseur(ConnaisseurPattern),
    Portieris(PortierisPattern),
}

/// Where an image is, for scopes that speak of places; patterns of native policies do not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Location {
    /// In the registry that its reference names.
    #[default]
    Registry,
    /// On this machine, without a name of its own.
    File {
        /// As container tools call it: `oci`, `oci-archive`, `dir`.
        transport: String,
        /// The absolute path, without symbolic links.
        path: String,
    },
}

/// How narrow a scope is for an image; the greater wins. Those of languages that rank in different ways cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specificity(Rank);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rank {
    Parts(Parts),
    Components(Components),
    Qualities(Qualities),
}

/// What is literal in a scope of host, path, tag and digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Parts {
    digest: bool,
    host: u8,
    literal_segments: usize,
    literal_characters: usize,
    closed: Reverse<bool>,
    tag: u8,
}

impl Specificity {
    /// That of two scopes of one rule that both match.
    pub(super) fn or(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Rank::Qualities(own), Rank::Qualities(other)) => Self(Rank::Qualities(own.or(other))),
            (own, other) if Self(own.clone()) < Self(other.clone()) => Self(other),
            (own, _) => Self(own),
        }
    }

    /// Whether of rules that are equally narrow the last one judges; else none can win.
    pub(super) fn last_wins(&self) -> bool {
        matches!(self.0, Rank::Components(_))
    }
}

impl PartialOrd for Specificity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (&self.0, &other.0) {
            (Rank::Parts(own), Rank::Parts(other)) => Some(own.cmp(other)),
            (Rank::Components(own), Rank::Components(other)) => Some(own.cmp(other)),
            (Rank::Qualities(own), Rank::Qualities(other)) => own.partial_cmp(other),
            _ => None,
        }
    }
}

impl Scope {
    /// Reads a pattern of native policies.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_as(text, Dialect::Native)
    }

    /// Reads a scope in a language.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_as(text: &str, dialect: Dialect) -> Result<Self, String> {
        let form = match dialect {
            Dialect::Native => Form::Native(Pattern::parse(text)?),
            Dialect::Containers => Form::Containers(Name::parse(text)?),
            Dialect::Kyverno => Form::Kyverno(KyvernoPattern::parse(text)?),
            Dialect::ImageValidatingPolicy => Form::ImageValidating(ImageValidatingPattern::parse(text)?),
            Dialect::PolicyController => Form::PolicyController(PolicyControllerPattern::parse(text)?),
            Dialect::Connaisseur => Form::Connaisseur(ConnaisseurPattern::parse(text)?),
            Dialect::Portieris => Form::Portieris(PortierisPattern::parse(text)?),
        };
        Ok(Self { text: text.to_owned(), form })
    }

    /// Whether the reference lies in this scope.
    pub fn matches(&self, image: &ImageRef, location: &Location) -> bool {
        match &self.form {
            Form::Native(pattern) => pattern.matches(image),
            Form::Containers(name) => name.matches(image, location),
            Form::Kyverno(pattern) => pattern.matches_any_spelling(image),
            Form::ImageValidating(pattern) => pattern.matches_any_spelling(image),
            Form::PolicyController(pattern) => pattern.matches_any_spelling(image),
            Form::Connaisseur(pattern) => pattern.matches(image),
            Form::Portieris(pattern) => pattern.matches_any_spelling(image),
        }
    }

    /// Whether this scope, as an exception, takes the image out of a rule.
    pub(super) fn excepts(&self, image: &ImageRef, location: &Location) -> bool {
        match &self.form {
            Form::Kyverno(pattern) => pattern.matches_every_spelling(image),
            Form::ImageValidating(pattern) => pattern.matches_every_spelling(image),
            Form::PolicyController(pattern) => pattern.matches_every_spelling(image),
            Form::Portieris(pattern) => pattern.matches_every_spelling(image),
            _ => self.matches(image, location),
        }
    }

    /// Whether this scope speaks of the reference as it was asked for, whatever its digest turns out to be.
    pub(super) fn as_asked(&self) -> bool {
        self.native().is_none()
    }

    /// How narrow this scope is for an image that it matches; all the same in languages that know no such thing.
    pub fn specificity(&self, image: &ImageRef) -> Specificity {
        Specificity(match &self.form {
            Form::Native(pattern) => Rank::Parts(pattern.specificity()),
            Form::Containers(name) => Rank::Parts(name.specificity()),
            Form::Kyverno(_) | Form::ImageValidating(_) | Form::PolicyController(_) => Rank::Parts(Parts::default()),
            Form::Connaisseur(pattern) => Rank::Components(pattern.components(image)),
            Form::Portieris(pattern) => Rank::Qualities(pattern.qualities(image)),
        })
    }

    fn native(&self) -> Option<&Pattern> {
        match &self.form {
            Form::Native(pattern) => Some(pattern),
            _ => None,
        }
    }

    /// Whether the reference lies in this scope if its digest turns out to be the one that the scope names. Those of
    /// containers `policy.json` count digests only that were asked for.
    pub(crate) fn matches_but_for_digest(&self, image: &ImageRef) -> bool {
        match &self.form {
            Form::PolicyController(pattern) => pattern.matches_but_for_digest(image),
            _ => self.native().is_some_and(|pattern| pattern.matches_but_for_digest(image)),
        }
    }

    /// Whether this scope is also for what a tag turns out to name, as if the digest had been asked for.
    pub(super) fn resolves_tags(&self) -> bool {
        matches!(self.form, Form::PolicyController(_))
    }

    /// Whether this scope asks for a digest.
    pub fn has_digest(&self) -> bool {
        self.native().is_some_and(Pattern::has_digest)
    }

    /// What every image in this scope begins with: its host and segments of its path, as the index of rules has them. Nothing if
    /// that is not certain.
    pub(super) fn beginning(&self) -> Option<String> {
        self.native().and_then(Pattern::beginning)
    }

    /// Whether repositories lie in this scope that it does not name.
    pub fn is_open(&self) -> bool {
        match &self.form {
            Form::Containers(name) => name.is_open(),
            // Anything may stand before it.
            Form::Connaisseur(_) => true,
            _ => self.text.contains(['*', '?']),
        }
    }

    /// Whether this scope asks for a tag.
    pub fn has_tag(&self) -> bool {
        self.native().is_some_and(Pattern::has_tag)
    }

    /// The same for scopes that match the same references, whatever the spelling of host and tag.
    pub(crate) fn canonical(&self) -> String {
        match &self.form {
            Form::Native(pattern) => pattern.canonical(),
            Form::Containers(name) => format!("{name:?}"),
            Form::Kyverno(pattern) => format!("{pattern:?}"),
            Form::ImageValidating(pattern) => format!("{pattern:?}"),
            Form::PolicyController(pattern) => format!("{pattern:?}"),
            Form::Connaisseur(pattern) => format!("{pattern:?}"),
            Form::Portieris(pattern) => format!("{pattern:?}"),
        }
    }

    /// Whether some image could lie in both scopes, whatever its tag and digest. May say yes where the answer is no.
    pub(crate) fn may_overlap(&self, other: &Self) -> bool {
        match (self.native(), other.native()) {
            (Some(own), Some(other)) => own.may_overlap(other),
            _ => true,
        }
    }

    /// The literal host and the literal first segment of the path, where there are such.
    pub(crate) fn landmark(&self) -> (Option<&str>, Option<&str>) {
        self.native().map_or((None, None), Pattern::landmark)
    }

    /// Whether every image of `other` lies in this scope whatever its tag. May say no where the answer is yes.
    pub fn covers_untagged(&self, other: &Self) -> bool {
        match (&self.form, other.native()) {
            (Form::Native(own), Some(other)) => own.covers_untagged(other),
            (Form::Containers(own), _) => *own == Name::Everything,
            _ => false,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}
