//! A collection to be published, right or wrong, and the server that holds it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use verimage_tuf::{Answer, Request, RoleFile, canonical_json};

use crate::{
    base64,
    sign::{Certificate, Key, Signer},
};

pub const GUN: &str = "registry.example.com/team/app";
pub const EXPIRES: &str = "2030-01-01T00:00:00Z";

/// The digest of the bytes of a text.
pub fn digest(text: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

/// The root key of good collections, certified for them.
pub fn root_key(name: &'static str) -> Signer {
    let key = Key::P256(name);
    Signer::certified(key, &[Certificate::new(GUN, key).self_signed()])
}

type Edit = Box<dyn Fn(&mut Value)>;

/// A role to be signed.
pub struct Role {
    pub signed: Value,
    pub signers: Vec<Signer>,
    /// Before it is signed.
    amend: Vec<Edit>,
    /// After it was signed, before others name it.
    tamper: Vec<Edit>,
}

impl Role {
    fn new(kind: &str, signer: Signer) -> Self {
        let signed = json!({"_type": kind, "version": 1, "expires": EXPIRES});
        Self { signed, signers: vec![signer], amend: Vec::new(), tamper: Vec::new() }
    }

    pub fn amend(&mut self, edit: impl Fn(&mut Value) + 'static) {
        self.amend.push(Box::new(edit));
    }

    pub fn tamper(&mut self, edit: impl Fn(&mut Value) + 'static) {
        self.tamper.push(Box::new(edit));
    }

    pub fn version(&mut self, version: u64) {
        self.signed["version"] = version.into();
    }

    fn publish(&self, mut signed: Value) -> Vec<u8> {
        self.amend.iter().for_each(|edit| edit(&mut signed));
        // What no client could sign is signed as it is written.
        let message = canonical_json(signed.to_string().as_bytes()).unwrap_or_else(|_| signed.to_string().into_bytes());
        let signatures: Vec<_> = self.signers.iter().map(|signer| signer.sign(&message)).collect();
        let mut envelope = json!({"signed": signed, "signatures": signatures});
        self.tamper.iter().for_each(|edit| edit(&mut envelope));
        envelope.to_string().into_bytes()
    }
}

/// A collection to be published.
pub struct Repository {
    pub root: Role,
    pub timestamp: Role,
    pub snapshot: Role,
    pub targets: Role,
    pub delegations: BTreeMap<&'static str, Role>,
}

impl Default for Repository {
    /// One that is right, with the tag `v1`.
    fn default() -> Self {
        let mut repository = Self {
            root: Role::new("Root", root_key("root")),
            timestamp: Role::new("Timestamp", Signer::bare(Key::P256("timestamp"))),
            snapshot: Role::new("Snapshot", Signer::bare(Key::P256("snapshot"))),
            targets: Role::new("Targets", Signer::bare(Key::P256("targets"))),
            delegations: BTreeMap::new(),
        };
        repository.targets.signed["targets"] = json!({"v1": entry("v1")});
        repository.list_keys();
        repository
    }
}

/// The entry of a target whose manifest is this text, 1000 bytes long as all of them.
pub fn entry(text: &str) -> Value {
    json!({"length": 1000, "hashes": {"sha256": base64(&Sha256::digest(text))}})
}

impl Repository {
    /// Lists the signers of every role in the root, with a threshold of 1.
    pub fn list_keys(&mut self) {
        let roles = [("root", &self.root), ("timestamp", &self.timestamp), ("snapshot", &self.snapshot), ("targets", &self.targets)];
        let keys: serde_json::Map<_, _> =
            roles.iter().flat_map(|(_, role)| &role.signers).map(|signer| (signer.id(), signer.listed())).collect();
        let authority = |role: &Role| json!({"keyids": role.signers.iter().map(Signer::id).collect::<Vec<_>>(), "threshold": 1});
        let authorities: serde_json::Map<_, _> = roles.iter().map(|(name, role)| ((*name).to_owned(), authority(role))).collect();
        self.root.signed["consistent_snapshot"] = false.into();
        (self.root.signed["keys"], self.root.signed["roles"]) = (keys.into(), authorities.into());
    }

    /// With other signers of a role, listed in the root.
    pub fn signed_by(mut self, role: &str, signers: Vec<Signer>) -> Self {
        match role {
            "root" => self.root.signers = signers,
            "timestamp" => self.timestamp.signers = signers,
            "snapshot" => self.snapshot.signers = signers,
            _ => self.targets.signers = signers,
        }
        self.list_keys();
        self
    }

    pub fn threshold(&mut self, role: &str, threshold: u64) {
        self.root.signed["roles"][role]["threshold"] = threshold.into();
    }

    /// Every version of every role but the root.
    pub fn versions(&mut self, version: u64) {
        for role in [&mut self.timestamp, &mut self.snapshot, &mut self.targets] {
            role.version(version);
        }
    }

    /// Delegates from `targets` or from another delegation to a key of this name.
    pub fn delegate(&mut self, name: &'static str, key: &'static str, paths: &[&str]) -> &mut Role {
        let signer = Signer::bare(Key::P256(key));
        let parent = name.rsplit_once('/').unwrap().0;
        let parent = self.delegations.get_mut(parent).unwrap_or(&mut self.targets);
        if parent.signed["delegations"].is_null() {
            parent.signed["delegations"] = json!({"keys": {}, "roles": []});
        }
        let delegations = &mut parent.signed["delegations"];
        delegations["keys"][signer.id()] = signer.listed();
        delegations["roles"].as_array_mut().unwrap().push(json!({"name": name, "keyids": [signer.id()], "threshold": 1, "paths": paths}));
        self.delegations.insert(name, Role::new("Targets", signer));
        self.delegations.get_mut(name).unwrap()
    }

    /// Delegates without restriction, with one tag.
    pub fn delegate_tag(&mut self, name: &'static str, key: &'static str, tag: &str, text: &str) -> &mut Role {
        let role = self.delegate(name, key, &[""]);
        role.signed["targets"] = json!({tag: entry(text)});
        role
    }

    pub fn publish(&self) -> Server {
        let mut files = BTreeMap::new();
        let mut meta = serde_json::Map::new();
        let mut add = |name: &str, bytes: Vec<u8>| {
            meta.insert(name.to_owned(), file_meta(&bytes));
            files.insert(format!("{name}.json"), bytes);
        };
        add("root", self.root.publish(self.root.signed.clone()));
        add("targets", self.targets.publish(self.targets.signed.clone()));
        self.delegations.iter().for_each(|(name, role)| add(name, role.publish(role.signed.clone())));
        let with_meta = |role: &Role, meta: Value| {
            let mut signed = role.signed.clone();
            signed["meta"] = meta;
            role.publish(signed)
        };
        let snapshot = with_meta(&self.snapshot, meta.into());
        let timestamp = with_meta(&self.timestamp, json!({"snapshot": file_meta(&snapshot)}));
        files.extend([("snapshot.json".to_owned(), snapshot), ("timestamp.json".to_owned(), timestamp)]);
        Server { files, unreachable: Vec::new(), reads_on: false }
    }
}

fn file_meta(bytes: &[u8]) -> Value {
    let hashes = json!({"sha256": base64(&Sha256::digest(bytes)), "sha512": base64(&sha2::Sha512::digest(bytes))});
    json!({"length": bytes.len(), "hashes": hashes})
}

/// A server. For a name with a hash it gives the plain file, whatever that is.
#[derive(Clone)]
pub struct Server {
    pub files: BTreeMap<String, Vec<u8>>,
    pub unreachable: Vec<&'static str>,
    /// Gives more bytes than are asked for.
    pub reads_on: bool,
}

impl Server {
    pub fn fetch(&self, request: &Request) -> Answer {
        let exact = request.file.to_string();
        let plain = if matches!(request.file, RoleFile::RootVersion(_)) { exact.clone() } else { format!("{}.json", request.file.role()) };
        if self.unreachable.contains(&plain.as_str()) {
            return Answer::Unreachable;
        }
        match self.files.get(&exact).or_else(|| self.files.get(&plain)) {
            None => Answer::Absent,
            Some(bytes) if bytes.len() as u64 > request.max_bytes && !self.reads_on => Answer::TooLarge,
            Some(bytes) => Answer::Bytes(bytes.clone().into()),
        }
    }

    pub fn put(&mut self, name: &str, other: &Server) {
        self.files.insert(name.to_owned(), other.files[name].clone());
    }

    pub fn without(mut self, name: &str) -> Self {
        self.files.remove(name).unwrap();
        self
    }
}

/// Roots one after the other: the server has the last one as `root.json`, and all as `N.root.json`.
pub fn rotate(roots: Vec<Repository>) -> Server {
    let mut servers: Vec<_> = roots.iter().map(Repository::publish).collect();
    let mut newest = servers.pop().unwrap();
    let root = newest.files["root.json"].clone();
    let roots_before = servers.into_iter().map(|server| server.files["root.json"].clone());
    for (index, root) in roots_before.chain([root]).enumerate() {
        newest.files.insert(format!("{}.root.json", index + 1), root);
    }
    newest
}
