//! JWS envelopes of raw pieces of JSON.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use super::{Key, Padding, Pki, payload};

/// An envelope to be written. Members are names and raw JSON, so that a name can stand twice.
#[derive(Clone, Debug)]
pub struct Jws {
    pub payload: String,
    pub protected: Vec<(String, String)>,
    pub header: Vec<(String, String)>,
    pub more: Vec<(String, String)>,
    pub chain: Vec<Vec<u8>>,
    pub key: Key,
    pub padding: Padding,
    pub token: Option<Vec<u8>>,
}

pub const SCHEME: &str = "io.cncf.notary.signingScheme";
pub const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
pub const AUTHENTIC: &str = "io.cncf.notary.authenticSigningTime";
pub const EXPIRY: &str = "io.cncf.notary.expiry";
pub const PLUGIN: &str = "io.cncf.notary.verificationPlugin";
pub const PLUGIN_VERSION: &str = "io.cncf.notary.verificationPluginMinVersion";
pub const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";

impl Jws {
    /// By a signer with a certificate.
    pub fn new(key: Key) -> Self {
        let jws = Self {
            payload: payload(),
            protected: Vec::new(),
            header: Vec::new(),
            more: Vec::new(),
            chain: Pki::new(key).chain(),
            key,
            padding: Padding::Right,
            token: None,
        };
        jws.set("alg", &format!("{:?}", key.algorithm().0))
            .set("cty", r#""application/vnd.cncf.notary.payload.v1+json""#)
            .set("crit", &format!("[{SCHEME:?}]"))
            .set(SCHEME, r#""notary.x509""#)
            .set(SIGNING_TIME, r#""2025-01-01T08:00:00+08:00""#)
    }

    /// By an authority that vouches for the time.
    pub fn by_authority(key: Key) -> Self {
        Self::new(key)
            .unset(SIGNING_TIME)
            .set(SCHEME, r#""notary.x509.signingAuthority""#)
            .set(AUTHENTIC, r#""2025-01-01T00:00:00Z""#)
            .critical(AUTHENTIC)
    }

    /// Puts a signed header in the place of the one with the same name.
    pub fn set(mut self, name: &str, json: &str) -> Self {
        match self.protected.iter_mut().find(|(known, _)| known == name) {
            Some(header) => json.clone_into(&mut header.1),
            None => self.protected.push((name.to_owned(), json.to_owned())),
        }
        self
    }

    pub fn unset(mut self, name: &str) -> Self {
        self.protected.retain(|(known, _)| known != name);
        self
    }

    /// Adds a signed header, even if it is there.
    pub fn add(mut self, name: &str, json: &str) -> Self {
        self.protected.push((name.to_owned(), json.to_owned()));
        self
    }

    /// Lists a header as critical.
    pub fn critical(self, name: &str) -> Self {
        let listed = self.protected.iter().find(|(known, _)| known == "crit").map(|(_, json)| json.clone()).unwrap();
        self.set("crit", &listed.replace(']', &format!(",{name:?}]")))
    }

    /// A signed header that is listed as critical.
    pub fn set_critical(self, name: &str, json: &str) -> Self {
        self.set(name, json).critical(name)
    }

    pub fn unsigned(mut self, name: &str, json: &str) -> Self {
        self.header.push((name.to_owned(), json.to_owned()));
        self
    }

    pub fn chain(mut self, chain: Vec<Vec<u8>>) -> Self {
        self.chain = chain;
        self
    }

    pub fn payload(mut self, payload: &str) -> Self {
        payload.clone_into(&mut self.payload);
        self
    }

    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// The raw signature, over which timestamps are.
    pub fn signature(&self) -> Vec<u8> {
        self.key.sign(self.padding, self.message().as_bytes())
    }

    fn message(&self) -> String {
        format!("{}.{}", URL_SAFE_NO_PAD.encode(object(&self.protected)), URL_SAFE_NO_PAD.encode(&self.payload))
    }

    pub fn build(&self) -> Vec<u8> {
        let message = self.message();
        let (protected, payload) = message.split_once('.').unwrap();
        let mut header = self.header.clone();
        let chain: Vec<_> = self.chain.iter().map(|der| format!("{:?}", STANDARD.encode(der))).collect();
        header.push(("x5c".to_owned(), format!("[{}]", chain.join(","))));
        if let Some(token) = &self.token {
            header.push((TIMESTAMP.to_owned(), format!("{:?}", STANDARD.encode(token))));
        }
        let text = |name: &str, value: &str| (name.to_owned(), format!("{value:?}"));
        let signature = text("signature", &URL_SAFE_NO_PAD.encode(self.signature()));
        let mut members = vec![text("payload", payload), text("protected", protected), ("header".to_owned(), object(&header)), signature];
        members.extend(self.more.clone());
        object(&members).into_bytes()
    }
}

/// An object of raw pieces.
pub fn object(members: &[(String, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(name, json)| format!("{name:?}:{json}")).collect();
    format!("{{{}}}", members.join(","))
}
