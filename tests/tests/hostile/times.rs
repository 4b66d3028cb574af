//! The times that stand in bytes, found without the product's readers: in DER, in texts, in CBOR, in OpenPGP packets.

use std::collections::BTreeSet;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use verimage::core::Timestamp;

/// From and until when a certificate is valid, in seconds since 1970.
pub type Validity = (i64, i64);

/// The validities of all certificates, in their order: a SEQUENCE of two times.
pub fn validities(bytes: &[u8]) -> Vec<Validity> {
    let at = |place: usize| {
        let content = bytes.get(place..)?.strip_prefix(&[0x30])?;
        let length = usize::from(*content.first()?);
        let (from, rest) = der_time(content.get(1..1 + length)?)?;
        let (until, rest) = der_time(rest)?;
        rest.is_empty().then_some((from, until))
    };
    (0..bytes.len()).filter_map(at).collect()
}

/// A UTCTime or a GeneralizedTime in UTC with seconds, and what is behind it.
fn der_time(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let length = usize::from(*bytes.get(1)?);
    let text = std::str::from_utf8(bytes.get(2..2 + length)?).ok()?;
    let digits = text.strip_suffix('Z')?;
    let digits = match (bytes[0], digits.len()) {
        (0x17, 12) if digits < "50" => format!("20{digits}"),
        (0x17, 12) => format!("19{digits}"),
        (0x18, 14) => digits.to_owned(),
        _ => return None,
    };
    let part = |range: std::ops::Range<usize>| digits.get(range);
    let text = format!("{}-{}-{}T{}:{}:{}Z", part(0..4)?, part(4..6)?, part(6..8)?, part(8..10)?, part(10..12)?, part(12..14)?);
    Some((text.parse::<Timestamp>().ok()?.as_second(), &bytes[2 + length..]))
}

/// The bodies of all certificates in text, whether their line breaks are escaped or not.
pub fn pem(bytes: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(bytes).replace("\\n", "\n");
    let body = |part: &str| {
        let lines: String = part.split("-----END").next()?.split_whitespace().collect();
        STANDARD.decode(lines).ok()
    };
    text.split("-----BEGIN CERTIFICATE-----").skip(1).filter_map(body).collect()
}

/// RFC 3339 times in text.
pub fn texts(bytes: &[u8]) -> Vec<i64> {
    let text = String::from_utf8_lossy(bytes);
    let quoted = text.split(|symbol: char| !(symbol.is_ascii_alphanumeric() || ":-+.".contains(symbol)));
    quoted.filter(|part| part.len() >= 20).filter_map(|part| part.parse::<Timestamp>().ok()).map(|time| time.as_second()).collect()
}

/// The single times of DER: those of timestamps, lists and responders.
pub fn der_times(bytes: &[u8]) -> Vec<i64> {
    (0..bytes.len()).filter_map(|at| der_time(&bytes[at..]).map(|(time, _)| time)).collect()
}

/// What stands behind each place where a name does.
fn after<'a>(bytes: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let places = bytes.windows(name.len()).enumerate().filter(move |(_, part)| *part == name.as_bytes());
    places.map(move |(at, _)| &bytes[at + name.len()..])
}

/// The value behind a name in JSON, without quotes.
fn value_after(rest: &[u8]) -> String {
    let rest = String::from_utf8_lossy(&rest[..rest.len().min(64)]).into_owned();
    rest.trim_start_matches(['"', '\\', ':', ' ']).chars().take_while(|symbol| !"\"\\, }".contains(*symbol)).collect()
}

/// The RFC 3339 time behind a name in JSON, without what it has below a second.
pub fn text_after(bytes: &[u8], name: &str) -> Option<i64> {
    after(bytes, name).find_map(|rest| value_after(rest).parse::<Timestamp>().ok()).map(|time| time.as_second())
}

/// The number behind a name in JSON.
pub fn number_after(bytes: &[u8], name: &str) -> Option<i64> {
    after(bytes, name).find_map(|rest| value_after(rest).parse().ok())
}

/// The tagged number (RFC 8949, 3.4.2) behind a name in CBOR.
pub fn cbor_after(bytes: &[u8], name: &str) -> Option<i64> {
    let number = |rest: &[u8]| Some(i64::from(u32::from_be_bytes(*rest.strip_prefix(&[0xc1, 0x1a])?.first_chunk()?)));
    after(bytes, name).find_map(number)
}

/// The four bytes of subpackets of this kind (RFC 9580, 5.2.3.7), critical or not.
pub fn subpackets(bytes: &[u8], kind: u8) -> Vec<i64> {
    let number = |window: &[u8]| match window {
        [5, found, number @ ..] if found & 0x7f == kind => Some(i64::from(u32::from_be_bytes(number.try_into().ok()?))),
        _ => None,
    };
    bytes.windows(6).filter_map(number).collect()
}

/// When a signature packet of version 3 was made (RFC 9580, 5.2.2).
pub fn version_3(bytes: &[u8]) -> Option<i64> {
    let number = |window: &[u8]| match window {
        [3, 5, 0 | 1, number @ ..] => Some(i64::from(u32::from_be_bytes(number.try_into().ok()?))),
        _ => None,
    };
    bytes.windows(7).find_map(number)
}

/// What stands before compressed data: the head of a packet, and before that the name of a form.
const HEADS: usize = 40;

/// What is compressed somewhere near the beginning, and what is compressed in that.
pub fn inflated(bytes: &[u8]) -> Vec<Vec<u8>> {
    let most = 1 << 16;
    let try_at = |at: usize| {
        let rest = bytes.get(at..)?;
        let (mut raw, mut with_head) = (Vec::new(), Vec::new());
        let _ = flate2::read::DeflateDecoder::new(rest).take(most).read_to_end(&mut raw);
        let _ = flate2::read::ZlibDecoder::new(rest).take(most).read_to_end(&mut with_head);
        [raw, with_head].into_iter().find(|found| found.len() > 100)
    };
    let Some(inner) = (0..HEADS).find_map(try_at) else { return Vec::new() };
    let below = if inner.len() < bytes.len() * 4 { inflated(&inner) } else { Vec::new() };
    [vec![inner], below].concat()
}

/// Everything that may be a time, to look at the seconds around it.
pub fn all(bytes: &[u8]) -> BTreeSet<i64> {
    let mut found: BTreeSet<i64> = texts(bytes).into_iter().collect();
    found.extend(validities(bytes).into_iter().flat_map(|(from, until)| [from, until]));
    found.extend(der_times(bytes));
    // Ten digits; four bytes behind the head of a CBOR number, or of a subpacket for a creation time.
    let text = String::from_utf8_lossy(bytes);
    let numbers = text.split(|symbol: char| !symbol.is_ascii_digit()).filter(|digits| digits.len() == 10);
    found.extend(numbers.filter_map(|digits| digits.parse::<i64>().ok()));
    for head in [&[0x1a_u8][..], &[5, 2]] {
        let behind = bytes.windows(head.len() + 4).filter_map(|window| window.strip_prefix(head));
        found.extend(behind.map(|number| i64::from(u32::from_be_bytes(number.try_into().expect("four bytes")))));
    }
    found.into_iter().filter(|time| (946_684_800..4_102_444_800).contains(time)).collect()
}
