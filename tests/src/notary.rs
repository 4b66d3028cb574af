//! `notary-v1-*`: collections of Notary v1 as files, under every crypto set, which must agree; `canonical-json-olpc`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use verimage_crypto::{CryptoSet, PublicKey, x509::Certificate};
use verimage_tuf::{
    Answer as FileAnswer, DelegationName, Expectation, Gun, Known, Need, Outcome, Pins, Request, RoleFile, RoleName, Step, TargetRule,
    TrustState, Verification, Wanted, canonical_json,
};

use crate::{Answer, Case, path, read, text};

/// The canonical form, byte for byte: from files, or from params.
pub(crate) fn canonical(case: &Case) -> Result<Answer, String> {
    let input = match text(&case.params, "input") {
        Ok(input) => input.as_bytes().to_vec(),
        Err(_) => read(&path(case, "input")?)?,
    };
    let found = match canonical_json(&input) {
        Ok(found) => found,
        Err(error) => return Ok(Answer::reject("payload-malformed", error)),
    };
    if let Ok(output) = path(case, "output")
        && read(&output)? != found
    {
        return Ok(Answer::reject("payload-malformed", "the canonical form is another one"));
    }
    let found = String::from_utf8(found).map_err(|error| error.to_string())?;
    Ok(Answer::Accept(Map::from_iter([("canonical".to_owned(), Value::from(found))])))
}

/// Single files; the pins are the root's certificate, the ID of its key, or both.
pub(crate) fn target(case: &Case) -> Result<Answer, String> {
    let question = match Question::read(case, &["pinned_key_id"])? {
        Ok(question) => question,
        Err(unsupported) => return Ok(unsupported),
    };
    let mut pins = Vec::new();
    if let Ok(certificate) = path(case, "pinned_root") {
        pins.push(Certificate::all_from_file(&read(&certificate)?).map_err(|error| error.to_string()).and_then(of_certificates));
    }
    if let Ok(id) = text(&case.params, "pinned_key_id") {
        pins.push(Pins::key_ids([id]).map_err(|error| error.to_string()));
    }
    let source = Source::Files(case);
    let mut answers = Vec::new();
    for pins in pins {
        answers.push(answer(&question.judge(&pins?, &source, None)?));
    }
    let first = answers.first().cloned().ok_or("nothing is pinned")?;
    Ok(answers.into_iter().find(|answer| answer.status() != 0).unwrap_or(first))
}

/// A folder as a server holds it.
pub(crate) fn collection(case: &Case) -> Result<Answer, String> {
    let question = match Question::read(case, &["rule"])? {
        Ok(question) => question,
        Err(unsupported) => return Ok(unsupported),
    };
    let Some(pins) = pins(case)? else { return Ok(Answer::unsupported("a collection without a pin")) };
    let state = match path(case, "state_from") {
        Ok(earlier) => Some(question.accepted_before(&earlier, &pins)?),
        Err(_) => None,
    };
    Ok(answer(&question.judge(&pins, &Source::Folder(&path(case, "collection")?), state)?))
}

fn pins(case: &Case) -> Result<Option<Pins>, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    if let Ok(key) = path(case, "pin_key") {
        return key_pin(&key).map(Some);
    }
    if let Ok(authorities) = path(case, "pin_ca") {
        let authorities = Certificate::all_from_file(&read(&authorities)?).map_err(|error| words(&error))?;
        return Pins::authorities(authorities).map(Some).map_err(|error| words(&error));
    }
    if let Ok(ids) = path(case, "pin_key_id") {
        let ids = String::from_utf8(read(&ids)?).map_err(|error| words(&error))?;
        return Pins::key_ids(ids.split_whitespace()).map(Some).map_err(|error| words(&error));
    }
    Ok(None)
}

fn key_pin(path: &Path) -> Result<Pins, String> {
    let key = PublicKey::from_pem(&read(path)?).map_err(|error| error.to_string())?;
    Pins::root_keys(vec![key], Need::Any).map_err(|error| error.to_string())
}

fn of_certificates(certificates: Vec<Certificate>) -> Result<Pins, String> {
    Pins::certificates(certificates).map_err(|error| error.to_string())
}

fn answer(outcome: &Outcome) -> Answer {
    match &outcome.result {
        Ok(evidence) => {
            let digest = evidence.digest.to_string();
            let role = evidence.signed_in.iter().map(RoleName::to_string).collect::<Vec<_>>().join(" ");
            Answer::Accept(Map::from_iter([
                ("sha256".to_owned(), Value::from(digest.trim_start_matches("sha256:"))),
                ("digest".to_owned(), Value::from(digest)),
                ("length".to_owned(), Value::from(evidence.length)),
                ("role".to_owned(), Value::from(role)),
            ]))
        }
        Err(failure) => Answer::reject(failure.kind().as_str(), failure),
    }
}

/// What is asked about a collection.
struct Question {
    gun: Gun,
    wanted: Wanted,
    rule: TargetRule,
    now: Timestamp,
}

