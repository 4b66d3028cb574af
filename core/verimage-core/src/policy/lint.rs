//! What a policy says that its author may not have meant.

use std::fmt;

use serde::Serialize;

use super::compile::Covers;
use super::document::{Apply, Mode};
use super::scope::Scope;
use super::{Policy, Requirement, Rule};

/// A remark about a policy that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Remark {
    /// What kind of remark it is.
    pub lint: Lint,
    /// The place in the policy as a JSON pointer.
    pub pointer: String,
    /// What is remarkable, and what to do.
    pub message: String,
    /// Line and column in the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<(usize, usize)>,
}

impl Remark {
    /// A remark about a place.
    pub fn new(lint: Lint, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { lint, pointer: pointer.into(), message: message.into(), location: None }
    }

    /// The same with line and column.
    #[must_use]
    pub fn located(self, location: Option<(usize, usize)>) -> Self {
        Self { location, ..self }
    }
}

/// The kinds of remarks. Their names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Lint {
    /// Exceptions take away all that a rule is for.
    UnreachableRule,
    /// Another tag or digest of the same image falls to a rule that demands less.
    WeakerFallback,
    /// Images are allowed without a signature that the policy does not name.
    AllowThroughWildcard,
    /// A regular expression that matched anywhere in its source.
    UnanchoredRegex,
    /// An identity that anybody has.
    AnyIdentity,
    /// A certificate is not valid.
    CertificateExpired,
    /// A certificate will not be valid for long.
    CertificateExpires,
}

impl Lint {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::UnreachableRule,
        Self::WeakerFallback,
        Self::AllowThroughWildcard,
        Self::UnanchoredRegex,
        Self::AnyIdentity,
        Self::CertificateExpired,
        Self::CertificateExpires,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnreachableRule => "unreachable-rule",
            Self::WeakerFallback => "weaker-fallback",
            Self::AllowThroughWildcard => "allow-through-wildcard",
            Self::UnanchoredRegex => "unanchored-regex",
            Self::AnyIdentity => "any-identity",
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateExpires => "certificate-expires",
        }
    }
}

impl fmt::Display for Lint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Policy {
    /// What the rules say that their author may not have meant, in their order.
    pub fn remarks(&self) -> Vec<Remark> {
        let mut remarks = Vec::new();
        let covers = Covers::of(&self.rules);
        for (index, rule) in self.rules.iter().enumerate() {
            let pointer = format!("/rules/{index}");
            remarks.extend(unreachable(rule, &pointer));
            for (image, scope) in rule.images.iter().enumerate() {
                let pointer = format!("{pointer}/images/{image}");
                remarks.extend(allow_through_wildcard(rule, scope, &pointer));
                remarks.extend(weaker_fallback(&covers, rule, scope, &pointer));
            }
        }
        remarks
    }
}

fn unreachable(rule: &Rule, pointer: &str) -> Option<Remark> {
    let takes_away = |scope: &Scope| {
        let covers = |exception: &Scope| !exception.has_tag() && !exception.has_digest() && exception.covers_untagged(scope);
        rule.except.iter().any(|exception| exception == scope || covers(exception))
    };
    rule.images.iter().all(takes_away).then(|| {
        let message = format!("no image is left for the rule `{}`: its exceptions cover all its patterns", rule.name);
        Remark::new(Lint::UnreachableRule, format!("{pointer}/except"), message)
    })
}

fn allow_through_wildcard(rule: &Rule, scope: &Scope, pointer: &str) -> Option<Remark> {
    let reachable = matches!(rule.require, Requirement::InsecureAllow { .. }) && scope.is_open();
    reachable.then(|| {
        let message = format!("`{scope}` allows every image that it matches, also those that nobody thought of: name the repositories");
        Remark::new(Lint::AllowThroughWildcard, pointer, message)
    })
}

/// A pattern with a tag or a digest always has others that cover it (see the checks of a policy when it is loaded). The
/// narrowest of them judges the same image under another tag.
fn weaker_fallback<'a>(covers: &Covers<'a>, rule: &Rule, scope: &'a Scope, pointer: &str) -> Option<Remark> {
    let tagged = scope.has_tag() || scope.has_digest();
    if !tagged || rule.apply != Apply::Select || is_weak(rule) || matches!(rule.require, Requirement::Deny { .. }) {
        return None;
    }
    let (own, weak) =
        covers.covering(Apply::Select, scope).reduce(|one, other| if one.0.covers_untagged(other.0) { other } else { one })?;
    let is_narrowest = covers.covering(Apply::Select, scope).all(|(cover, _)| cover.covers_untagged(own));
    if !is_weak(weak) || !is_narrowest {
        return None;
    }
    let what = if weak.mode == Mode::Audit { "only reports" } else { "allows them without a signature" };
    let message = format!("under another tag the same images fall to the rule `{}` (`{own}`), which {what}", weak.name);
    Some(Remark::new(Lint::WeakerFallback, pointer, message))
}

/// Whether a rule lets unsigned images run.
fn is_weak(rule: &Rule) -> bool {
    rule.mode == Mode::Audit || matches!(rule.require, Requirement::InsecureAllow { .. })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Compiler, read_config};
    use super::*;

    fn remarks(rules: Value) -> Vec<(Lint, String)> {
        let mut document = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy"});
        document["rules"] = rules;
        let document = read_config(&document, "").unwrap();
        let policy = Compiler::new(&[]).compile(&document, Default::default(), "test", b"").unwrap();
        policy.remarks().into_iter().map(|remark| (remark.lint, remark.pointer)).collect()
    }

    fn rule(name: &str, image: &str, more: Value) -> Value {
        let mut rule = json!({"name": name, "images": [image], "require": {"deny": {"reason": "test"}}});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    }

    fn allow() -> Value {
        json!({"require": {"allow": {"reason": "test"}}})
    }

    #[test]
    fn exceptions_that_leave_nothing() {
        for (image, except, expected) in [
            ("r.example/a", "r.example/a", true),
            ("r.example/a/**", "r.example/**", true),
            ("r.example/**", "r.example/a/**", false),
            ("r.example/a", "r.example/a:v1", false),
        ] {
            let found = remarks(json!([rule("one", image, json!({"except": [except]}))]));
            let wanted = [(Lint::UnreachableRule, "/rules/0/except".to_owned())];
            assert_eq!(found, if expected { wanted.to_vec() } else { Vec::new() }, "{image} {except}");
        }
    }

    #[test]
    fn allowed_by_name_or_through_a_wildcard() {
        for (image, dialect, expected) in [
            ("r.example/a", "native", false),
            ("r.example/*", "native", true),
            ("**/**", "native", true),
            ("docker:r.example/a:v1", "containers", false),
            ("docker:r.example/a", "containers", false),
            ("docker:r.example", "containers", true),
            ("docker:*.example", "containers", true),
            ("docker:", "containers", true),
            ("**", "containers", true),
        ] {
            let mut one = rule("one", image, allow());
            one["dialect"] = dialect.into();
            let wanted = [(Lint::AllowThroughWildcard, "/rules/0/images/0".to_owned())];
            assert_eq!(remarks(json!([one])), if expected { wanted.to_vec() } else { Vec::new() }, "{image}");
        }
        let denied = rule("one", "**/**", json!({}));
        assert_eq!(remarks(json!([denied])), []);
    }
}
