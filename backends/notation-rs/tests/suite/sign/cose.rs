//! COSE envelopes of raw pieces of CBOR.

use super::{
    Key, Padding, Pki,
    jws::{AUTHENTIC, SCHEME, SIGNING_TIME, TIMESTAMP},
    payload,
};

/// An envelope to be written. Members are labels and values in CBOR, so that a label can stand twice.
#[derive(Clone, Debug)]
pub struct Cose {
    pub payload: Vec<u8>,
    pub protected: Vec<(Vec<u8>, Vec<u8>)>,
    pub critical: Vec<Vec<u8>>,
    pub unprotected: Vec<(Vec<u8>, Vec<u8>)>,
    pub chain: Vec<Vec<u8>>,
    pub key: Key,
    pub padding: Padding,
    pub token: Option<Vec<u8>>,
}

/// A value and its length or size: `major` is the kind.
pub fn head(major: u8, argument: u64) -> Vec<u8> {
    match argument {
        0..24 => vec![major << 5 | argument as u8],
        24..0x100 => vec![major << 5 | 24, argument as u8],
        0x100..0x1_0000 => [&[major << 5 | 25][..], &(argument as u16).to_be_bytes()].concat(),
        0x1_0000..0x1_0000_0000 => [&[major << 5 | 26][..], &(argument as u32).to_be_bytes()].concat(),
        _ => [&[major << 5 | 27][..], &argument.to_be_bytes()].concat(),
    }
}

pub fn int(number: i64) -> Vec<u8> {
    if number < 0 { head(1, (-1 - number) as u64) } else { head(0, number as u64) }
}

pub fn text(text: &str) -> Vec<u8> {
    [head(3, text.len() as u64), text.as_bytes().to_vec()].concat()
}

pub fn bytes(bytes: &[u8]) -> Vec<u8> {
    [head(2, bytes.len() as u64), bytes.to_vec()].concat()
}

pub fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [head(4, items.len() as u64), items.concat()].concat()
}

pub fn map(members: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let pairs = members.iter().flat_map(|(label, value)| [label.as_slice(), value].concat()).collect();
    [head(5, members.len() as u64), pairs].concat()
}

pub fn tag(number: u64, value: Vec<u8>) -> Vec<u8> {
    [head(6, number), value].concat()
}

/// 2025-01-01T00:00:00Z.
pub const SIGNED: i64 = 1_735_689_600;

pub const ALG: i64 = 1;
pub const CRIT: i64 = 2;
pub const CTY: i64 = 3;
pub const X5CHAIN: i64 = 33;

impl Cose {
    /// By a signer with a certificate.
    pub fn new(key: Key) -> Self {
        let cose = Self {
            payload: payload().into_bytes(),
            protected: Vec::new(),
            critical: vec![text(SCHEME)],
            unprotected: Vec::new(),
            chain: Pki::new(key).chain(),
            key,
            padding: Padding::Right,
            token: None,
        };
        cose.set(int(ALG), int(key.algorithm().1))
            .set(int(CTY), text("application/vnd.cncf.notary.payload.v1+json"))
            .set(text(SCHEME), text("notary.x509"))
            .set(text(SIGNING_TIME), tag(1, int(SIGNED)))
    }

    /// By an authority that vouches for the time.
    pub fn by_authority(key: Key) -> Self {
        Self::new(key)
            .unset(&text(SIGNING_TIME))
            .set(text(SCHEME), text("notary.x509.signingAuthority"))
            .set_critical(text(AUTHENTIC), tag(1, int(SIGNED)))
    }

    pub fn set(mut self, label: Vec<u8>, value: Vec<u8>) -> Self {
        self = self.unset(&label);
        self.protected.push((label, value));
        self
    }

    pub fn unset(mut self, label: &[u8]) -> Self {
        self.protected.retain(|(known, _)| known != label);
        self
    }

    pub fn set_critical(mut self, label: Vec<u8>, value: Vec<u8>) -> Self {
        self.critical.push(label.clone());
        self.set(label, value)
    }

    pub fn unsigned(mut self, label: Vec<u8>, value: Vec<u8>) -> Self {
        self.unprotected.push((label, value));
        self
    }

    pub fn chain(mut self, chain: Vec<Vec<u8>>) -> Self {
        self.chain = chain;
        self
    }

    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    pub fn protected_bytes(&self) -> Vec<u8> {
        let mut protected = self.protected.clone();
        if !self.critical.is_empty() {
            protected.push((int(CRIT), list(&self.critical)));
        }
        map(&protected)
    }

    /// The raw signature, over which timestamps are.
    pub fn signature(&self) -> Vec<u8> {
        self.signature_over(&self.protected_bytes())
    }

    fn signature_over(&self, protected: &[u8]) -> Vec<u8> {
        let message = list(&[text("Signature1"), bytes(protected), bytes(b""), bytes(&self.payload)]);
        self.key.sign(self.padding, &message)
    }

    pub fn build(&self) -> Vec<u8> {
        self.build_with(&self.protected_bytes())
    }

    /// With these bytes as the signed headers, whatever they are.
    pub fn build_with(&self, protected: &[u8]) -> Vec<u8> {
        tag(18, self.untagged(protected))
    }

    pub fn untagged(&self, protected: &[u8]) -> Vec<u8> {
        let mut unprotected = self.unprotected.clone();
        if !self.chain.is_empty() {
            unprotected.push((int(X5CHAIN), list(&self.chain.iter().map(|der| bytes(der)).collect::<Vec<_>>())));
        }
        if let Some(token) = &self.token {
            unprotected.push((text(TIMESTAMP), bytes(token)));
        }
        list(&[bytes(protected), map(&unprotected), bytes(&self.payload), bytes(&self.signature_over(protected))])
    }
}
