//! The four kinds of files, of the shape that their role demands (specification section 2).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::{
    DelegationName, RoleName,
    envelope::{Envelope, Header},
    failure::{Check, Malformed},
    file_meta::FileMeta,
    key::Key,
    members::Members,
};

/// Which keys must sign for a role, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) key_ids: BTreeSet<String>,
    pub(crate) threshold: u64,
}

impl Authority {
    /// C6.
    fn read(members: &Members<'_>, keys: &Keys, name: &str) -> Result<Self, Malformed> {
        let roles = |detail: String| Malformed::new(Check::Roles, detail);
        let key_ids = members.texts_or_empty("keyids")?;
        let threshold = u64::try_from(members.integer("threshold")?).unwrap_or(0);
        if threshold < 1 {
            return Err(roles(format!("the threshold of {name} is below 1")));
        }
        match key_ids.iter().find(|id| !keys.0.contains_key(*id)) {
            Some(unknown) => Err(roles(format!("{name} lists the key {unknown:?}, which is not among the keys"))),
            None => Ok(Self { key_ids: key_ids.into_iter().collect(), threshold }),
        }
    }
}

/// The keys of a root, or of somebody who delegates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys(BTreeMap<String, Key>);

impl Keys {
    fn read(members: &Members<'_>) -> Result<Self, Malformed> {
        let keys = members.map_or_empty("keys")?.map(|(id, value)| Ok((id.clone(), Key::read(id, value)?)));
        keys.collect::<Result<_, _>>().map(Self)
    }

    /// The keys of a role; each stands once, however often it is listed.
    pub(crate) fn of(&self, authority: &Authority) -> Vec<&Key> {
        authority.key_ids.iter().filter_map(|id| self.0.get(id)).collect()
    }
}

/// `root.json`.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub(crate) header: Header,
    pub(crate) keys: Keys,
    pub(crate) root: Authority,
    pub(crate) timestamp: Authority,
    pub(crate) snapshot: Authority,
    pub(crate) targets: Authority,
}

impl Root {
    pub(crate) fn read(envelope: &Envelope) -> Result<Self, Malformed> {
        let signed = Members::of(&envelope.signed, "`signed`")?;
        let header = Header::read(&signed, "Root")?;
        let keys = Keys::read(&signed)?;
        let roles = signed.object("roles", "`roles`")?;
        let role = |name: &str| {
            let value = roles.required(name).map_err(|fault| Malformed { check: Check::Roles, ..fault })?;
            Authority::read(&Members::of(value, "a role")?, &keys, name)
        };
        let (root, timestamp, snapshot, targets) = (role("root")?, role("timestamp")?, role("snapshot")?, role("targets")?);
        Ok(Self { header, keys, root, timestamp, snapshot, targets })
    }

    /// Whether a newer root has other keys for a role of the server.
    pub(crate) fn is_renewed(&self, role: &RoleName, newer: &Self) -> bool {
        match role {
            RoleName::Timestamp => newer.timestamp.key_ids != self.timestamp.key_ids,
            RoleName::Snapshot => newer.snapshot.key_ids != self.snapshot.key_ids,
            _ => false,
        }
    }

    pub(crate) fn root_keys(&self) -> Vec<&Key> {
        self.keys.of(&self.root)
    }
}

/// `timestamp.json`.
#[derive(Clone, Debug)]
pub(crate) struct TimestampRole {
    pub(crate) header: Header,
    pub(crate) snapshot: FileMeta,
}

impl TimestampRole {
    pub(crate) fn read(envelope: &Envelope) -> Result<Self, Malformed> {
        let signed = Members::of(&envelope.signed, "`signed`")?;
        let header = Header::read(&signed, "Timestamp")?;
        let snapshot = FileMeta::read(signed.object("meta", "`meta`")?.required("snapshot")?)?;
        Ok(Self { header, snapshot })
    }
}

/// `snapshot.json`.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) header: Header,
    pub(crate) root: FileMeta,
    pub(crate) targets: FileMeta,
    /// Read when they are needed: an entry that nobody needs harms nobody.
    delegations: BTreeMap<DelegationName, Value>,
}

impl Snapshot {
    pub(crate) fn read(envelope: &Envelope) -> Result<Self, Malformed> {
        let signed = Members::of(&envelope.signed, "`signed`")?;
        let header = Header::read(&signed, "Snapshot")?;
        let meta = signed.object("meta", "`meta`")?;
        let (root, targets) = (FileMeta::read(meta.required("root")?)?, FileMeta::read(meta.required("targets")?)?);
        let entries = signed.map_or_empty("meta")?;
        let delegations = entries.filter_map(|(name, value)| Some((DelegationName::new(name).ok()?, value.clone()))).collect();
        Ok(Self { header, root, targets, delegations })
    }

