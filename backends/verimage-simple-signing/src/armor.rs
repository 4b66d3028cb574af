//! Armored keys (RFC 9580, section 6.2): any number of blocks, with any text around them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";
const SECRET: &str = "-----BEGIN PGP PRIVATE KEY BLOCK-----";

/// What is in the blocks of a text, one after another.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, String> {
    if text.contains(SECRET) {
        return Err("it holds a private key; export the public one with `gpg --armor --export`".to_owned());
    }
    let mut bytes = Vec::new();
    let mut lines = text.lines().map(str::trim_end);
    let mut is_empty = true;
    while lines.by_ref().any(|line| line == BEGIN) {
        is_empty = false;
        block(&mut lines, &mut bytes)?;
    }
    if is_empty { Err(format!("it is neither binary nor has it a block that begins with `{BEGIN}`")) } else { Ok(bytes) }
}

/// Headers up to an empty line, base64, and perhaps a checksum, which nothing depends on.
fn block<'a>(lines: &mut impl Iterator<Item = &'a str>, bytes: &mut Vec<u8>) -> Result<(), String> {
    let mut body = String::new();
    let mut in_headers = true;
    for line in lines {
        match line {
            END => {
                bytes.extend(STANDARD.decode(&body).map_err(|error| format!("a block is not base64: {error}"))?);
                return Ok(());
            }
            "" => in_headers = false,
            header if in_headers && header.contains(": ") => {}
            checksum if checksum.starts_with('=') && checksum.len() == 5 => {}
            text => {
                in_headers = false;
                body.push_str(text);
            }
        }
    }
    Err("a block is cut off".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_block_and_nothing_around_them() {
        let block = |body: &str| format!("{BEGIN}\r\nVersion: 1\r\n\r\n{body}\r\n=aaaa\r\n{END}\r\n");
        assert_eq!(decode(&format!("text\n{}{}more", block("AQID"), block("BAU="))), Ok(vec![1, 2, 3, 4, 5]));
        assert_eq!(decode(&format!("{BEGIN}\n\nAQ\nID\n{END}")), Ok(vec![1, 2, 3]));
        for bad in ["", "garbage", &format!("{BEGIN}\n\nAQID"), &format!("{BEGIN}\n\nA_ID\n{END}"), &format!("{SECRET}\n{}", block("AQID"))]
        {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }
}
