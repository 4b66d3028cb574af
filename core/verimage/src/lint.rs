//! Remarks about the trust material of a policy.

use std::collections::BTreeMap;

use verimage_core::Timestamp;
use verimage_core::policy::{Anchor, Lint, Remark};
use verimage_crypto::x509::Certificate;

/// How long before a certificate ends it is remarked upon, in seconds: thirty days.
const SOON: i64 = 30 * 24 * 3600;

/// Certificates that are not valid at a time, or not for long. The windows of trusted roots are left alone: old authorities
/// stay in them on purpose.
pub(crate) fn certificates(anchors: &BTreeMap<String, Anchor>, at: Timestamp) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for (name, anchor) in anchors {
        let Anchor::X509(certificates) = anchor else { continue };
        let pointer = format!("/trust/{}", name.replace('~', "~0").replace('/', "~1"));
        let read = Certificate::all_from_file(&certificates.bytes).unwrap_or_default();
        remarks.extend(read.iter().filter_map(|certificate| remark(certificate, &pointer, at)));
    }
    remarks
}

fn remark(certificate: &Certificate, pointer: &str, at: Timestamp) -> Option<Remark> {
    let validity = certificate.validity();
    let (now, subject) = (at.as_second(), certificate.subject());
    let date = |second: i64| Timestamp::from_second(second).map_or_else(|_| "a time out of range".to_owned(), |time| time.to_string());
    let (lint, message) = match () {
        () if now > validity.not_after => (Lint::CertificateExpired, format!("`{subject}` was valid until {}", date(validity.not_after))),
        () if now < validity.not_before => {
            (Lint::CertificateExpired, format!("`{subject}` is not valid before {}", date(validity.not_before)))
        }
        () if now > validity.not_after.saturating_sub(SOON) => {
            (Lint::CertificateExpires, format!("`{subject}` is valid until {}", date(validity.not_after)))
        }
        () => return None,
    };
    Some(Remark::new(lint, pointer, message))
}
