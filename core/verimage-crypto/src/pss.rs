//! RSASSA-PSS with a salt of any length (RFC 8017, section 9.1.2), the same under every crypto set.

use rsa::{BoxedUint, Pss, RsaPublicKey, hazmat::rsa_encrypt, pkcs1::DecodeRsaPublicKey, traits::PublicKeyParts};
use sha2::{Digest, Sha256, Sha384, Sha512, digest::FixedOutputReset};

use crate::{HashAlgorithm, MessageDigest, Refused, error::refused};

const TRAILER: u8 = 0xbc;

/// Verifies a signature and gives the length of its salt. The length is read from the padding once; with it, the signature
/// is verified like any other.
pub(crate) fn verify_any_salt(pkcs1: &[u8], digest: &MessageDigest, signature: &[u8]) -> Result<usize, Refused> {
    let key = RsaPublicKey::from_pkcs1_der(pkcs1).map_err(refused)?;
    let bits = key.n().bits_vartime().saturating_sub(1);
    let encoded = encoded_message(&key, bits, signature)?;
    let length = salt_length(&encoded, bits, digest.algorithm()).ok_or(Refused)?;
    match digest.algorithm() {
        HashAlgorithm::Sha256 => verify::<Sha256>(&key, length, digest, signature),
        HashAlgorithm::Sha384 => verify::<Sha384>(&key, length, digest, signature),
        HashAlgorithm::Sha512 => verify::<Sha512>(&key, length, digest, signature),
    }
}

fn verify<H: Digest + FixedOutputReset>(
    key: &RsaPublicKey,
    length: usize,
    digest: &MessageDigest,
    signature: &[u8],
) -> Result<usize, Refused> {
    key.verify(Pss::<H>::new_with_salt(length), digest.as_bytes(), signature).map_err(refused)?;
    Ok(length)
}

/// Section 8.1.2, step 2: the signature as a number, to the public exponent.
fn encoded_message(key: &RsaPublicKey, bits: u32, signature: &[u8]) -> Result<Vec<u8>, Refused> {
    let number = BoxedUint::from_be_slice(signature, key.n_bits_precision()).map_err(refused)?;
    let encoded = rsa_encrypt(key, &number).map_err(refused)?.to_be_bytes();
    let length = usize::try_from(bits.div_ceil(u8::BITS)).map_err(refused)?;
    let (before, encoded) = encoded.split_at_checked(encoded.len().saturating_sub(length)).ok_or(Refused)?;
    if before.iter().all(|byte| *byte == 0) { Ok(encoded.to_vec()) } else { Err(Refused) }
}

/// Section 9.1.2, steps 5 to 10: zeros, the separator, and what follows is the salt.
fn salt_length(encoded: &[u8], bits: u32, hash: HashAlgorithm) -> Option<usize> {
    let length = encoded.len().checked_sub(hash.length())?.checked_sub(1)?;
    let (data, hashed) = encoded.strip_suffix(&[TRAILER])?.split_at_checked(length)?;
    let unused = bits.next_multiple_of(u8::BITS).checked_sub(bits)?;
    let mut unmasked = data.iter().zip(mask(hashed, length, hash)).map(|(byte, mask)| byte ^ mask);
    let first = unmasked.next()? & u8::MAX.checked_shr(unused)?;
    let padding = std::iter::once(first).chain(unmasked).position(|byte| byte != 0)?;
    length.checked_sub(padding)?.checked_sub(1)
}

/// MGF1 (appendix B.2.1) over the same hash.
fn mask(seed: &[u8], length: usize, hash: HashAlgorithm) -> Vec<u8> {
    let block = |counter: u32| hash.digest(&[seed, &counter.to_be_bytes()].concat()).as_bytes().to_vec();
    (0..).flat_map(block).take(length).collect()
}
