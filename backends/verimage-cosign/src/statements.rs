//! Which of several attestations count (native policy, `statements`).

use verimage_core::policy::{Attestation, Statements};
use verimage_core::{Code, Evidence, Failure, Timestamp};

use crate::judge::Attested;

/// A statement by the right signer about the right image, and what its predicate is worth.
#[derive(Debug)]
pub(crate) struct Verified {
    /// When it was made, as far as that is known.
    time: Option<Timestamp>,
    /// Which condition it does not fulfil, if any.
    shortfall: Option<String>,
}

impl Verified {
    /// Whether it says what it must, whatever others say.
    pub(crate) fn is_fulfilled(&self) -> bool {
        self.shortfall.is_none()
    }
}

/// Judges a statement whose signature holds: its type, and then its predicate. What is of another type is no candidate.
pub(crate) fn judge(attested: Attested, demand: &Attestation, now: Timestamp) -> Result<(Evidence, Verified), Failure> {
    let Attested { evidence, statement } = attested;
    if statement.predicate_type != demand.predicate_type() {
        let found = statement.predicate_type.escape_debug();
        let detail = format!("the attestation is of the type `{found}`, not `{}`", demand.predicate_type());
        return Err(Failure::new(Code::AttestationNotFound, detail));
    }
    let time = evidence.signed_at.iter().map(|verified| verified.time).min();
    let fulfilled = demand.conditions().map_or(Ok(()), |conditions| conditions.check(&statement.predicate, time, now));
    let evidence = evidence.with_fact("predicateType", statement.predicate_type);
    Ok((evidence, Verified { time, shortfall: fulfilled.err() }))
}

/// Whether one verified statement counts in view of all of them; the order in which they were found does not matter.
pub(crate) fn check(one: &Verified, all: &[&Verified], demand: &Attestation) -> Result<(), Failure> {
    let failed = |detail: String| Failure::new(Code::AttestationConditionFailed, format!("`{}`: {detail}", demand.name()));
    if let Some(shortfall) = &one.shortfall {
        return Err(failed(shortfall.clone()));
    }
    match demand.statements() {
        Statements::Any => Ok(()),
        Statements::All => match all.iter().find_map(|other| other.shortfall.as_ref()) {
            Some(shortfall) => Err(failed(format!("another attestation of this type says otherwise: {shortfall}"))),
            None => Ok(()),
        },
        Statements::Newest => {
            let newest = all.iter().filter_map(|other| other.time).max();
            let equally_new = all.iter().filter(|other| other.time == newest);
            match one.time {
                None => Err(failed("it has no verified time, so it cannot be the newest".to_owned())),
                Some(time) if newest.is_some_and(|newest| newest > time) => {
                    Err(failed("a newer attestation of this type exists".to_owned()))
                }
                Some(_) => match equally_new.into_iter().find_map(|other| other.shortfall.as_ref()) {
                    Some(shortfall) => Err(failed(format!("another attestation of the same time says otherwise: {shortfall}"))),
                    None => Ok(()),
                },
            }
        }
    }
}
