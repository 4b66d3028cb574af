//! Every bit of a blob, and of what its runs of base64 stand for: a flip in the text of base64 would mostly leave no base64.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// Base64 in base64: a log entry in a bundle holds a certificate as text.
const DEEPEST: usize = 4;
/// Shorter runs are words.
const SHORTEST: usize = 40;

/// Bytes that can be changed: those of a blob, or those that a run in them stands for.
pub struct Layer {
    runs: Vec<Run>,
    length: usize,
}

#[derive(Clone)]
struct Run {
    range: Range<usize>,
    alphabet: &'static GeneralPurpose,
}

impl Layer {
    /// The bytes themselves, and all below.
    pub fn all(bytes: &[u8]) -> Vec<Self> {
        let mut layers = Vec::new();
        collect(bytes, &mut Vec::new(), &mut layers);
        layers
    }

    /// How many bits there are.
    pub fn bits(&self) -> usize {
        self.length * 8
    }

    /// How many encodings are above.
    pub fn depth(&self) -> usize {
        self.runs.len()
    }

    /// The bytes of this layer.
    pub fn bytes(&self, blob: &[u8]) -> Vec<u8> {
        let decode = |bytes: Vec<u8>, run: &Run| run.alphabet.decode(&bytes[run.range.clone()]).expect("it was decoded before");
        self.runs.iter().fold(blob.to_vec(), decode)
    }

    /// The blob with one bit of this layer flipped.
    pub fn flip(&self, blob: &[u8], bit: usize) -> Vec<u8> {
        flip(blob, &self.runs, bit)
    }
}

fn collect(bytes: &[u8], above: &mut Vec<Run>, layers: &mut Vec<Layer>) {
    layers.push(Layer { runs: above.clone(), length: bytes.len() });
    if above.len() == DEEPEST {
        return;
    }
    for (run, inner) in runs(bytes) {
        above.push(run);
        collect(&inner, above, layers);
        above.pop();
    }
}

fn flip(bytes: &[u8], runs: &[Run], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    match runs.split_first() {
        None => bytes[bit / 8] ^= 1 << (bit % 8),
        Some((run, below)) => {
            let inner = run.alphabet.decode(&bytes[run.range.clone()]).expect("it was decoded before");
            let encoded = run.alphabet.encode(flip(&inner, below, bit));
            bytes.splice(run.range.clone(), encoded.into_bytes());
        }
    }
    bytes
}

/// The runs of base64 in bytes that are written as what they stand for would be, with that.
fn runs(bytes: &[u8]) -> Vec<(Run, Vec<u8>)> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte);
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..].iter().take_while(|byte| is_digit(byte)).count();
        // The `n` of an escaped line break is no digit.
        let escape = usize::from(at > 0 && bytes[at - 1] == b'\\').min(length);
        found.extend(decoded(bytes, at + escape..at + length));
        at += length + 1;
    }
    found
}

fn decoded(bytes: &[u8], range: Range<usize>) -> Option<(Run, Vec<u8>)> {
    let text = &bytes[range.clone()];
    if text.len() < SHORTEST || text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD].into_iter().find_map(|alphabet| {
        let inner = alphabet.decode(text).ok()?;
        (alphabet.encode(&inner).as_bytes() == text).then(|| (Run { range: range.clone(), alphabet }, inner))
    })
}

#[test]
fn bits_below_encodings_are_found_and_flipped() {
    let secret = [7; 60];
    let inner = format!("{{\"key\":\"{}\"}}", STANDARD.encode(secret));
    let outer = format!("{{\"a\":\"-----\\n{}\"}}", URL_SAFE_NO_PAD.encode(&inner));
    let layers = Layer::all(outer.as_bytes());
    let lengths: Vec<_> = layers.iter().map(|layer| (layer.depth(), layer.bits() / 8)).collect();
    assert_eq!(lengths, [(0, outer.len()), (1, inner.len()), (2, secret.len())]);
    let flipped = layers[2].flip(outer.as_bytes(), 8);
    assert_eq!(flipped.len(), outer.len());
    let run = &outer.as_bytes()[13..13 + URL_SAFE_NO_PAD.encode(&inner).len()];
    assert_eq!(URL_SAFE_NO_PAD.decode(run).unwrap(), inner.as_bytes());
    let mut other = secret;
    other[1] ^= 1;
    let expected = outer.replace(
        &URL_SAFE_NO_PAD.encode(&inner),
        &URL_SAFE_NO_PAD.encode(inner.replace(&STANDARD.encode(secret), &STANDARD.encode(other))),
    );
    assert_eq!(flipped, expected.into_bytes());
}
