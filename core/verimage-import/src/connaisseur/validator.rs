//! Validators, their trust roots, and what a rule says about both.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use verimage_core::{Code, PolicyError};

use super::features::one_of;
use super::{NEVER_ENFORCED, check_members, member, need};
use crate::keys;
use crate::native::Native;
use crate::part::{Part, refuse};

/// The Notary server that is asked where none is named.
const DOCKER_NOTARY: &str = "notary.docker.io";
/// The name of what is used where nothing is named.
const DEFAULT: &str = "default";
/// All trust roots of a validator.
const ALL: &str = "*";
const OPTIONS: [&str; 9] = [
    "delegations",
    "mode",
    "required",
    "threshold",
    "trustRoot",
    "verificationLevel",
    "verifyInTransparencyLog",
    "verifySCT",
    "verifyTimestamp",
];

/// The validators of a configuration.
pub(super) struct Validators<'a>(Vec<Validator<'a>>);

/// One of them.
pub(super) struct Validator<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    pub(super) part: Part<'a>,
    pub(super) roots: Vec<TrustRoot<'a>>,
}

/// What a validator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Static { approve: bool },
    NotaryV1,
    Cosign,
    Notation,
}

/// One trust root of a validator.
pub(super) struct TrustRoot<'a> {
    pub(super) name: &'a str,
    pub(super) part: Part<'a>,
}

impl<'a> Validators<'a> {
    pub(super) fn read(configuration: &Part<'a>) -> Result<Self, PolicyError> {
        let (mut validators, mut seen) = (Vec::new(), BTreeSet::new());
        for part in configuration.filled_list("validators")? {
            let validator = Validator::read(part)?;
            if !seen.insert(validator.name) {
                return Err(need(&validator.part, "name")?.invalid(format!("two validators are called `{}`", validator.name)));
            }
            validators.push(validator);
        }
        Ok(Self(validators))
    }

    /// The validator that a rule names.
    pub(super) fn of_rule(&self, rule: &Part<'a>) -> Result<&Validator<'a>, PolicyError> {
        let given = member(rule, "validator")?;
        let name = given.as_ref().map_or(Ok(DEFAULT), Part::text)?;
        self.0.iter().find(|validator| validator.name == name).ok_or_else(|| {
            let message = match given {
                Some(_) => format!("no validator is called `{name}`"),
                None => format!("this rule names no validator, and none is called `{DEFAULT}`, which would then be used"),
            };
            undefined(given.as_ref().unwrap_or(rule), message).with_hint("define it under `validators`, or name one that is there")
        })
    }
}

fn undefined(part: &Part<'_>, message: String) -> PolicyError {
    PolicyError::new(Code::PolicyUndefinedName, part.pointer.as_str(), message)
}

impl Kind {
    fn read(validator: &Part<'_>) -> Result<Self, PolicyError> {
        let kind = need(validator, "type")?;
        Ok(match kind.text()? {
            "static" => Self::Static { approve: need(validator, "approve")?.flag()? },
            "notaryv1" => Self::NotaryV1,
            "cosign" => Self::Cosign,
            "notation" | "notaryv2" => Self::Notation,
            other => {
                let error = kind.invalid(format!("no type of validators is called `{other}`"));
                return Err(error.with_hint("they are `static`, `notaryv1`, `cosign` and `notation`"));
            }
        })
    }

    fn members(self) -> &'static [&'static str] {
        match self {
            Self::Static { .. } => &["approve", "name", "type"],
            Self::NotaryV1 | Self::Cosign => &["auth", "cert", "host", "name", "trustRoots", "type"],
            Self::Notation => &["auth", "cert", "name", "trustRoots", "type"],
        }
    }

