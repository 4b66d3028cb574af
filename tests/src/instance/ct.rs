//! The certificate transparency log: SCTs that are embedded in certificates (RFC 6962, sections 3.2 and 3.3).

use sha2::{Digest, Sha256};

use super::certificate::Extension;
use super::der::octets;
use super::key::{Key, Kind};

/// The extension that holds the list.
pub const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";

/// An SCT to be signed.
#[derive(Clone, Debug)]
pub struct SctDraft {
    /// The key of the log.
    pub key: Key,
    /// The identifier that it states; that of the key, if none.
    pub log_id: Option<Vec<u8>>,
    /// Milliseconds since 1970.
    pub time: u64,
    /// Bytes that the log adds: logs with static tiles write the number of the leaf there.
    pub extensions: Vec<u8>,
    /// The issuer's public key, if another than the real one is signed.
    pub issuer: Option<Vec<u8>>,
}

impl SctDraft {
    /// An SCT by this log at this second.
    pub fn new(key: &Key, seconds: i64) -> Self {
        let time = u64::try_from(seconds).expect("a time after 1970") * 1000;
        Self { key: key.clone(), log_id: None, time, extensions: Vec::new(), issuer: None }
    }

    /// The SCT for the certificate that this precertificate becomes.
    pub fn sign(&self, precertificate: &[u8], issuer: &[u8]) -> Vec<u8> {
        let issuer = self.issuer.as_deref().unwrap_or(issuer);
        let length = u32::try_from(precertificate.len()).expect("a short certificate").to_be_bytes();
        let head = [&[0, 0][..], &self.time.to_be_bytes(), &[0, 1], &Sha256::digest(issuer), &length[1..]].concat();
        let signed = [&head, precertificate, &counted(&self.extensions)].concat();
        let algorithm = if self.key.kind() == Kind::Rsa { [4, 1] } else { [4, 3] };
        let id = self.log_id.clone().unwrap_or_else(|| self.key.id());
        let signature = self.key.sign_with(super::key::Hash::Sha256, &signed);
        [&[0][..], &id, &self.time.to_be_bytes(), &counted(&self.extensions), &algorithm, &counted(&signature)].concat()
    }
}

/// The extension with these SCTs.
pub fn sct_list(scts: &[Vec<u8>]) -> Extension {
    let list: Vec<u8> = scts.iter().flat_map(|sct| counted(sct)).collect();
    Extension::new(SCT_LIST, octets(&counted(&list)))
}

/// The extension that static tile logs add: the number of a leaf (c2sp.org/static-ct-api).
pub fn leaf_index(number: u64) -> Vec<u8> {
    [&[0, 0, 5][..], &number.to_be_bytes()[3..]].concat()
}

/// Bytes behind their length in two bytes.
fn counted(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("few bytes");
    [&length.to_be_bytes()[..], bytes].concat()
}
