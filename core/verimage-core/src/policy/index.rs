//! Which rules could match an image, without a look at each: policies of fleets have a rule for each team.

use std::collections::HashMap;

use super::Rule;
use crate::reference::ImageRef;

/// The rules by what is literal at the beginning of their patterns.
#[derive(Debug, Default)]
pub(crate) struct Index {
    by_beginning: HashMap<String, Vec<usize>>,
    /// Those with a pattern that begins with anything, or in another language.
    others: Vec<usize>,
}

impl Index {
    pub(crate) fn of(rules: &[Rule]) -> Self {
        let mut index = Self::default();
        for (at, rule) in rules.iter().enumerate() {
            let beginnings: Option<Vec<String>> = rule.images.iter().map(|scope| scope.beginning()).collect();
            match beginnings {
                Some(beginnings) => beginnings.into_iter().for_each(|beginning| index.by_beginning.entry(beginning).or_default().push(at)),
                None => index.others.push(at),
            }
        }
        index
    }

    /// Every rule that matches is among these, in the order of the policy.
    pub(crate) fn candidates(&self, image: &ImageRef) -> Vec<usize> {
        let mut found = self.others.clone();
        let mut beginning = super::scope::canonical_host(&image.host().to_ascii_lowercase()).to_owned();
        found.extend(self.by_beginning.get(&beginning).into_iter().flatten());
        for segment in image.path().split('/') {
            beginning.push('/');
            beginning.push_str(segment);
            found.extend(self.by_beginning.get(&beginning).into_iter().flatten());
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::scope::{Location, Scope};
    use super::super::{Apply, Mode, Requirement, SubjectRule};
    use super::*;

    fn rule(images: &[String]) -> Rule {
        Rule {
            name: "rule".to_owned(),
            images: images.iter().map(|text| Scope::parse(text).unwrap()).collect(),
            except: Vec::new(),
            apply: Apply::Always,
            mode: Mode::Enforce,
            subject: SubjectRule::Index,
            require_digest: false,
            require_present: false,
            require: Requirement::Deny { pointer: String::new(), reason: String::new() },
        }
    }

    fn pattern() -> impl Strategy<Value = String> {
        let host =
            prop::sample::select(vec!["a.example", "A.example", "*.example", "**", "docker.io", "index.docker.io", "a.example:5000"]);
        let segment = prop::sample::select(vec!["a", "b", "a*", "*", "library"]);
        (host, prop::collection::vec(segment, 1..4), prop::sample::select(vec!["", "/**", ":v*"]))
            .prop_map(|(host, path, end)| format!("{host}/{}{end}", path.join("/")))
            .prop_filter("a pattern", |text| Scope::parse(text).is_ok())
    }

    fn image() -> impl Strategy<Value = String> {
        let host = prop::sample::select(vec!["a.example", "A.EXAMPLE", "b.example", "docker.io", "registry-1.docker.io", "a.example:5000"]);
        let segment = prop::sample::select(vec!["a", "b", "ab", "library"]);
        (host, prop::collection::vec(segment, 1..5)).prop_map(|(host, path)| format!("{host}/{}:v1", path.join("/")))
    }

    proptest! {
        /// What matches is never left out, and what is looked at stays in order.
        #[test]
        fn every_rule_that_matches_is_a_candidate(rules in prop::collection::vec(prop::collection::vec(pattern(), 1..3), 1..12), image in image()) {
            let rules: Vec<Rule> = rules.iter().map(|images| rule(images)).collect();
            let image: ImageRef = image.parse().unwrap();
            let candidates = Index::of(&rules).candidates(&image);
            prop_assert!(candidates.is_sorted());
            for (at, rule) in rules.iter().enumerate() {
                let matches = rule.matches(&image, &Location::Registry).is_some();
                prop_assert!(!matches || candidates.contains(&at), "{:?}", rule.images);
            }
        }
    }

    #[test]
    fn few_of_many_rules_are_looked_at() {
        let rules: Vec<Rule> = (0..1000).map(|at| rule(&[format!("a.example/team-{at}/**")])).collect();
        assert_eq!(Index::of(&rules).candidates(&"a.example/team-7/app:v1".parse().unwrap()), [7]);
    }
}
