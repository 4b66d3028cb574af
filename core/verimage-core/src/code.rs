//! The stable failure codes: one table for code, class, rank, meaning and remedy.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::want::StoreErrorKind;

/// What a code means for the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CodeClass {
    /// Proof is missing or wrong.
    Deny,
    /// It could not be found out.
    Inconclusive,
    /// The policy cannot be used; nothing was asked.
    LoadError,
}

macro_rules! codes {
    ($($variant:ident $text:literal $class:ident $rank:literal $meaning:literal $remedy:literal;)+) => {
        /// Why something was not allowed. Codes are added, never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $meaning] $variant,)+
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)+];

            /// The stable text, kebab-case.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)+ }
            }

            /// What the code means for the decision.
            pub fn class(self) -> CodeClass {
                match self { $(Code::$variant => CodeClass::$class,)+ }
            }

            /// Which code is told when one must be chosen: the highest, that is the furthest on the way to a pass.
            pub fn rank(self) -> u8 {
                match self { $(Code::$variant => $rank,)+ }
            }

            /// One sentence on what happened.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$variant => $meaning,)+ }
            }

            /// One sentence on what to do.
            pub fn remedy(self) -> &'static str {
                match self { $(Code::$variant => $remedy,)+ }
            }
        }
    };
}

codes! {
    SignatureNotFound "signature-not-found" Deny 10 "No signature was found where the policy looks." "Sign the image; if its signatures are in another place, name that place in the policy.";
    AttestationNotFound "attestation-not-found" Deny 12 "No attestation of the demanded type and signer was found." "Attest the image with this predicate type, or name the place of its attestations under `stores`.";
    KeyUnsupported "key-unsupported" Deny 20 "The key or its algorithm is not one that this scheme uses." "Use a key type that the scheme's page lists.";
    PayloadMalformed "payload-malformed" Deny 25 "A signature, its envelope or its payload is not well formed." "Sign again with a current tool; the detail names what is wrong.";
    CertificateMalformed "certificate-malformed" Deny 27 "A certificate of the signature cannot be read." "Sign again with a certificate in its standard form; the detail names the part.";
    SignatureInvalid "signature-invalid" Deny 30 "The signature does not verify with the expected key." "Check that the policy holds the key that signed, and that nothing changed the signature.";
    CertificateUntrusted "certificate-untrusted" Deny 32 "No trusted authority issued the signer's certificate for this purpose, or the root of its metadata is another one than is pinned." "Check which authority or root it is, and that the policy names that one.";
    CertificateExpired "certificate-expired" Deny 34 "A certificate was not valid when the signature was made." "Sign with a valid certificate and a proof of the time of signing; if the proof is there, check the clock of the signer.";
    CertificateRevoked "certificate-revoked" Deny 35 "A certificate was revoked." "Sign again with a certificate that was not; ask who revoked this one and why.";
    SignatureExpired "signature-expired" Deny 36 "The signature has passed the time that its signer set." "Sign again; the signer said that the signature should not count any longer.";
    IdentityMismatch "identity-mismatch" Deny 38 "The certificate names another signer than the policy demands." "Compare the names in the detail with `identities`; patterns match whole names.";
    SubjectMismatch "subject-mismatch" Deny 40 "The signature is sound but names another digest." "Sign the digest that the reference names; a signature of an index does not cover its manifests.";
    TagDigestMismatch "tag-digest-mismatch" Deny 42 "The signed digest of the tag is not the one that is there, or signers do not agree on it." "Find out who moved the tag; if the registry is right, sign the tag anew.";
    ReferenceMismatch "reference-mismatch" Deny 50 "The signature names another repository or tag than the policy demands." "Sign under the name that is pulled, or relax `reference`.";
    AnnotationMismatch "annotation-mismatch" Deny 52 "A demanded annotation is missing from the signature or has another value." "Sign with the annotation, or change `annotations`.";
    LogMissing "log-missing" Deny 60 "No transparency log entry proves the signature." "Sign with a log entry, or set `transparency: none` if the log is not wanted.";
    LogProofInvalid "log-proof-invalid" Deny 61 "The transparency log's proof is wrong, or not signed by the log." "Check that the trusted root is current; if it is, somebody changed the proof.";
    LogEntryMismatch "log-entry-mismatch" Deny 62 "The transparency log entry is for another signature, key or digest." "Sign again; an entry never serves two signatures.";
    TimestampMissing "timestamp-missing" Deny 63 "Nothing trusted says when the signature was made." "Sign with a transparency log entry or a timestamp of an authority that the policy trusts.";
    TimestampInvalid "timestamp-invalid" Deny 64 "A timestamp is wrong, of an unknown authority, or in the future." "Check that the policy trusts the authority, and that this machine's clock is right.";
    SctMissing "sct-missing" Deny 65 "No known certificate transparency log vouches for the certificate." "Check that the trusted root is current, or set `sct: none` for an authority without such logs.";
    SctInvalid "sct-invalid" Deny 66 "A certificate transparency log's promise is wrong." "Check that the trusted root is current; if it is, the certificate was tampered with.";
    AttestationConditionFailed "attestation-condition-failed" Deny 68 "An attestation is sound, but does not say what the policy demands." "The detail names the condition and what was found.";
    PluginRequired "plugin-required" Deny 69 "The signature wants a plugin, or an attribute understood, that is not at hand." "Give the plugin's logic to the library, or sign without it.";
    ThresholdNotMet "threshold-not-met" Deny 70 "Fewer distinct signers than demanded." "Have another signer sign; equal keys count once.";
    DelegationMissing "delegation-missing" Deny 72 "A signer that the policy demands has no role for the image, or has not signed it." "Have that signer sign the tag, or change `delegations`.";
    MetadataInvalid "metadata-invalid" Deny 74 "Trust metadata is not well formed, not signed as its root demands, or does not fit together." "Try again; if it stays, do not trust the server that offers it, and compare with another one.";
    MetadataExpired "metadata-expired" Deny 75 "Trust metadata is past its expiry." "Check the clock; then find out why the server holds old metadata, or have its owner publish anew.";
    RollbackDetected "rollback-detected" Deny 76 "A server offers older trust metadata than it did before." "Do not trust the server; if its owner began anew on purpose, remove what was kept of it.";
    ImageNotFound "image-not-found" Inconclusive 80 "The image is not at its place." "Check the reference, and that the image was pushed.";
    StoreUnavailable "store-unavailable" Inconclusive 82 "A place could not be reached, or its answer could not be used." "Check the address, the network and the certificates, then try again.";
    StoreRateLimited "store-rate-limited" Inconclusive 83 "A registry asks to come back later." "Wait, or sign in for a higher quota.";
    StoreUnauthorized "store-unauthorized" Inconclusive 84 "A registry refused the credentials, or there were none." "Sign in to the registry, or pass its credentials.";
    TrustStateUnreadable "trust-state-unreadable" Inconclusive 85 "What was kept of earlier trust metadata cannot be read." "Restore the file, or remove it; removing it forgets which versions were seen.";
    LimitExceeded "limit-exceeded" Inconclusive 86 "More bytes, signatures or rounds than allowed." "Look at who wrote to the repository; raise the limit only if the size is right.";
    DeadlineExceeded "deadline-exceeded" Inconclusive 87 "The time allowed was over before the answer was known." "Raise the timeout, or look for what is slow.";
    RevocationUnknown "revocation-unknown" Deny 88 "Nobody could say whether a certificate was revoked." "Check that the responders and lists in the certificates can be reached, or relax `revocation`.";
    PolicyNoMatch "policy-no-match" Deny 90 "No rule of the policy matches the image." "Add a rule for the image, or set `unmatched`.";
    PolicyRejects "policy-rejects" Deny 91 "The policy forbids the image." "The rule's reason says why.";
    PolicyAmbiguous "policy-ambiguous" Deny 92 "Two rules match the image equally well." "Make one pattern more specific.";
    PolicyInvalid "policy-invalid" LoadError 95 "The policy is not valid." "Correct the place that the message names.";
    PolicyUnsupportedField "policy-unsupported-field" LoadError 96 "The policy has a field that cannot be carried over." "Remove the field, or express it in the native form.";
    PolicyUndefinedName "policy-undefined-name" LoadError 97 "The policy uses a name that it does not define." "Define the name under `trust` or `stores`.";
}

impl Code {
    /// The code of a store's refusal.
    pub fn of_store_error(kind: StoreErrorKind) -> Self {
        match kind {
            StoreErrorKind::NotFound => Self::SignatureNotFound,
            StoreErrorKind::Unauthorized => Self::StoreUnauthorized,
            StoreErrorKind::RateLimited => Self::StoreRateLimited,
            StoreErrorKind::TooLarge => Self::LimitExceeded,
            StoreErrorKind::DeadlineExceeded => Self::DeadlineExceeded,
            StoreErrorKind::Unavailable => Self::StoreUnavailable,
            StoreErrorKind::StateUnreadable => Self::TrustStateUnreadable,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_kebab_case() {
        let texts: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let ranks: BTreeSet<_> = Code::ALL.iter().map(|code| code.rank()).collect();
        assert_eq!((texts.len(), ranks.len()), (Code::ALL.len(), Code::ALL.len()));
        assert!(texts.iter().all(|text| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    }
}
