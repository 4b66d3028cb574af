//! Signature algorithms as X.509 and CMS write them.

use const_oid::ObjectIdentifier;

use super::oid;
use crate::{
    Algorithm, EcdsaEncoding, HashAlgorithm,
    asn1::{Element, Fault, Result, small, tag},
};

/// An `AlgorithmIdentifier` (RFC 5280, section 4.1.1.2), not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identifier<'a> {
    pub(crate) oid: ObjectIdentifier,
    pub(crate) parameters: Option<Element<'a>>,
}

impl<'a> Identifier<'a> {
    pub(crate) fn read(value: Element<'a>) -> Result<Self> {
        value.expect(tag::SEQUENCE)?.read(|reader| {
            let oid = reader.any()?.oid()?;
            let parameters = if reader.is_empty() { None } else { Some(reader.any()?) };
            Ok(Self { oid, parameters })
        })
    }

    /// The signature algorithm, if it is one of those that are served. SHA-1 and MD5 are not.
    pub(crate) fn signature(&self) -> Option<Algorithm> {
        let ecdsa = |hash| Algorithm::Ecdsa { hash, encoding: EcdsaEncoding::Der };
        match self.oid {
            oid::RSA_SHA256 => self.null_or_absent(Algorithm::RsaPkcs1 { hash: HashAlgorithm::Sha256 }),
            oid::RSA_SHA384 => self.null_or_absent(Algorithm::RsaPkcs1 { hash: HashAlgorithm::Sha384 }),
            oid::RSA_SHA512 => self.null_or_absent(Algorithm::RsaPkcs1 { hash: HashAlgorithm::Sha512 }),
            oid::RSA_PSS => self.pss_hash().ok().map(|hash| Algorithm::RsaPss { hash }),
            oid::ECDSA_SHA256 => self.absent(ecdsa(HashAlgorithm::Sha256)),
            oid::ECDSA_SHA384 => self.absent(ecdsa(HashAlgorithm::Sha384)),
            oid::ECDSA_SHA512 => self.absent(ecdsa(HashAlgorithm::Sha512)),
            oid::ED25519 => self.absent(Algorithm::Ed25519),
            _ => None,
        }
    }

    /// The hash algorithm, if it is one of those that are served.
    pub(crate) fn hash(&self) -> Option<HashAlgorithm> {
        let hash = match self.oid {
            oid::SHA256 => HashAlgorithm::Sha256,
            oid::SHA384 => HashAlgorithm::Sha384,
            oid::SHA512 => HashAlgorithm::Sha512,
            _ => return None,
        };
        self.null_or_absent(hash)
    }

    /// RFC 4055, section 5: NULL is written, absent is to be understood.
    pub(crate) fn null_or_absent<T>(&self, value: T) -> Option<T> {
        let null = |parameters: Element<'_>| parameters.tag == tag::NULL && parameters.content.is_empty();
        self.parameters.is_none_or(null).then_some(value)
    }

    /// RFC 5758, section 3.2, and RFC 8410, section 3.
    fn absent<T>(&self, value: T) -> Option<T> {
        self.parameters.is_none().then_some(value)
    }

    /// RFC 4055, section 3.1, with the salt as long as the hash and MGF1 over the same hash. The defaults are SHA-1, so
    /// hash, mask and salt length must be there.
    fn pss_hash(&self) -> Result<HashAlgorithm> {
        self.parameters.ok_or(Fault::Malformed)?.expect(tag::SEQUENCE)?.read(|reader| {
            let hash = reader.expect(tag::constructed(0))?.read(|reader| Identifier::read(reader.any()?))?.hash();
            let mask = reader.expect(tag::constructed(1))?.read(|reader| Identifier::read(reader.any()?))?;
            let salt = reader.expect(tag::constructed(2))?.read(|reader| reader.any()?.small())?;
            let trailer = match reader.optional(tag::constructed(3))? {
                Some(value) => value.read(|reader| small(reader.any()?.integer()?))?,
                None => 1,
            };
            let hash = hash.ok_or(Fault::Malformed)?;
            let mask_hash = mask.parameters.map(Identifier::read).transpose()?.and_then(|mask| mask.hash());
            let good = mask.oid == oid::MGF1 && mask_hash == Some(hash) && salt == length(hash) && trailer == 1;
            if good { Ok(hash) } else { Err(Fault::Malformed) }
        })
    }
}

