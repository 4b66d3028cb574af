//! One key under every crypto set.

use verimage_crypto::{Algorithm, CryptoSet, KeyError, PublicKey, SignatureError, VerifyingKey};

/// Every crypto set compiled in.
pub(crate) fn sets() -> Vec<CryptoSet> {
    vec![
        CryptoSet::rustcrypto(),
        #[cfg(feature = "aws-lc-rs")]
        CryptoSet::aws_lc(),
    ]
}

/// A key loaded into every set. Asking it asks all sets, and they must answer the same.
pub(crate) struct Loaded(Vec<(CryptoSet, VerifyingKey)>);

impl Loaded {
    pub(crate) fn new(key: &PublicKey) -> Result<Self, KeyError> {
        let load = |set: CryptoSet| Ok((set, set.load(key)?));
        Ok(Self(sets().into_iter().map(load).collect::<Result<_, _>>()?))
    }

    #[track_caller]
    pub(crate) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let mut answers = self.0.iter().map(|(set, key)| {
            let answer = key.verify(algorithm, message, signature);
            (set.name, answer)
        });
        let (first_set, first) = answers.next().expect("at least one set");
        for (set, answer) in answers {
            assert_eq!(
                answer,
                first,
                "{set} and {first_set} disagree: {algorithm}, {:?}, signature {}",
                self.0[0].1.public_key(),
                hex::encode(signature)
            );
        }
        first
    }
}