    /// What its trust roots have beside a name.
    fn root_members(self) -> &'static [&'static str] {
        match self {
            Self::Static { .. } => &[],
            Self::NotaryV1 => &["key"],
            Self::Cosign => &["key", "keyless"],
            Self::Notation => &["cert", "tsCert"],
        }
    }

    /// The options of rules that it heeds.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Static { .. } => &["mode"],
            Self::NotaryV1 => &["delegations", "mode", "trustRoot"],
            Self::Cosign => &["mode", "required", "threshold", "trustRoot", "verifyInTransparencyLog", "verifySCT"],
            Self::Notation => &["mode", "trustRoot", "verificationLevel", "verifyTimestamp"],
        }
    }
}

impl<'a> Validator<'a> {
    fn read(part: Part<'a>) -> Result<Self, PolicyError> {
        let (name, kind) = (need(&part, "name")?.text()?, Kind::read(&part)?);
        check_members(&part, kind.members())?;
        refuse(
            &part,
            &[
                ("auth", "credentials do not belong to a policy here", "leave it out, and log in where the check runs"),
                ("cert", "an authority of TLS for one server is not supported", "leave it out, and give it with `--ca-file`, for all"),
            ],
        )?;
        let roots = match kind {
            Kind::Static { .. } => Vec::new(),
            _ => Self::read_roots(&part, kind)?,
        };
        Ok(Self { name, kind, part, roots })
    }

