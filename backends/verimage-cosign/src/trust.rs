//! Trusted roots and certificate files, their keys and certificates read once.

use verimage_crypto::x509::Certificate;
use verimage_crypto::{CryptoSet, KeyError, PublicKey};

use crate::log::logs::Logs;
use crate::trust_root::{Authority, TransparencyLog, TrustRoot, Validity};

/// A trusted root, loaded.
#[derive(Debug)]
pub(crate) struct Trust {
    pub(crate) logs: Logs,
    pub(crate) certificate_logs: Logs,
    pub(crate) issuers: Vec<Chain>,
    pub(crate) timestamp_authorities: Vec<Chain>,
}

impl Trust {
    /// Reads `trusted_root.json`.
    pub(crate) fn load(json: &[u8], crypto: &CryptoSet) -> Result<Self, String> {
        let root = TrustRoot::parse(json).map_err(|error| error.to_string())?;
        let chains = |name: &str, authorities: &[Authority]| {
            let chain = |(index, authority)| Chain::of_authority(authority).map_err(|error| format!("{name}[{index}]: {error}"));
            authorities.iter().enumerate().map(chain).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            logs: Logs::load(&root.transparency_logs, crypto),
            certificate_logs: Logs::load(&root.certificate_logs, crypto),
            issuers: chains("certificateAuthorities", &root.certificate_authorities)?,
            timestamp_authorities: chains("timestampAuthorities", &root.timestamp_authorities)?,
        })
    }

    /// Logs that are known by their keys alone. Their identifiers are hashes of these, as those of Rekor v1 are; nothing is
    /// said about when they counted.
    pub(crate) fn of_log_keys(pem: &[u8], crypto: &CryptoSet) -> Result<Self, KeyError> {
        let keys = PublicKey::all_from_pem(pem)?;
        let logs: Vec<TransparencyLog> = keys.into_iter().map(TransparencyLog::of_key).collect();
        Ok(Self {
            logs: Logs::load(&logs, crypto),
            certificate_logs: Logs::default(),
            issuers: Vec::new(),
            timestamp_authorities: Vec::new(),
        })
    }
}

/// An authority: what it may be trusted for hangs on one of the anchors.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) name: String,
    pub(crate) anchors: Vec<Certificate>,
    pub(crate) intermediates: Vec<Certificate>,
    /// The certificate with which a timestamp authority signs, where the root says it.
    pub(crate) signer: Option<Certificate>,
    pub(crate) validity: Validity,
}

impl Chain {
    /// The last certificate is the anchor, self-signed or not; a first one that is no authority is the signer's.
    fn of_authority(authority: &Authority) -> Result<Self, String> {
        let mut certificates = authority
            .chain
            .iter()
            .map(|der| Certificate::from_der(der))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| error.to_string())?;
        let anchor = certificates.pop().ok_or("its chain is empty")?;
        let signer = (!certificates.is_empty() && certificates.first().is_some_and(|first| !first.is_ca())).then(|| certificates.remove(0));
        let name = authority.uri.clone().unwrap_or_else(|| anchor.subject().to_string());
        Ok(Self { name, anchors: vec![anchor], intermediates: certificates, signer, validity: authority.validity })
    }

    /// The certificates of a policy: those that issued themselves are the anchors; if none did, the last one is.
    pub(crate) fn of_file(bytes: &[u8], name: &str) -> Result<Self, String> {
        let certificates = Certificate::all_from_file(bytes).map_err(|error| error.to_string())?;
        let (mut anchors, mut others): (Vec<_>, Vec<_>) = certificates.into_iter().partition(Certificate::is_self_issued);
        if anchors.is_empty() {
            anchors.extend(others.pop());
        }
        if let Some(anchor) = anchors.iter().find(|anchor| anchor.version() >= 3 && !anchor.is_ca()) {
            return Err(format!("`{}` is no certificate authority", anchor.subject()));
        }
        let signer = others.iter().position(|certificate| !certificate.is_ca()).map(|index| others.remove(index));
        let validity = Validity { start: None, end: None };
        Ok(Self { name: name.to_owned(), anchors, intermediates: others, signer, validity })
    }
}
