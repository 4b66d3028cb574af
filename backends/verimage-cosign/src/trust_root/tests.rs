use serde_json::{Value, json};
use verimage_crypto::{EcdsaEncoding, HashAlgorithm};

use super::*;
use crate::log::encoding::{base64_bytes, base64_text};
use crate::log::testing::RSA;

/// The key of the first test vector of RFC 8032, section 7.1.
const ED25519: &str = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
/// The base point of P-256.
const P256: &str =
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==";

fn root() -> Value {
    let authority = json!({"subject": {"organization": "o", "commonName": "c"}, "uri": "https://ca.example",
        "certChain": {"certificates": [{"rawBytes": "MAA="}, {"rawBytes": "MAE="}]},
        "validFor": {"start": "2022-04-13T20:06:15.000Z", "end": "2022-12-31T23:59:59.999Z"}, "operator": "example"});
    json!({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [log("AAAA"), log("AAAB")], "ctlogs": [log("AAAA")],
        "certificateAuthorities": [authority], "timestampAuthorities": [authority]})
}

fn log(id: &str) -> Value {
    json!({"baseUrl": "https://log.example", "hashAlgorithm": "SHA2_256", "logId": {"keyId": id}, "operator": "example",
        "publicKey": {"rawBytes": ED25519, "keyDetails": "PKIX_ED25519", "validFor": {"start": "2021-01-12T11:53:27+01:00"}},
        "checkpointKeyId": {"keyId": "AAAAAA=="}})
}

fn edited(pointer: &str, value: Value) -> Value {
    let mut root = root();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match root.pointer_mut(parent).unwrap() {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        object => drop(object.as_object_mut().unwrap().insert(key.to_owned(), value)),
    }
    root
}

fn read(root: &Value) -> Result<TrustRoot, TrustRootError> {
    TrustRoot::parse(root.to_string().as_bytes())
}

fn refusal(pointer: &str, value: Value) -> String {
    read(&edited(pointer, value)).unwrap_err().to_string()
}

#[test]
fn values_are_typed() {
    let read = read(&root()).unwrap();
    let log = &read.transparency_logs[1];
    assert_eq!(
        (log.base_url.as_str(), log.id.as_slice(), log.operator.as_deref()),
        ("https://log.example", &[0, 0, 1][..], Some("example"))
    );
    assert_eq!(log.checkpoint_key_id.as_deref(), Some(&[0; 4][..]));
    assert!(matches!(&log.key, LogKey::Usable { algorithm: Algorithm::Ed25519, .. }));
    assert_eq!(log.validity, Validity { start: Some("2021-01-12T10:53:27Z".parse().unwrap()), end: None });
    let authority = &read.certificate_authorities[0];
    assert_eq!(authority.chain, [vec![0x30, 0], vec![0x30, 1]]);
    assert_eq!((authority.organization.as_deref(), authority.common_name.as_deref()), (Some("o"), Some("c")));
    assert_eq!((authority.uri.as_deref(), authority.operator.as_deref()), (Some("https://ca.example"), Some("example")));
    assert_eq!((read.timestamp_authorities.len(), read.certificate_logs.len()), (1, 1));
}

#[test]
fn ranges_are_closed_and_have_fractions() {
    let validity = read(&root()).unwrap().certificate_authorities[0].validity;
    let at = |time: &str| validity.contains(time.parse().unwrap());
    assert!(at("2022-04-13T20:06:15Z") && at("2022-12-31T23:59:59.999Z"));
    assert!(!at("2022-04-13T20:06:14.999Z") && !at("2022-12-31T23:59:59.9991Z"));
    let open = Validity { start: None, end: None };
    assert!(open.contains(Timestamp::MIN) && open.contains(Timestamp::MAX));
}

#[test]
fn all_media_types_are_read() {
    for name in ["trustedroot+json;version=0.1", "trustedroot.v0.1+json", "trustedroot.v0.2+json"] {
        let media_type = format!("application/vnd.dev.sigstore.{name}");
        assert!(read(&edited("/mediaType", json!(media_type))).is_ok(), "{name}");
    }
    let client =
        json!({"mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json", "trustedRoot": root(), "signingConfig": {}});
    assert_eq!(read(&client), read(&root()));
    let empty = json!({"mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"});
    assert_eq!(read(&empty).unwrap_err().to_string(), "trustedRoot: is missing");
    let unknown = "mediaType: the media type `application/vnd.dev.sigstore.trustedroot.v0.3+json` is not that of a trusted root";
    assert_eq!(refusal("/mediaType", json!("application/vnd.dev.sigstore.trustedroot.v0.3+json")), unknown);
    assert!(refusal("/mediaType", Value::Null).starts_with("mediaType: "));
}

#[test]
fn unknown_fields_are_ignored_and_equal_keys_refused() {
    assert!(read(&edited("/news", json!(1))).is_ok());
    assert!(read(&edited("/tlogs/0/news", json!({}))).is_ok());
    let twice = root().to_string().replacen("\"baseUrl\"", "\"baseUrl\":\"x\",\"baseUrl\"", 1);
    let error = TrustRoot::parse(twice.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("trusted root: duplicate key `baseUrl`"), "{error}");
}