    /// The file of a delegation; nothing if it was never published.
    pub(crate) fn delegation(&self, name: &DelegationName) -> Option<Result<FileMeta, Malformed>> {
        self.delegations.get(name).map(FileMeta::read)
    }
}

/// `targets.json`, and the file of every delegation.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    pub(crate) header: Header,
    /// Read when they are asked for.
    entries: Map<String, Value>,
    pub(crate) keys: Keys,
    pub(crate) delegations: BTreeMap<DelegationName, Delegation>,
}

impl Targets {
    /// The role must be known, because it may delegate to its direct children only (C12). The entries, which can be many, are
    /// taken out of what was signed.
    pub(crate) fn read(envelope: &mut Envelope, role: &RoleName) -> Result<Self, Malformed> {
        let signed = Members::of(&envelope.signed, "`signed`")?;
        let header = Header::read(&signed, "Targets")?;
        let mut targets = Self { header, entries: Map::new(), keys: Keys::default(), delegations: BTreeMap::new() };
        if let Some(members) = signed.object_or_absent("delegations", "`delegations`")? {
            targets.keys = Keys::read(&members)?;
            for value in members.list_or_empty("roles")? {
                targets.delegate(Delegation::read(value, &targets.keys, role)?)?;
            }
        }
        signed.object_or_absent("targets", "`targets`")?;
        if let Some(Value::Object(entries)) = envelope.signed.get_mut("targets").map(Value::take) {
            targets.entries = entries;
        }
        Ok(targets)
    }

    fn delegate(&mut self, delegation: Delegation) -> Result<(), Malformed> {
        match self.delegations.insert(delegation.name.clone(), delegation) {
            Some(twin) => Err(Malformed::new(Check::Delegation, format!("delegates to {} twice", twin.name))),
            None => Ok(()),
        }
    }

    pub(crate) fn entry(&self, target: &str) -> Option<&Value> {
        self.entries.get(target)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// What somebody delegates to whom.
#[derive(Clone, Debug)]
pub(crate) struct Delegation {
    pub(crate) name: DelegationName,
    pub(crate) authority: Authority,
    pub(crate) paths: Vec<String>,
}

impl Delegation {
    /// C12: the name is legal, and a direct child of the one who delegates. Keys are those of the one who delegates.
    fn read(value: &Value, keys: &Keys, parent: &RoleName) -> Result<Self, Malformed> {
        let members = Members::of(value, "a delegation")?;
        let text = members.text("name")?;
        let illegal = |why: &str| Malformed::new(Check::Delegation, format!("delegates to {text:?}, which is {why}"));
        let name = DelegationName::new(text).map_err(|_| illegal("no legal name"))?;
        let is_child = name.parent().map_or(RoleName::Targets, RoleName::Delegation) == *parent;
        if !is_child {
            return Err(illegal("not its direct child"));
        }
        Ok(Self { authority: Authority::read(&members, keys, text)?, paths: members.texts_or_empty("paths")?, name })
    }
}

/// The prefixes of target names that a role may sign (specification section 2): plain text, no patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reach(Vec<String>);

impl Reach {
    /// Everything, as `targets` has it.
    pub(crate) fn all() -> Self {
        Self(vec![String::new()])
    }

    /// What is left of the paths of a child: those that begin with one of these.
    pub(crate) fn narrowed(&self, paths: &[String]) -> Self {
        Self(paths.iter().filter(|path| self.allows(path)).cloned().collect())
    }

    pub(crate) fn allows(&self, target: &str) -> bool {
        self.0.iter().any(|prefix| target.starts_with(prefix.as_str()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_prefixes_and_narrow_downwards() {
        let paths = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let dev = Reach::all().narrowed(&paths(&["dev-", "test"]));
        assert!(dev.allows("dev-1") && dev.allows("dev-") && dev.allows("testing") && !dev.allows("v1") && !dev.allows("xdev-"));
        assert_eq!(dev.narrowed(&paths(&["dev-a", "prod-", ""])), Reach(paths(&["dev-a"])));
        assert!(dev.narrowed(&[]).is_empty() && !Reach(Vec::new()).allows(""));
        assert!(!Reach(paths(&["dev*"])).allows("dev-1"), "no patterns");
    }
}