impl Question {
    fn read(case: &Case, more_params: &[&str]) -> Result<Result<Self, Answer>, String> {
        const KNOWN_PARAMS: [&str; 4] = ["gun", "target", "time", "delegations"];
        let is_known = |key: &str| KNOWN_PARAMS.contains(&key) || more_params.contains(&key);
        if let Some(unknown) = case.params.keys().find(|key| !is_known(key)) {
            return Ok(Err(Answer::unsupported(format!("param `{unknown}`"))));
        }
        let gun = match Gun::new(text(&case.params, "gun")?) {
            Ok(gun) => gun,
            Err(error) => return Ok(Err(Answer::reject("policy-invalid", error))),
        };
        let rule = match rule(case)? {
            Ok(rule) => rule,
            Err(error) => return Ok(Err(error)),
        };
        let wanted = Wanted::Tag(text(&case.params, "target")?.to_owned());
        let now = text(&case.params, "time")?.parse().map_err(|error| format!("`time`: {error}"))?;
        Ok(Ok(Self { gun, wanted, rule, now }))
    }

    /// That another folder was accepted before is a premise: under the pins of the case, or else under its own.
    fn accepted_before(&self, folder: &Path, pins: &Pins) -> Result<TrustState, String> {
        let source = Source::Folder(folder);
        let under_these = self.judge(pins, &source, None)?;
        if let Some(state) = under_these.state {
            return Ok(state);
        }
        let under_its_own = self.judge(&key_pin(&folder.join("root.pub"))?, &source, None)?;
        under_its_own.state.ok_or_else(|| format!("{}: {:?}", folder.display(), under_its_own.result))
    }

    fn judge(&self, pins: &Pins, source: &Source<'_>, state: Option<TrustState>) -> Result<Outcome, String> {
        let run = |set: CryptoSet| {
            let expectation = Expectation::new(self.gun.clone(), pins.clone(), self.rule.clone(), set);
            let known = state.clone().map(Known::state).unwrap_or_default();
            let verification = Verification::begin(Arc::new(expectation), self.wanted.clone(), self.now, known);
            drive(verification.map_err(|error| error.to_string())?, source)
        };
        let [first, second] = [run(CryptoSet::rustcrypto())?, run(CryptoSet::aws_lc())?];
        if first == second { Ok(first) } else { Err(format!("the crypto sets disagree: {first:?} and {second:?}")) }
    }
}

/// `docker`, which is also what holds without a rule, or `delegations`: those named, or Connaisseur's rule if none is.
fn rule(case: &Case) -> Result<Result<TargetRule, Answer>, String> {
    let names: Vec<_> = case.params.get("delegations").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let rule = text(&case.params, "rule").unwrap_or(if names.is_empty() { "docker" } else { "delegations" });
    match (rule, names.is_empty()) {
        ("docker", _) => Ok(Ok(TargetRule::docker())),
        ("delegations", true) => Ok(Ok(TargetRule::released())),
        ("delegations", false) => {
            let names = names.into_iter().map(DelegationName::from_short).collect::<Result<Vec<_>, _>>();
            let rule =
                names.map_err(|error| error.to_string()).and_then(|names| TargetRule::all_of(names).map_err(|error| error.to_string()));
            Ok(rule.map_err(|error| Answer::reject("policy-invalid", error)))
        }
        (other, _) => Ok(Err(Answer::unsupported(format!("rule `{other}`")))),
    }
}

/// Where the files are. Names with a hash are the same bytes as the plain ones.
enum Source<'a> {
    /// `root`, `timestamp`, `snapshot`, `targets` and `delegation:NAME` of a case.
    Files(&'a Case),
    /// A folder with `targets/NAME.json` and `N.root.json`.
    Folder(&'a Path),
}

impl Source<'_> {
    fn path(&self, file: &RoleFile) -> Option<PathBuf> {
        match (self, file) {
            (Self::Files(_), RoleFile::RootVersion(_)) => None,
            (Self::Files(case), _) => match file.role() {
                RoleName::Delegation(name) => path(case, &format!("delegation:{name}")).ok(),
                role => path(case, &role.to_string()).ok(),
            },
            (Self::Folder(folder), RoleFile::RootVersion(_)) => Some(folder.join(file.to_string())),
            (Self::Folder(folder), _) => Some(folder.join(format!("{}.json", file.role()))),
        }
    }

    fn fetch(&self, request: &Request) -> Result<FileAnswer, String> {
        match self.path(&request.file).filter(|path| path.is_file()) {
            None => Ok(FileAnswer::Absent),
            Some(path) => {
                let bytes = read(&path)?;
                let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= request.max_bytes);
                Ok(if fits { FileAnswer::Bytes(bytes.into()) } else { FileAnswer::TooLarge })
            }
        }
    }
}

fn drive(mut verification: Verification, source: &Source<'_>) -> Result<Outcome, String> {
    loop {
        match verification.step() {
            Step::Fetch(requests) => {
                for request in requests {
                    let answer = source.fetch(&request)?;
                    verification.supply(request.file, answer);
                }
            }
            Step::Done(outcome) => return Ok(*outcome),
            other => return Err(format!("{other:?}")),
        }
    }
}
