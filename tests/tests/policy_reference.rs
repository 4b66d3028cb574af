//! `docs/policy-reference.md` has every field of the policy file, each with an example that loads.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use verimage::core::async_trait;
use verimage::{KeyReference, KeyResolver, KeyResolverError, PolicyLoader};
use verimage_tests::attacks::repository;
use verimage_tests::policy_reference::{MATERIAL, Reference, Schema};

#[test]
fn the_page_is_that_of_schema_and_examples() {
    let page = fs::read_to_string(repository().join("docs/policy-reference.md")).unwrap();
    assert!(page == Reference::read().page(), "docs/policy-reference.md is not that of the schema; `make policy-reference` writes it");
}

#[test]
fn every_object_has_a_section_and_every_field_an_example() {
    let (schema, reference) = (Schema::of_policies(), Reference::read());
    let sections: Vec<&String> =
        reference.sections.iter().flat_map(|section| std::iter::once(&section.schema).chain(&section.also)).collect();
    let objects = schema.objects();
    assert!(objects.len() > 20, "{objects:?}");
    assert_eq!(sections.iter().copied().collect::<BTreeSet<_>>(), objects.iter().collect());
    for section in &reference.sections {
        let shown: BTreeSet<&String> = section.examples.keys().collect();
        for place in std::iter::once(&section.schema).chain(&section.also) {
            let fields = schema.fields(place);
            assert_eq!(fields.iter().map(|field| &field.name).collect::<BTreeSet<_>>(), shown, "{place}");
        }
    }
}

#[test]
fn every_example_loads() {
    let reference = Reference::read();
    let folder = material();
    let loader = PolicyLoader::new().trust_stores(repository().join("tests/fixtures/notation/truststore"));
    let loader = loader.with_key_resolver(Arc::new(OneKey));
    let mut wrong = Vec::new();
    for section in &reference.sections {
        for field in section.examples.keys() {
            let policy = reference.policy_with(section, field).unwrap_or_else(|error| panic!("{}, {field}: {error}", section.title));
            let file = folder.path().join("policy.json");
            fs::write(&file, &policy).unwrap();
            if let Err(error) = loader.load(&file) {
                wrong.push(format!("{}, {field}: {error}\n  {policy}", section.title));
            }
        }
    }
    assert!(wrong.is_empty(), "{} examples:\n{}", wrong.len(), wrong.join("\n"));
}

/// A folder with what the examples call by file names.
fn material() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, fixture) in MATERIAL {
        fs::copy(repository().join("tests/fixtures").join(fixture), folder.path().join(name))
            .unwrap_or_else(|error| panic!("{fixture}: {error}"));
    }
    folder
}

/// Has the key of the examples, whoever asks for which.
#[derive(Debug)]
struct OneKey;

#[async_trait]
impl KeyResolver for OneKey {
    fn schemes(&self) -> &[&str] {
        &["env", "https"]
    }

    async fn resolve(&self, _: &KeyReference) -> Result<Vec<u8>, KeyResolverError> {
        Ok(fs::read(repository().join("tests/fixtures/cosign/keys/p256.pub")).unwrap())
    }

    fn waits(&self) -> bool {
        false
    }
}
