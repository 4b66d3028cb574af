//! Who a certificate must name (cosign `--certificate-identity`, `--certificate-oidc-issuer`; Fulcio extensions).

use verimage_core::policy::{LeafContext, Pattern, PolicyError};
use verimage_core::{Code, Failure};

use crate::config::{IdentityConfig, TextConfig};
use crate::fulcio::{Claims, SubjectKind, extension_name, extension_number};

/// One signer that counts: all of it must fit.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    issuer: Option<Pattern>,
    names: Vec<Name>,
    extensions: Vec<(u32, Pattern)>,
}

/// A name that the certificate must have.
#[derive(Clone, Debug)]
struct Name {
    text: Pattern,
    kind: Option<SubjectKind>,
}

/// Who issued the identity: a certificate of the public instance says little without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IssuerRule {
    Needed,
    /// The policy names the certificate authority itself.
    Optional,
}

/// Reads a list of identities; one of them must fit.
pub(crate) fn read_all(
    configs: &[IdentityConfig],
    field: &str,
    rule: IssuerRule,
    context: &LeafContext<'_>,
) -> Result<Vec<Identity>, PolicyError> {
    if configs.is_empty() {
        return Err(context.invalid(field, "without an identity, anybody with a certificate could sign").with_hint("name at least one"));
    }
    configs.iter().enumerate().map(|(index, config)| read(config, &format!("{field}/{index}"), rule, context)).collect()
}

fn read(config: &IdentityConfig, at: &str, rule: IssuerRule, context: &LeafContext<'_>) -> Result<Identity, PolicyError> {
    let subject = pattern("subject", [&config.subject, &config.subject_regex, &config.subject_glob], at, context)?;
    let issuer = pattern("issuer", [&config.issuer, &config.issuer_regex, &config.issuer_glob], at, context)?;
    let subject = subject.ok_or_else(|| context.invalid(at, "an identity has a `subject`, a `subjectRegex` or a `subjectGlob`"))?;
    if rule == IssuerRule::Needed && issuer.is_none() {
        let message = "an identity has an `issuer`, an `issuerRegex` or an `issuerGlob`: anybody may call himself so elsewhere";
        return Err(context.invalid(at, message));
    }
    let extensions = config.extensions.iter().map(|(name, text)| {
        let at = format!("{at}/extensions/{}", name.replace('~', "~0").replace('/', "~1"));
        let number = extension_number(name).ok_or_else(|| context.invalid(&at, format!("`{name}` is no extension of Fulcio's")))?;
        Ok((number, text_pattern(text).map_err(|reason| context.invalid(&at, reason))?))
    });
    let mut names = vec![Name { text: subject, kind: config.subject_kind }];
    for (index, also) in config.also.iter().enumerate() {
        let text = Pattern::exact(&also.subject).map_err(|reason| context.invalid(&format!("{at}/also/{index}/subject"), reason))?;
        names.push(Name { text, kind: also.subject_kind });
    }
    Ok(Identity { issuer, names, extensions: extensions.collect::<Result<_, PolicyError>>()? })
}

/// At most one of a text, a regular expression and a glob.
fn pattern(name: &str, forms: [&Option<String>; 3], at: &str, context: &LeafContext<'_>) -> Result<Option<Pattern>, PolicyError> {
    let (field, read) = match forms {
        [None, None, None] => return Ok(None),
        [Some(text), None, None] => (name.to_owned(), Pattern::exact(text)),
        [None, Some(text), None] => (format!("{name}Regex"), Pattern::regex(text)),
        [None, None, Some(text)] => (format!("{name}Glob"), Pattern::glob(text)),
        _ => return Err(context.invalid(at, format!("`{name}`, `{name}Regex` and `{name}Glob` exclude each other"))),
    };
    read.map(Some).map_err(|reason| context.invalid(&format!("{at}/{field}"), format!("`{field}` {reason}")))
}

fn text_pattern(text: &TextConfig) -> Result<Pattern, String> {
    match text {
        TextConfig::Exact(text) => Pattern::exact(text),
        TextConfig::Regex(text) => Pattern::regex(text),
        TextConfig::Glob(text) => Pattern::glob(text),
    }
}

/// Whether the claims are those of one of the signers; of several, the failure of the last is told.
pub(crate) fn check(identities: &[Identity], claims: &Claims) -> Result<(), Failure> {
    let mut failure = String::new();
    for identity in identities {
        match identity.difference(claims) {
            None => return Ok(()),
            Some(difference) => failure = difference,
        }
    }
    Err(Failure::new(Code::IdentityMismatch, failure))
}

impl Identity {
    /// What does not fit, if anything.
    fn difference(&self, claims: &Claims) -> Option<String> {
        let fits = |name: &Name| {
            let of_kind = |kind: &SubjectKind| name.kind.is_none_or(|wanted| wanted == *kind);
            claims.subjects.iter().any(|(kind, text)| of_kind(kind) && name.text.matches(text))
        };
        if let Some(missing) = self.names.iter().find(|name| !fits(name)) {
            let named = if claims.subjects.is_empty() { "nobody".to_owned() } else { claims.names() };
            return Some(format!("the certificate names {named}, the policy wants `{}`", missing.text));
        }
        let issuer = claims.issuer.as_deref();
        if let Some(wanted) = self.issuer.as_ref().filter(|wanted| !issuer.is_some_and(|issuer| wanted.matches(issuer))) {
            let found = issuer.map_or_else(|| "no issuer".to_owned(), |issuer| format!("the issuer `{}`", issuer.escape_debug()));
            return Some(format!("the certificate names {found}, the policy wants `{wanted}`"));
        }
        let wrong = self.extensions.iter().find(|(number, wanted)| !claims.extension(*number).is_some_and(|text| wanted.matches(text)));
        wrong.map(|(number, wanted)| {
            let name = extension_name(*number);
            let found = claims.extension(*number).map_or_else(|| "no".to_owned(), |text| format!("`{}` as", text.escape_debug()));
            format!("the certificate has {found} `{name}`, the policy wants `{wanted}`")
        })
    }
}
