//! The files at hand: answers of the store, and what was handed in.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::{Answer, CachedRoles, RoleFile, RoleName, failure::Fault, file_meta::FileMeta, limits::Limits, outcome::Request};

/// Why a verification does not go on by itself.
#[derive(Debug)]
pub(super) enum Stop {
    /// Files are needed first.
    Fetch(Vec<Request>),
    /// Something is wrong with a role.
    Fault(RoleName, Box<Fault>),
}

impl Stop {
    pub(super) fn fault(role: RoleName, fault: impl Into<Fault>) -> Self {
        Self::Fault(role, Box::new(fault.into()))
    }
}

/// Puts the role to a fault.
pub(super) fn of<E: Into<Fault>>(role: &RoleName) -> impl Fn(E) -> Stop {
    move |error| Stop::fault(role.clone(), error)
}

#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    answers: BTreeMap<RoleFile, Answer>,
    asked: BTreeSet<RoleFile>,
    cache: CachedRoles,
}

impl Files {
    pub(super) fn new(cache: CachedRoles) -> Self {
        Self { cache, ..Self::default() }
    }

    /// Takes an answer to something that was asked; the first one counts.
    pub(super) fn supply(&mut self, file: RoleFile, answer: Answer) {
        if self.asked.contains(&file) {
            self.answers.entry(file).or_insert(answer);
        }
    }

    /// Notes what is asked. What was asked before and not answered is not asked again: nobody knows.
    pub(super) fn ask(&mut self, requests: Vec<Request>) -> Vec<Request> {
        let (new, unanswered): (Vec<_>, Vec<_>) = requests.into_iter().partition(|request| !self.asked.contains(&request.file));
        if new.is_empty() {
            self.answers.extend(unanswered.into_iter().map(|request| (request.file, Answer::Unreachable)));
        }
        self.asked.extend(new.iter().map(|request| request.file.clone()));
        new
    }

    /// Asks for all of these that nothing is known of.
    pub(super) fn need(&self, files: &[RoleFile], limits: &Limits) -> Result<(), Stop> {
        let unknown = files.iter().filter(|file| !self.answers.contains_key(*file));
        let requests: Vec<_> = unknown.map(|file| Request { file: file.clone(), max_bytes: limits.of(file.role()) }).collect();
        if requests.is_empty() { Ok(()) } else { Err(Stop::Fetch(requests)) }
    }

    /// C1: a file whose size nobody told before. Nothing if it is absent.
    pub(super) fn plain(&self, file: &RoleFile, limits: &Limits) -> Result<Option<Bytes>, Stop> {
        let limit = limits.of(file.role());
        let fault = |fault| Err(Stop::fault(file.role().clone(), fault));
        match self.answers.get(file) {
            None => Err(Stop::Fetch(vec![Request { file: file.clone(), max_bytes: limit }])),
            Some(Answer::Bytes(bytes)) if length(bytes) > limit => fault(Fault::TooLarge { limit }),
            Some(Answer::Bytes(bytes)) => Ok(Some(bytes.clone())),
            Some(Answer::Absent) => Ok(None),
            Some(Answer::TooLarge) => fault(Fault::TooLarge { limit }),
            Some(Answer::Unreachable) => fault(Fault::Unreachable { file: file.clone() }),
        }
    }

    /// C1, C2 and C3: a file that another role names, from what was handed in or from the store.
    pub(super) fn named(&self, role: &RoleName, meta: &FileMeta, limits: &Limits) -> Result<Bytes, Stop> {
        let fault = |fault| Stop::fault(role.clone(), fault);
        let limit = limits.of(role);
        if meta.length > limit {
            return Err(fault(Fault::TooLarge { limit }));
        }
        if let Some(cached) = self.cache.get(&meta.sha256).filter(|cached| meta.check(cached).is_ok()) {
            return Ok(cached.clone());
        }
        let file = RoleFile::ByHash(role.clone(), meta.sha256);
        match self.answers.get(&file) {
            None => Err(Stop::Fetch(vec![Request { file, max_bytes: meta.length }])),
            Some(Answer::Bytes(bytes)) => meta.check(bytes).map(|()| bytes.clone()).map_err(fault),
            Some(Answer::Absent) => Err(fault(Fault::Absent { file })),
            Some(Answer::TooLarge) => Err(fault(Fault::Length { expected: meta.length, found: None })),
            Some(Answer::Unreachable) => Err(fault(Fault::Unreachable { file })),
        }
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
