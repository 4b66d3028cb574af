//! Section "Store layout": what a trust store may hold.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use notation_rs::{StoreName, StoreType, TrustStore, TrustStoreError};
use verimage_crypto::CryptoSet;

use crate::{
    refused,
    sign::{
        Draft, Key, Pki,
        certificate::{BASIC_CONSTRAINTS, CRL_SIGN, INTERMEDIATE, KEY_USAGE, ROOT, basic_constraints, key_usage, name},
    },
};

fn load(store_type: StoreType, files: &[Vec<u8>]) -> Result<TrustStore, TrustStoreError> {
    let files = files.iter().map(|bytes| ("a.crt", bytes.as_slice()));
    TrustStore::new(store_type, StoreName::new("test").unwrap(), files, &CryptoSet::rustcrypto())
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn pki() -> Pki {
    Pki::new(Key::P256("leaf"))
}

#[test]
fn pem_bundles_and_der_are_read() {
    let [_, intermediate, root] = pki().chain().try_into().unwrap();
    let bundle = format!("subject: x\n{}\n{}", pem("CERTIFICATE", &intermediate), pem("CERTIFICATE", &root)).into_bytes();
    assert_eq!(load(StoreType::Ca, &[bundle]).unwrap().certificates().len(), 2);
    assert_eq!(load(StoreType::Ca, std::slice::from_ref(&root)).unwrap().certificates().len(), 1);
    assert_eq!(load(StoreType::Ca, &[[intermediate, root].concat()]).unwrap().certificates().len(), 2);
}

#[test]
fn what_is_no_certificate_is_refused() {
    let root = pki().chain()[2].clone();
    for bad in [
        Vec::new(),
        b"text".to_vec(),
        pem("PRIVATE KEY", &root).into_bytes(),
        pem("CERTIFICATE", b"x").into_bytes(),
        [&root[..], &[0]].concat(),
    ] {
        refused!(load(StoreType::Ca, &[root.clone(), bad]), TrustStoreError::Unreadable { .. });
    }
    refused!(load(StoreType::Ca, &[]), TrustStoreError::Empty { .. });
}

/// An integrator's own store once trusted any certificate in it (Ratify, issue 694).
#[test]
fn leaves_of_others_are_refused() {
    let leaf = pki().chain()[0].clone();
    for store_type in StoreType::ALL {
        let outcome = load(store_type, std::slice::from_ref(&leaf));
        assert!(matches!(outcome, Err(TrustStoreError::NotTrustable { .. } | TrustStoreError::NotRoot { .. })), "{store_type}");
    }
}

#[test]
fn signing_certificates_of_their_own_are_accepted() {
    let key = Key::P256("leaf");
    let own = Draft::new("leaf", "leaf", key).with(key_usage(true, 0x80));
    for store_type in [StoreType::Ca, StoreType::SigningAuthority] {
        assert!(load(store_type, &[own.der(key)]).is_ok());
        refused!(load(store_type, &[own.der(ROOT)]), TrustStoreError::NotTrustable { .. });
    }
    refused!(load(StoreType::Tsa, &[own.der(key)]), TrustStoreError::NotRoot { .. });
}

#[test]
fn timestamps_have_roots_only() {
    assert!(load(StoreType::Tsa, &[pki().chain()[2].clone()]).is_ok());
    refused!(load(StoreType::Tsa, &[pki().chain()[1].clone()]), TrustStoreError::NotRoot { .. });
    refused!(load(StoreType::Tsa, &[pki().root.der(INTERMEDIATE)]), TrustStoreError::NotRoot { .. });
    for root in [
        pki().root.replacing(BASIC_CONSTRAINTS, basic_constraints(false, true, None)),
        pki().root.without(KEY_USAGE),
        pki().root.replacing(KEY_USAGE, key_usage(true, CRL_SIGN)),
    ] {
        refused!(load(StoreType::Tsa, &[root.der(ROOT)]), TrustStoreError::NotRoot { .. });
    }
    let mut renamed = pki().root;
    renamed.issuer = name("another");
    refused!(load(StoreType::Tsa, &[renamed.der(ROOT)]), TrustStoreError::NotRoot { .. });
}

/// Certificates that were taken out of a store kept verifying (Ratify, issue 1699).
#[test]
fn a_store_that_is_loaded_again_replaces_the_old_one() {
    use crate::sign::Jws;
    use notation_rs::{TrustStores, verify::CheckError};
    let mut stores: TrustStores = crate::stores();
    let bytes = Jws::new(Key::P256("leaf")).build();
    let statement = crate::strict();
    let verify = |stores: &TrustStores| {
        let verification = notation_rs::verify::Verification::new(&statement, stores, CryptoSet::rustcrypto());
        let material = notation_rs::revocation::Material::new();
        verification.verify(notation_rs::envelope::Format::Jws, &bytes, crate::EXPECTED, crate::at(crate::NOW), &material)
    };
    assert!(verify(&stores).is_trusted());
    let key = Key::P256("another");
    stores.insert(crate::store(StoreType::Ca, &[Draft::authority("another", "another", key).der(key)]));
    assert_eq!(verify(&stores).failure(), Some(&CheckError::Untrusted));
}
