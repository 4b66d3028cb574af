//! Every member of other tools' policies counts: whichever of a sample is taken away or changed, the native form is another one
//! or there is none. Those that have no bearing on a verdict are named, and have none indeed.

use serde_json::Value;
use verimage::{PolicyError, PolicyLoader};
use verimage_import::Document;

/// A sample with as many members as go together.
struct Sample {
    name: &'static str,
    text: &'static str,
    /// Members that have no bearing on a verdict, with all below them.
    idle: &'static [&'static str],
    /// Members that say what holds without them.
    defaults: &'static [&'static str],
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "kyverno",
        text: include_str!("samples/kyverno.yaml"),
        idle: &[
            "/0/metadata/annotations",
            "/0/spec/background",
            "/0/spec/webhookTimeoutSeconds",
            "/1/spec/rules/0/verifyImages/0/mutateDigest",
        ],
        defaults: &[
            "/0/spec/failurePolicy",
            // Its only entry says otherwise.
            "/0/spec/validationFailureAction",
            "/0/spec/rules/0/verifyImages/0/attestors/1/entries/0/attestor/entries/0/keyless/rekor/url",
            // Without a namespace they are in each.
            "/2/metadata/namespace",
            "/3/metadata/namespace",
        ],
    },
    Sample {
        name: "image-validating",
        text: include_str!("samples/image-validating.yaml"),
        idle: &[
            "/spec/webhookConfiguration",
            "/spec/evaluation/background",
            // No log is asked.
            "/spec/attestors/1/cosign/ctlog/url",
            "/spec/matchConstraints/resourceRules/0/apiVersions",
            "/spec/validations/0/message",
        ],
        defaults: &[
            "/spec/failurePolicy",
            "/spec/evaluation",
            "/spec/evaluation/mode",
            "/spec/evaluation/admission",
            "/spec/evaluation/admission/enabled",
        ],
    },
    Sample {
        name: "cluster-image-policy",
        text: include_str!("samples/cluster-image-policy.yaml"),
        idle: &["/0/spec/authorities/0/name"],
        defaults: &["/0/spec/authorities/3/keyless/url", "/4/metadata/namespace", "/5/metadata/namespace"],
    },
    Sample {
        name: "connaisseur",
        text: include_str!("samples/connaisseur.yaml"),
        // With `trustRoot: "*"` no root is named.
        idle: &[
            "/application/features/cache",
            "/application/validators/2/trustRoots/2/name",
            "/application/validators/3/trustRoots/0/name",
            "/application/validators/3/trustRoots/1/name",
        ],
        defaults: &["/application/policy/3/with/verifyInTransparencyLog", "/application/policy/3/with/mode"],
    },
    Sample {
        name: "portieris",
        text: include_str!("samples/portieris.yaml"),
        // The verdict names the digest anyway.
        idle: &["/0/metadata/name", "/0/spec/repositories/0/policy/mutateImage"],
        defaults: &["/1/metadata/namespace", "/2/metadata/namespace", "/3/metadata/namespace"],
    },
    Sample { name: "notation", text: include_str!("samples/trustpolicy.json"), idle: &[], defaults: &[] },
    Sample { name: "containers", text: include_str!("samples/policy.json"), idle: &[], defaults: &[] },
];

fn native(document: &Value) -> Result<Value, PolicyError> {
    // A YAML stream is a list here.
    let documents = document.as_array().map_or_else(|| vec![document.clone()], Clone::clone);
    let text: Vec<String> = documents.iter().map(Value::to_string).collect();
    let text = PolicyLoader::new().convert(&text.join("\n---\n"))?;
    Ok(Document::parse(&text).unwrap().value().clone())
}

/// The pointers of everything below a value.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, member)| (name.replace('~', "~0").replace('/', "~1"), member)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        let pointer = format!("{at}/{name}");
        pointers(child, &pointer, all);
        all.push(pointer);
    }
}

fn without(document: &Value, pointer: &str) -> Value {
    let mut document = document.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Object(members) => drop(members.remove(&name.replace("~1", "/").replace("~0", "~"))),
        Value::Array(items) => drop(items.remove(name.parse().unwrap())),
        other => panic!("{pointer} is below {other}"),
    }
    document
}

/// The document with another value of the same kind there; nothing for maps and lists.
fn changed(document: &Value, pointer: &str) -> Option<Value> {
    let mut document = document.clone();
    let value = document.pointer_mut(pointer).unwrap();
    *value = match value {
        Value::String(text) => format!("{text}x").into(),
        Value::Bool(flag) => (!*flag).into(),
        Value::Number(number) => (number.as_i64().unwrap() + 1).into(),
        _ => return None,
    };
    Some(document)
}

fn retyped(document: &Value, pointer: &str) -> Value {
    let mut document = document.clone();
    let value = document.pointer_mut(pointer).unwrap();
    *value = if value.is_array() { Value::from(7) } else { serde_json::json!([[7]]) };
    document
}

/// Every document that differs from the sample in one member that counts.
fn mutations(sample: &Sample, document: &Value) -> Vec<(String, Value)> {
    let (mut all, mut mutations) = (Vec::new(), Vec::new());
    pointers(document, "", &mut all);
    let is_below = |pointer: &str, idle: &str| pointer.strip_prefix(idle).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    for pointer in all.iter().filter(|pointer| !sample.idle.iter().any(|idle| is_below(pointer, idle))) {
        if !sample.defaults.contains(&pointer.as_str()) {
            mutations.push((format!("{pointer} is taken away"), without(document, pointer)));
        }
        mutations.push((format!("{pointer} has another type"), retyped(document, pointer)));
        mutations.extend(changed(document, pointer).map(|document| (format!("{pointer} is changed"), document)));
    }
    mutations
}

/// Among the samples is a leaf of each scheme.
#[test]
fn the_samples_have_every_scheme() {
    let natives: Vec<String> =
        SAMPLES.iter().map(|sample| native(Document::parse_stream(sample.text).unwrap().value()).unwrap().to_string()).collect();
    for leaf in ["cosign", "notation", "notaryV1", "simpleSigning"] {
        assert!(natives.iter().any(|native| native.contains(&format!("\"{leaf}\":"))), "{leaf}");
    }
}

#[test]
fn every_member_counts() {
    let mut silent = Vec::new();
    for sample in SAMPLES {
        let document = Document::parse_stream(sample.text).unwrap().value().clone();
        let original = native(&document).unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        let mutations = mutations(sample, &document);
        assert!(mutations.len() > 50, "{}", sample.name);
        let without_effect = mutations.iter().filter(|(_, mutated)| native(mutated).as_ref() == Ok(&original));
        silent.extend(without_effect.map(|(what, _)| format!("{}: {what}", sample.name)));
        let idle = sample.idle.iter().map(|pointer| (pointer, changed(&document, pointer).unwrap_or_else(|| without(&document, pointer))));
        for (pointer, same) in idle.chain(sample.defaults.iter().map(|pointer| (pointer, without(&document, pointer)))) {
            assert_eq!(native(&same).as_ref(), Ok(&original), "{}: {pointer} counts", sample.name);
        }
    }
    assert!(silent.is_empty(), "nothing says so when\n{}", silent.join("\n"));
}
