//! What to say about a scheme that nobody resolves.

use crate::keys::{KeyReference, KeyResolverError};

/// The key services that cosign asks itself.
const CLOUD: [(&str, &str); 4] =
    [("awskms", "AWS KMS"), ("azurekms", "Azure Key Vault"), ("gcpkms", "Google Cloud KMS"), ("hashivault", "HashiCorp Vault")];
/// What other builds resolve.
const OF_FEATURES: [(&str, &str); 5] =
    [("https", "remote-keys"), ("http", "remote-keys"), ("gitlab", "remote-keys"), ("k8s", "remote-keys"), ("pkcs11", "pkcs11")];

pub(crate) fn refusal(reference: &KeyReference) -> KeyResolverError {
    let scheme = reference.scheme();
    let name_of = |table: &[(&'static str, &'static str)]| table.iter().find(|(known, _)| *known == scheme).map(|(_, name)| *name);
    let export = format!(
        "export the key with `cosign public-key --key {reference} > cosign.pub` and name that file, or give the loader a `KeyResolver`"
    );
    let message = if let Some(service) = name_of(&CLOUD) {
        format!("the key `{reference}` is in {service}, and no resolver for `{scheme}` is configured")
    } else if let Some(feature) = name_of(&OF_FEATURES) {
        let built = scheme == "pkcs11" && cfg!(feature = "pkcs11");
        let lacks = if built {
            "`COSIGN_PKCS11_MODULE_PATH` names no module".to_owned()
        } else {
            format!("this build of verimage is without `{feature}`")
        };
        format!("the key `{reference}` cannot be resolved: {lacks}")
    } else if scheme == "file" {
        return KeyResolverError::invalid("a key reference is for keys that are in no file").with_hint("write the path under `file`");
    } else {
        format!(
            "no resolver for the scheme `{scheme}` is configured; cosign would start a plugin `sigstore-kms-{scheme}`, verimage starts none"
        )
    };
    KeyResolverError::invalid(message).with_hint(export)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_named_with_what_to_do() {
        for (text, says, hint) in [
            ("awskms:///alias/a", "AWS KMS", "cosign public-key --key awskms:///alias/a > cosign.pub"),
            ("gcpkms://projects/p", "Google Cloud KMS", "`KeyResolver`"),
            ("azurekms://vault/key", "Azure Key Vault", "`KeyResolver`"),
            ("hashivault://key", "HashiCorp Vault", "`KeyResolver`"),
            ("pkcs11:object=key", "cannot be resolved: ", "cosign public-key --key pkcs11:object=key"),
            ("acme://key", "`sigstore-kms-acme`", "`KeyResolver`"),
            ("file:///cosign.pub", "no file", "`file`"),
        ] {
            let refused = refusal(&KeyReference::parse(text).unwrap());
            assert!(refused.message.contains(says), "{refused}");
            assert!(refused.hint.is_some_and(|found| found.contains(hint)), "{text}");
        }
    }
}
