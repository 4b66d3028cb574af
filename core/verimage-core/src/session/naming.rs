//! Leaves that find out which digest a tag names, in place of the registry.

use std::collections::BTreeSet;

use super::{Resolution, Session};
use crate::code::Code;
use crate::digest::Digest;
use crate::leaf::Leaf;
use crate::policy::{Mode, Rule};
use crate::report::Failure;
use crate::trial::Trial;

/// The digest that leaves found out, and those leaves.
pub(super) struct Named {
    pub(super) digest: Digest,
    pub(super) leaves: Vec<Leaf>,
}

impl Session {
    /// Lets the leaves find out the digest of a tag if no other way can allow the image: what the registry says of the tag
    /// does not matter then. Says whether they began.
    pub(super) fn begin_naming(&mut self) -> bool {
        let applying = self.applying();
        let blocking = |rule: &&&Rule| rule.mode == Mode::Enforce && !rule.denies(&self.image);
        let needed = applying.iter().filter(blocking).any(|rule| rule.require.names_digest(&self.image));
        let refused = applying.iter().any(|rule| rule.mode == Mode::Enforce && rule.denies(&self.image));
        if self.digest().is_some() || self.always_resolve || !needed || refused {
            return false;
        }
        let mut trials: Vec<Trial> = applying.iter().map(|rule| Trial::by_name(rule, &self.image)).collect();
        if trials.iter_mut().flat_map(Trial::open_leaves).next().is_none() {
            return false;
        }
        (self.trials, self.resolution) = (trials, Resolution::ByName);
        true
    }

    /// Takes the one digest that the leaves found out.
    pub(super) fn finish_naming(&mut self) {
        let evidence = self.trials.iter().flat_map(Trial::leaves).flat_map(Leaf::evidence);
        let mut digests: BTreeSet<Digest> = evidence.map(|evidence| evidence.subject.clone()).collect();
        if digests.len() > 1 {
            let all: Vec<String> = digests.iter().map(ToString::to_string).collect();
            let detail = format!("{} is signed as {}", self.image, all.join(" and as "));
            self.resolution = Resolution::Failed(Failure::new(Code::TagDigestMismatch, detail));
        } else if let Some(digest) = digests.pop_first() {
            let leaves = std::mem::take(&mut self.trials).into_iter().flat_map(Trial::into_leaves);
            self.named = Some(Named { digest, leaves: leaves.collect() });
            self.resolution = Resolution::Open;
        } else {
            self.resolution = Resolution::Unnamed;
            self.trials.iter_mut().flat_map(Trial::leaves_mut).for_each(Leaf::end_unresolved);
        }
    }
}
