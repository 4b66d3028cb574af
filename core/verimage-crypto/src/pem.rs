//! The one PEM block of a key file (RFC 7468).
//!
//! White space is of no matter: line lengths, line ends and indentation vary between tools. Text may
//! stand before the block, as RFC 7468 section 2 permits; nothing may follow it.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{Found, KeyError, x509::CertificateError};

/// A decoded PEM block that holds a public key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// `RSA PUBLIC KEY`: RFC 8017, appendix A.1.1.
    Pkcs1(Vec<u8>),
    /// `PUBLIC KEY`: RFC 7468, section 13.
    Spki(Vec<u8>),
}

/// Reads text that holds exactly one PEM block, a public key.
pub(crate) fn public_key(input: &[u8]) -> Result<Block, KeyError> {
    let text = std::str::from_utf8(input).map_err(|_| not_a_key(Found::Binary))?;
    let mut lines = text.lines().map(str::trim);
    let label = lines
        .find_map(|line| line.strip_prefix(BEGIN))
        .ok_or_else(|| not_a_key(without_block(text)))?
        .strip_suffix(DASHES)
        .filter(|label| is_label(label))
        .ok_or(KeyError::DamagedPem)?;
    let form = match label {
        "PUBLIC KEY" => Block::Spki,
        "RSA PUBLIC KEY" => Block::Pkcs1,
        _ => return Err(not_a_key(foreign_block(label))),
    };
    let der = body(&mut lines, label)?;
    nothing_follows(lines)?;
    Ok(form(der))
}

/// Reads the PEM blocks of a certificate file: at least one, each a certificate. Text may stand around them.
pub(crate) fn certificates(input: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, CertificateError> {
    let foreign = |found| CertificateError::ForeignBlock { found };
    let text = std::str::from_utf8(input).map_err(|_| foreign(Found::Binary))?;
    let mut lines = text.lines().map(str::trim);
    let mut blocks = Vec::new();
    while let Some(label) = lines.find_map(|line| line.strip_prefix(BEGIN)) {
        let label = label.strip_suffix(DASHES).filter(|label| is_label(label)).ok_or(CertificateError::DamagedPem)?;
        if label != "CERTIFICATE" {
            return Err(foreign(foreign_block(label)));
        }
        if blocks.len() == limit {
            return Err(CertificateError::Count { found: limit.saturating_add(1) });
        }
        blocks.push(body(&mut lines, label).map_err(|_| CertificateError::DamagedPem)?);
    }
    if blocks.is_empty() { Err(foreign(without_block(text))) } else { Ok(blocks) }
}

/// The PEM blocks of a text, each with what stands behind it up to the next.
pub(crate) fn split(input: &[u8]) -> Vec<&[u8]> {
    let begins: Vec<usize> =
        input.windows(BEGIN.len()).enumerate().filter(|(_, window)| *window == BEGIN.as_bytes()).map(|(at, _)| at).collect();
    let ends: Vec<usize> = begins.iter().skip(1).copied().chain([input.len()]).collect();
    begins.into_iter().zip(ends).filter_map(|(begin, end)| input.get(begin..end)).collect()
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
const LONGEST_LABEL: usize = 64;

fn body<'a>(lines: &mut impl Iterator<Item = &'a str>, label: &str) -> Result<Vec<u8>, KeyError> {
    let mut base64 = String::new();
    for line in lines {
        if let Some(end) = line.strip_prefix(END) {
            if end.strip_suffix(DASHES) != Some(label) {
                break;
            }
            return STANDARD.decode(base64).map_err(|_| KeyError::DamagedPem);
        }
        base64.push_str(line);
    }
    Err(KeyError::DamagedPem)
}

fn nothing_follows<'a>(lines: impl Iterator<Item = &'a str>) -> Result<(), KeyError> {
    let mut text_follows = false;
    for line in lines {
        if line.starts_with(BEGIN) {
            return Err(KeyError::MoreThanOneBlock);
        }
        text_follows |= !line.is_empty();
    }
    if text_follows {
        return Err(KeyError::TrailingText);
    }
    Ok(())
}

