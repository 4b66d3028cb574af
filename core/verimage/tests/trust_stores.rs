//! Trust stores of the Notary Project that policies name (trust store and trust policy specification, "Trust Store").
#![cfg(feature = "notation")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use verimage::{Code, FolderMaterial, Policy, PolicyError, PolicyLoader};

const TRUST_POLICY: &str = r#"{"version": "1.0", "trustPolicies": [{"name": "all", "registryScopes": ["*"],
    "signatureVerification": {"level": "strict"}, "trustStores": ["ca:acme"], "trustedIdentities": ["*"]}]}"#;

/// A folder of trust stores, one of them there: `ca:acme` with one certificate.
struct Stores(TempDir);

impl Stores {
    fn new() -> Self {
        let stores = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(stores.acme()).unwrap();
        fs::copy(certificate("root"), stores.acme().join("root.pem")).unwrap();
        stores
    }

    fn acme(&self) -> PathBuf {
        self.0.path().join("x509/ca/acme")
    }

    fn load(&self, text: &str) -> Result<Policy, PolicyError> {
        let material = FolderMaterial::new(None).trust_stores(Some(self.0.path().to_owned()));
        PolicyLoader::new().load_text(text, "text", &material)
    }

    fn refusal(&self) -> String {
        let error = self.load(TRUST_POLICY).unwrap_err();
        assert_eq!((error.code, error.pointer.as_str()), (Code::PolicyInvalid, "/trustPolicies/0/trustStores/0"));
        error.message
    }
}

fn certificate(name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/notation/certificates");
    fixtures.join(name).with_extension("pem")
}

fn der(name: &str) -> Vec<u8> {
    let pem = fs::read(certificate(name)).unwrap();
    verimage_crypto::x509::Certificate::from_pem(&pem).unwrap().der().to_owned()
}

#[test]
fn a_trust_policy_finds_its_store() {
    let policy = Stores::new().load(TRUST_POLICY).unwrap();
    assert_eq!(policy.rules().iter().map(|rule| rule.name()).collect::<Vec<_>>(), ["all"]);
}

#[test]
fn every_file_of_a_store_counts_whatever_its_form() {
    let (one, der_file, pem_file) = (Stores::new(), Stores::new(), Stores::new());
    fs::write(der_file.acme().join("other.crt"), der("other-root")).unwrap();
    fs::copy(certificate("other-root"), pem_file.acme().join("other.pem")).unwrap();
    let [one, der_file, pem_file] = [one, der_file, pem_file].map(|stores| stores.load(TRUST_POLICY).unwrap().material_digest().clone());
    assert_ne!(one, der_file);
    assert_eq!(der_file, pem_file);
}

#[test]
fn a_store_that_is_not_there_or_empty_is_refused() {
    let stores = Stores::new();
    fs::remove_file(stores.acme().join("root.pem")).unwrap();
    assert!(stores.refusal().contains("no x509 certificates were found"));
    fs::remove_dir(stores.acme()).unwrap();
    assert!(stores.refusal().contains("does not exist"));
}

#[test]
fn links_are_refused() {
    let stores = Stores::new();
    symlink(certificate("other-root"), stores.acme().join("other.pem")).unwrap();
    assert!(stores.refusal().contains("other.pem` is not a regular file"));
    fs::remove_file(stores.acme().join("other.pem")).unwrap();
    fs::rename(stores.acme(), stores.0.path().join("elsewhere")).unwrap();
    symlink(stores.0.path().join("elsewhere"), stores.acme()).unwrap();
    assert!(stores.refusal().contains("is not a regular directory"));
}

/// The reference refuses them; the specification passes over them, and what is in them is not trusted.
#[test]
fn folders_in_a_store_are_passed_over() {
    let (stores, plain) = (Stores::new(), Stores::new());
    fs::create_dir(stores.acme().join("deeper")).unwrap();
    fs::copy(certificate("other-root"), stores.acme().join("deeper/other.pem")).unwrap();
    let [stores, plain] = [stores, plain].map(|stores| stores.load(TRUST_POLICY).unwrap().material_digest().clone());
    assert_eq!(stores, plain);
}

#[test]
fn a_file_without_certificates_is_named() {
    let stores = Stores::new();
    fs::write(stores.acme().join("notes.txt"), "nothing").unwrap();
    assert!(stores.refusal().contains("notes.txt` holds no certificates"));
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let stores = Stores::new();
    fs::copy(certificate("root"), stores.0.path().join("x509/root.pem")).unwrap();
    for name in ["..", "../acme", "acme/", "/", ""] {
        let text = format!(
            r#"{{"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": {{"acme": {{"x509": {{"trustStore": "{name}", "type": "ca"}}}}}},
            "rules": [{{"name": "all", "images": ["**/**"], "require": {{"notation": {{"stores": ["acme"], "identities": ["*"]}}}}}}]}}"#
        );
        let error = stores.load(&text).unwrap_err();
        assert_eq!(error.pointer, "/trust/acme/x509/trustStore");
        assert!(error.message.contains("is no name of a trust store"), "{}", error.message);
        assert!(stores.load(&text.replace(&format!(r#""trustStore": "{name}""#), r#""trustStore": "acme""#)).is_ok());
    }
}

#[test]
fn without_a_folder_there_is_nothing_to_trust() {
    let error = PolicyLoader::new().load_text(TRUST_POLICY, "text", &FolderMaterial::default()).unwrap_err();
    assert!(error.message.contains("no folder of trust stores is known"), "{}", error.message);
}

#[test]
fn certificates_are_said_in_one_way() {
    let both = r#"{"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": {"acme": {"x509": {"trustStore": "acme", "file": "a.pem", "type": "ca"}}},
        "rules": [{"name": "all", "images": ["**/**"], "require": {"notation": {"stores": ["acme"], "identities": ["*"]}}}]}"#;
    assert_eq!(Stores::new().load(both).unwrap_err().message, "`x509` has exactly one of `pem`, `file` and `trustStore`");
}