#[test]
fn refusals_name_the_entry() {
    for (pointer, value, expected) in [
        ("/tlogs/1/publicKey/validFor", json!({}), "tlogs[1].publicKey.validFor.start: is missing"),
        ("/ctlogs/0/publicKey/validFor", Value::Null, "ctlogs[0].publicKey.validFor.start: is missing"),
        (
            "/tlogs/1/publicKey/validFor/start",
            json!("yesterday"),
            "tlogs[1].publicKey.validFor.start: `yesterday` is not a time of RFC 3339",
        ),
        ("/tlogs/1/publicKey/validFor/end", json!("2020-01-01T00:00:00Z"), "tlogs[1].publicKey.validFor: ends before it starts"),
        ("/tlogs/1/publicKey/rawBytes", json!("MCow"), "tlogs[1].publicKey.rawBytes: the key cannot be read: public key is not valid DER"),
        ("/tlogs/1/publicKey/rawBytes", json!("_"), "tlogs[1].publicKey.rawBytes: is not base64, or empty"),
        ("/tlogs/1/publicKey", Value::Null, "tlogs[1].publicKey: is missing"),
        ("/tlogs/1/logId", Value::Null, "tlogs[1].logId.keyId: is missing"),
        ("/tlogs/1/logId", json!({"keyId": "AAAA"}), "tlogs[1].logId: is the same as `tlogs[0].logId`"),
        ("/tlogs/1/checkpointKeyId", json!({"keyId": "AAAA"}), "tlogs[1].checkpointKeyId.keyId: is too short"),
        ("/certificateAuthorities/0/certChain", Value::Null, "certificateAuthorities[0].certChain.certificates: is missing"),
        (
            "/timestampAuthorities/0/certChain/certificates/1",
            json!({}),
            "timestampAuthorities[0].certChain.certificates[1].rawBytes: is missing",
        ),
        (
            "/tlogs/1/publicKey/keyDetails",
            json!("PKIX_ECDSA_P256_SHA_256"),
            "tlogs[1].publicKey.keyDetails: `PKIX_ECDSA_P256_SHA_256` does not fit the Ed25519 key",
        ),
    ] {
        assert_eq!(refusal(pointer, value), expected);
    }
    assert!(refusal("/tlogs/1/baseUrl", json!(7)).starts_with("tlogs[1].baseUrl: invalid type"));
    assert!(refusal("/tlogs", json!(vec![log("AAAA"); 129])).starts_with("tlogs: has 129 entries"));
    let long = json!({"certificates": vec![json!({"rawBytes": "MAA="}); 17]});
    let expected = "certificateAuthorities[0].certChain.certificates: has 17 entries, at most 16 are read";
    assert_eq!(refusal("/certificateAuthorities/0/certChain", long), expected);
}

#[test]
fn a_key_of_another_type_leaves_the_others_usable() {
    for (pointer, value) in [("/tlogs/0/publicKey/keyDetails", json!("ML_DSA_65")), ("/tlogs/0/hashAlgorithm", json!("SHA2_512"))] {
        let read = read(&edited(pointer, value)).unwrap();
        assert!(matches!(read.transparency_logs[0].key, LogKey::Unusable { .. }));
        assert!(matches!(read.transparency_logs[1].key, LogKey::Usable { .. }));
    }
}

/// Old roots name RSA keys so.
#[test]
fn rsa_keys_may_stand_in_pkcs_1() {
    let spki = base64_bytes(RSA).unwrap();
    let key = PublicKey::from_spki_der(&spki).unwrap();
    for (bytes, details, fits) in [
        (key.subject_public_key(), "PKCS1_RSA_PKCS1V5", true),
        (key.spki_der(), "PKIX_RSA_PKCS1V5", true),
        (key.spki_der(), "PKCS1_RSA_PKCS1V5", false),
        (key.subject_public_key(), "PKIX_RSA_PKCS1V5", false),
    ] {
        let mut root = edited("/ctlogs/0/publicKey/rawBytes", json!(base64_text(bytes)));
        root["ctlogs"][0]["publicKey"]["keyDetails"] = json!(details);
        assert_eq!(read(&root).is_ok(), fits, "{details}");
    }
}

#[test]
fn times_are_those_of_rfc_3339() {
    let reads = |text: &str| read(&edited("/certificateAuthorities/0/validFor", json!({ "start": text }))).is_ok();
    assert!(["2022-01-01T00:00:00Z", "2022-01-01T00:00:00.5Z", "2022-01-01T00:00:00-07:00"].iter().all(|text| reads(text)));
    for text in [
        "2022-01-01 00:00:00Z",
        "2022-01-01T00:00:00",
        "2022-01-01T00:00:00Z[UTC]",
        "20220101T000000Z",
        "2022-01-01",
        "2022-01-01T00Z",
        "2022-01-01T00:00Z",
        "+002022-01-01T00:00:00Z",
        "2022-01-01T00:00:00+07",
        "2022-13-01T00:00:00Z",
        "",
    ] {
        assert!(!reads(text), "{text}");
    }
}

#[test]
fn ecdsa_keys_sign_with_the_hash_of_their_type() {
    let mut root = edited("/tlogs/0/publicKey/rawBytes", json!(P256));
    root["tlogs"][0]["publicKey"]["keyDetails"] = json!("PKIX_ECDSA_P256_SHA_256");
    let expected = Algorithm::Ecdsa { hash: HashAlgorithm::Sha256, encoding: EcdsaEncoding::Der };
    assert!(matches!(&read(&root).unwrap().transparency_logs[0].key, LogKey::Usable { algorithm, .. } if *algorithm == expected));
}