/// RFC 7468, section 3: no two hyphens in a row. Labels end up in messages, so they are short and
/// printable.
fn is_label(label: &str) -> bool {
    let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    label.len() <= LONGEST_LABEL && label.bytes().all(printable) && !label.contains("--")
}

fn foreign_block(label: &str) -> Found {
    if label.ends_with("CERTIFICATE") {
        Found::Certificate
    } else if label.ends_with("PRIVATE KEY") {
        Found::PrivateKey
    } else if label.starts_with("PGP ") {
        Found::OpenPgp
    } else {
        Found::OtherBlock { label: label.to_owned() }
    }
}

fn without_block(text: &str) -> Found {
    let text = text.trim();
    if text.is_empty() {
        Found::Nothing
    } else if text.starts_with("ssh-") || text.starts_with("ecdsa-sha2-") {
        Found::SshPublicKey
    } else if text.contains(|c: char| c.is_control() && !c.is_whitespace()) {
        Found::Binary
    } else {
        Found::Text
    }
}

fn not_a_key(found: Found) -> KeyError {
    KeyError::NotPublicKey { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_found(input: &str, found: Found) {
        assert_eq!(public_key(input.as_bytes()), Err(not_a_key(found)));
    }

    #[test]
    fn white_space_and_leading_text_do_not_matter() {
        let expected = Ok(Block::Spki(b"verimage".to_vec()));
        for text in [
            "-----BEGIN PUBLIC KEY-----\ndmVyaW1hZ2U=\n-----END PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY-----\r\ndmVyaW1h\r\nZ2U=\r\n-----END PUBLIC KEY-----\r\n\r\n",
            "  -----BEGIN PUBLIC KEY-----\n  dmVyaW1hZ2U=\n  -----END PUBLIC KEY-----\n  ",
            "team key\n-----BEGIN PUBLIC KEY-----\ndmVy\naW1h\nZ2U=\n\n-----END PUBLIC KEY-----\n",
        ] {
            assert_eq!(public_key(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn damaged_blocks_are_refused() {
        for text in [
            "-----BEGIN PUBLIC KEY----",
            "-----BEGIN PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY-----\ndmVyaW1hZ2U=\n",
            "-----BEGIN PUBLIC KEY-----\ndmVyaW1hZ2U=\n-----END PUBLIC KEY",
            "-----BEGIN PUBLIC KEY-----\ndmVyaW1hZ2U=\n-----END RSA PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY----- dmVyaW1hZ2U= -----END PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY-----\ndmVyaW1hZ2U\n-----END PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY-----\ndmVyaW1hZ2V=\n-----END PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY-----\nKey: x\n\ndmVyaW1hZ2U=\n-----END PUBLIC KEY-----",
        ] {
            assert_eq!(public_key(text.as_bytes()), Err(KeyError::DamagedPem), "{text}");
        }
    }

    #[test]
    fn what_follows_the_block_is_refused() {
        let block = "-----BEGIN PUBLIC KEY-----\ndmVyaW1hZ2U=\n-----END PUBLIC KEY-----\n";
        assert_eq!(public_key(format!("{block}# and\n{block}").as_bytes()), Err(KeyError::MoreThanOneBlock));
        assert_eq!(public_key(format!("{block}# old key").as_bytes()), Err(KeyError::TrailingText));
    }

    #[test]
    fn other_things_are_named() {
        assert_found("", Found::Nothing);
        assert_found(" \n\t\n", Found::Nothing);
        assert_found("cosign.pub", Found::Text);
        assert_found("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 someone", Found::SshPublicKey);
        assert_found("0\u{1}\u{0}", Found::Binary);
        assert_found("-----BEGIN CERTIFICATE-----\nAA==", Found::Certificate);
        assert_found("-----BEGIN PGP PUBLIC KEY BLOCK-----\n", Found::OpenPgp);
        assert_found("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n", Found::PrivateKey);
        let label = "DH PARAMETERS".to_owned();
        assert_found("-----BEGIN DH PARAMETERS-----\n", Found::OtherBlock { label });
        assert_eq!(public_key(&[0x30, 0x59, 0x80]), Err(not_a_key(Found::Binary)));
    }
}