    fn read_roots(part: &Part<'a>, kind: Kind) -> Result<Vec<TrustRoot<'a>>, PolicyError> {
        let list = need(part, "trustRoots")?;
        let (mut roots, mut seen) = (Vec::new(), BTreeSet::new());
        for root in list.items()? {
            let known = [&["name"], kind.root_members()].concat();
            check_members(&root, &known)?;
            let name = need(&root, "name")?;
            if !seen.insert(name.text()?) {
                return Err(name.invalid(format!("two trust roots are called `{}`", name.text()?)));
            }
            roots.push(TrustRoot { name: name.text()?, part: root });
        }
        if roots.is_empty() { Err(list.invalid("at least one trust root is needed here")) } else { Ok(roots) }
    }

    fn root(&self, name: &str, at: &Part<'_>) -> Result<&TrustRoot<'a>, PolicyError> {
        self.roots.iter().find(|root| root.name == name).ok_or_else(|| {
            let error = undefined(at, format!("the validator `{}` has no trust root `{name}`", self.name));
            error.with_hint(format!("a rule without `trustRoot` uses the one that is called `{DEFAULT}`; `\"{ALL}\"` is all of them"))
        })
    }

    /// Every root must have signed, as Connaisseur's code has it.
    pub(super) fn notary_v1(&self, with: &With<'_, 'a>, native: &mut Native) -> Result<Value, PolicyError> {
        let host = member(&self.part, "host")?.map_or(Ok(DOCKER_NOTARY), |host| host.text())?;
        let server = if host.contains("://") { host.to_owned() } else { format!("https://{host}") };
        let delegations = member(with.part(), "delegations")?.map_or(Ok(Vec::new()), |list| texts(&list))?;
        let leaf = |root: &&TrustRoot<'a>| {
            let key = need(&root.part, "key")?;
            let pem = one_block(&key, "-----BEGIN PUBLIC KEY-----", "a PEM public key")?;
            let root = native.anchor("root", json!({"tufRoot": {"pem": pem}}), &key);
            Ok(match delegations.is_empty() {
                true => json!({"notaryV1": {"server": server, "root": root, "search": "released"}}),
                false => json!({"notaryV1": {"server": server, "root": root, "delegations": delegations}}),
            })
        };
        let leaves = with.roots.iter().map(leaf).collect::<Result<Vec<_>, PolicyError>>()?;
        Ok(wrap("allOf", leaves))
    }

    /// All roots are one trust store there, and whoever they issued to is trusted.
    pub(super) fn notation(&self, with: &With<'_, 'a>, native: &mut Native) -> Result<Value, PolicyError> {
        let mut stores = Vec::new();
        for root in &with.roots {
            for (field, prefix, kind) in [("cert", "authority", "ca"), ("tsCert", "timestamps", "tsa")] {
                if let Some(certificate) = member(&root.part, field)? {
                    let pem = one_block(&certificate, "-----BEGIN CERTIFICATE-----", "a PEM certificate")?;
                    stores.push(native.anchor(prefix, json!({"x509": {"pem": pem, "type": kind}}), &certificate));
                }
            }
            need(&root.part, "cert")?;
        }
        let mut leaf = Map::from_iter([
            ("stores".to_owned(), json!(stores)),
            ("identities".to_owned(), json!(["*"])),
            ("level".to_owned(), one_of(with.part(), "verificationLevel", &["strict", "permissive", "audit"])?.unwrap_or("strict").into()),
        ]);
        if let Some(when) = one_of(with.part(), "verifyTimestamp", &["always", "afterCertExpiry"])? {
            leaf.insert("verifyTimestamp".to_owned(), when.into());
        }
        Ok(json!({"notation": leaf}))
    }
}

/// A single PEM block; Connaisseur would pass over those behind the first one, or refuse them.
fn one_block(part: &Part<'_>, begin: &str, what: &str) -> Result<String, PolicyError> {
    match keys::pem_blocks(part.text()?).as_deref() {
        Some([block]) if block.starts_with(begin) => Ok(block.clone()),
        Some([_, _, ..]) => {
            Err(part.unsupported("Connaisseur looks at the first of these blocks alone", "write a trust root for each, and name it"))
        }
        _ => Err(part.invalid(format!("{what} is needed here"))),
    }
}

/// What a rule says about its validator.
pub(super) struct With<'v, 'a> {
    rule: Part<'a>,
    with: Option<Part<'a>>,
    /// The trust roots that it names.
    pub(super) roots: Vec<&'v TrustRoot<'a>>,
    /// Whether it names all of them.
    pub(super) all: bool,
    /// Those that it names as required.
    pub(super) required: Vec<&'v TrustRoot<'a>>,
}

impl<'v, 'a> With<'v, 'a> {
    pub(super) fn read(rule: &Part<'a>, validator: &'v Validator<'a>) -> Result<Self, PolicyError> {
        let mut read = Self { rule: rule.clone(), with: member(rule, "with")?, roots: Vec::new(), all: false, required: Vec::new() };
        if let Some(with) = &read.with {
            check_members(with, &OPTIONS)?;
            one_of(with, "mode", &["mutate", "insecureValidateOnly"])?;
            check_heeded(with, validator.kind)?;
        }
        if validator.roots.is_empty() {
            return Ok(read);
        }
        let given = member(read.part(), "trustRoot")?;
        let name = given.as_ref().map_or(Ok(DEFAULT), Part::text)?;
        read.all = name == ALL;
        read.roots = if read.all { validator.roots.iter().collect() } else { vec![validator.root(name, given.as_ref().unwrap_or(rule))?] };
        if let Some(required) = read.part().get_filled("required") {
            for item in required.items()? {
                read.required.push(validator.root(item.text()?, &item)?);
            }
        }
        Ok(read)
    }

    /// The options; the rule, which has none of their names, if it has no options.
    pub(super) fn part(&self) -> &Part<'a> {
        self.with.as_ref().unwrap_or(&self.rule)
    }
}

fn check_heeded(with: &Part<'_>, kind: Kind) -> Result<(), PolicyError> {
    for option in OPTIONS.iter().filter(|option| !kind.options().contains(option)) {
        if let Some(unheeded) = member(with, option)? {
            return Err(unheeded.unsupported(format!("`{option}`: {NEVER_ENFORCED}"), "remove it: validators of this type do not know it"));
        }
    }
    Ok(())
}

pub(super) fn texts<'a>(list: &Part<'a>) -> Result<Vec<&'a str>, PolicyError> {
    let texts = list.items()?.iter().map(Part::text).collect::<Result<Vec<_>, _>>()?;
    if texts.is_empty() { Err(list.invalid("at least one item is needed here")) } else { Ok(texts) }
}

pub(super) fn wrap(node: &str, mut children: Vec<Value>) -> Value {
    if children.len() == 1 { children.remove(0) } else { json!({node: children}) }
}