fn length(hash: HashAlgorithm) -> u64 {
    match hash {
        HashAlgorithm::Sha256 => 32,
        HashAlgorithm::Sha384 => 48,
        HashAlgorithm::Sha512 => 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(der: &str) -> Option<Algorithm> {
        let der = hex::decode(der.replace(' ', "")).expect("hexadecimal");
        Identifier::read(Element::only(&der).expect("DER")).expect("an identifier").signature()
    }

    #[test]
    fn each_algorithm_has_its_parameters() {
        let hash = HashAlgorithm::Sha256;
        let ecdsa = Algorithm::Ecdsa { hash, encoding: EcdsaEncoding::Der };
        assert_eq!(signature("300d 06092a864886f70d01010b 0500"), Some(Algorithm::RsaPkcs1 { hash }));
        assert_eq!(signature("300b 06092a864886f70d01010b"), Some(Algorithm::RsaPkcs1 { hash }));
        assert_eq!(signature("300d 06092a864886f70d01010b 3000"), None);
        assert_eq!(signature("300a 06082a8648ce3d040302"), Some(ecdsa));
        assert_eq!(signature("300c 06082a8648ce3d040302 0500"), None);
        assert_eq!(signature("3005 06032b6570"), Some(Algorithm::Ed25519));
        assert_eq!(signature("3007 06032b6570 0500"), None);
    }

    #[test]
    fn weak_hashes_are_not_served() {
        for (name, der) in [
            ("sha1WithRSA", "300d 06092a864886f70d010105 0500"),
            ("md5WithRSA", "300d 06092a864886f70d010104 0500"),
            ("ecdsa-with-SHA1", "3009 06072a8648ce3d0401"),
            ("sha224WithRSA", "300d 06092a864886f70d01010e 0500"),
        ] {
            assert_eq!(signature(der), None, "{name}");
        }
    }

    const SHA256: &str = "300d 0609608648016503040201 0500";
    const SHA384: &str = "300d 0609608648016503040202 0500";

    fn pss(hash: &str, mask_hash: &str, salt: &str, more: &str) -> Option<Algorithm> {
        let wrap = |tag: &str, body: String| {
            let body = body.replace(' ', "");
            format!("{tag}{:02x}{body}", body.len() / 2)
        };
        let mask = wrap("a1", wrap("30", format!("06092a864886f70d010108{mask_hash}")));
        let body = wrap("30", format!("{}{mask}{}{more}", wrap("a0", hash.to_owned()), wrap("a2", format!("0201{salt}"))));
        signature(&wrap("30", format!("06092a864886f70d01010a{body}")))
    }

    #[test]
    fn pss_has_one_hash_and_a_salt_of_its_length() {
        assert_eq!(pss(SHA256, SHA256, "20", ""), Some(Algorithm::RsaPss { hash: HashAlgorithm::Sha256 }));
        assert_eq!(pss(SHA384, SHA384, "30", "a303020101"), Some(Algorithm::RsaPss { hash: HashAlgorithm::Sha384 }));
        assert_eq!(pss(SHA256, SHA384, "20", ""), None, "another hash in the mask");
        assert_eq!(pss(SHA256, SHA256, "14", ""), None, "short salt");
        assert_eq!(pss(SHA256, SHA256, "20", "a303020102"), None, "another trailer");
        // Without parameters all is SHA-1.
        assert_eq!(signature("300d 06092a864886f70d01010a 3000"), None);
        assert_eq!(signature("300b 06092a864886f70d01010a"), None);
    }
}
