//! The clock goes over every time that a fixture names. What is allowed is allowed from one second to another, both as the
//! specification of the scheme has them; they are read from the bytes without the product's readers.

use std::collections::BTreeSet;
use std::fs;

use verimage::Decision;
use verimage::core::{Timestamp, What};
use verimage_tests::fixtures::{folder, notary};

use crate::bits::Layer;
use crate::times::{self, Validity};
use crate::{Fixture, accepted, in_parallel};

/// What nobody ends, or began.
const NEVER: i64 = 32_503_680_000;
const EVER: i64 = 0;
/// How far ahead of ours another clock may be: cosign and simple signing, 5 minutes; notation and Notary, a day (`MOST_SKEW`;
/// notary-v1.md 4.1, step 2).
const MINUTES: i64 = 300;
const DAY: i64 = 86_400;

/// The first and the last second at which something is allowed.
type Window = (i64, i64);

const ALWAYS: Window = (EVER, NEVER);

#[test]
fn the_clock_allows_exactly_within_the_window() {
    let fixtures = accepted();
    let looked = in_parallel(&fixtures, sweep);
    let seconds: usize = looked.iter().map(|(seconds, _)| seconds).sum();
    let wrong: Vec<&String> = looked.iter().filter_map(|(_, wrong)| wrong.as_ref()).collect();
    let bounded = looked.len() - wrong.len();
    println!("clocks over {} fixtures: {seconds} moments, {bounded} windows as specified, {} others", fixtures.len(), wrong.len());
    assert!(wrong.is_empty() && seconds > 10 * fixtures.len(), "{wrong:#?}");
}

/// How many moments were judged, and what is wrong.
fn sweep(fixture: &&Fixture) -> (usize, Option<String>) {
    let material = Material::of(fixture);
    let windows = material.windows();
    let edges = windows.iter().flat_map(|(from, until)| [*from, *until]);
    let around = edges.chain(material.all()).flat_map(|time| [time - 1, time, time + 1]);
    let moments: BTreeSet<i64> = around.chain([946_684_800, 4_102_444_800]).filter(|time| (EVER..NEVER).contains(time)).collect();
    let allowed: Vec<(i64, bool)> = moments.iter().enumerate().map(|(turn, time)| (*time, allows(fixture, *time, turn))).collect();
    let fits = |(from, until): &Window| allowed.iter().all(|(time, allowed)| *allowed == (from..=until).contains(&time));
    let show = |time: &i64| Timestamp::from_second(*time).expect("a time").to_string();
    let wrong = (!windows.iter().any(fits)).then(|| {
        let seen: Vec<String> = allowed.iter().filter(|(_, allowed)| *allowed).map(|(time, _)| show(time)).collect();
        let expected: Vec<_> = windows.iter().map(|(from, until)| format!("{} to {}", show(from), show(until))).collect();
        format!("{}: expected {expected:?}, allowed from {:?} to {:?}", fixture.main.name, seen.first(), seen.last())
    });
    (allowed.len(), wrong)
}

fn allows(fixture: &Fixture, time: i64, turn: usize) -> bool {
    let at = Timestamp::from_second(time).expect("a time");
    fixture.ask(turn, |recording| recording.judged_at(at)).decision == Decision::Allow
}

/// What a fixture rests on, as it lies in its folder.
struct Material<'a> {
    scheme: &'a str,
    case: &'a str,
    /// The text of its policy, where there is a file.
    policy: String,
    /// The certificates that its policy names.
    anchors: Vec<Validity>,
    /// Every blob, with all that lies below encodings in it.
    blobs: Vec<(&'a What, Vec<Vec<u8>>)>,
}

impl<'a> Material<'a> {
    fn of(fixture: &'a Fixture) -> Self {
        let (scheme, case) = fixture.main.name.split_once('/').expect("a scheme and a case");
        let folder = folder(scheme).join("cases").join(case);
        let policy = fs::read_to_string(folder.join("policy.yaml")).unwrap_or_default();
        let files = policy.split("file: ").skip(1).filter_map(|rest| rest.split([' ', ',', '}']).next());
        let certificates = files.flat_map(|file| times::pem(&fs::read(folder.join(file)).expect("a file of the policy")));
        let anchors = certificates.flat_map(|der| times::validities(&der)).collect();
        let answers = fixture.main.answers.iter().filter_map(|answer| Some((&answer.want.what, answer.result.as_ref().ok()?)));
        let blobs = answers.flat_map(|(what, blobs)| blobs.iter().map(move |blob| (what, layers(blob.bytes())))).collect();
        Self { scheme, case, policy, anchors, blobs }
    }

    /// Everything that may be a time.
    fn all(&self) -> BTreeSet<i64> {
        self.layers().flat_map(|layer| times::all(layer)).collect()
    }

    fn layers(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.blobs.iter().flat_map(|(_, layers)| layers)
    }

    /// When it is allowed; where it holds several signatures, one of these.
    fn windows(&self) -> Vec<Window> {
        match self.scheme {
            "cosign" => vec![ALWAYS],
            "cosign-certificates" => self.certificates(),
            "keyless" => self.logged(),
            "notation" | "revocation" => self.notation(),
            "notary-v1" => vec![self.notary()],
            "simple-signing" => self.simple_signing(),
            other => panic!("{other}"),
        }
    }

    /// The validity of the path, both ends included (RFC 5280, 4.1.2.5), unless a key or one certificate is pinned.
    fn certificates(&self) -> Vec<Window> {
        if self.policy.contains("timestamp:") {
            return self.stamped(MINUTES);
        }
        if self.policy.contains("op: maxAge") {
            let told = self.layers().filter_map(|layer| times::text_after(layer, "\"finishedOn\""));
            return told.map(|time| (time, time + DAY)).collect();
        }
        if !self.policy.contains("chain:") {
            return vec![ALWAYS];
        }
        let pairs: Vec<Validity> = self.layers().flat_map(|layer| times::validities(layer)).chain(self.anchors.iter().copied()).collect();
        pairs.iter().copied().chain([common(&pairs)]).collect()
    }

    /// Since an authority saw it.
    fn stamped(&self, ahead: i64) -> Vec<Window> {
        self.layers().flat_map(|layer| times::der_times(layer)).map(|time| (time - ahead, NEVER)).collect()
    }

    /// Since the log has it, or an authority saw it.
    fn logged(&self) -> Vec<Window> {
        let integrated = self.layers().filter_map(|layer| times::number_after(layer, "integratedTime"));
        integrated.map(|time| (time - MINUTES, NEVER)).chain(self.stamped(MINUTES)).collect()
    }

    /// Notation: the validity of every certificate at the moment, and what was signed before it expires; with an authentic time,
    /// since that. Levels that only tell what failed ask for nothing.
    fn notation(&self) -> Vec<Window> {
        if ["level: audit", "level: permissive"].iter().any(|level| self.policy.contains(level)) {
            return vec![ALWAYS];
        }
        let answers: Vec<&What> = self.blobs.iter().map(|(what, _)| *what).filter(|what| matches!(what, What::Http { .. })).collect();
        let told = |at: i64| {
            let layers = self.blobs.iter().filter(|(what, _)| answers.contains(what)).flat_map(|(_, layers)| layers);
            let times: Vec<i64> = layers.flat_map(|layer| times::der_times(layer)).collect();
            let (before, after): (Vec<i64>, Vec<i64>) = times.into_iter().partition(|time| *time <= at);
            (before.into_iter().max().unwrap_or(EVER), after.into_iter().min().unwrap_or(NEVER))
        };
        let envelopes = self.blobs.iter().filter(|(what, _)| matches!(what, What::Blob(_)));
        envelopes.filter_map(|(_, layers)| self.envelope(layers, told)).collect()
    }

    fn envelope(&self, layers: &[Vec<u8>], told: impl Fn(i64) -> Window) -> Option<Window> {
        let find = |name: &str| layers.iter().find_map(|layer| times::text_after(layer, name).or_else(|| times::cbor_after(layer, name)));
        if let Some(authentic) = find("io.cncf.notary.authenticSigningTime") {
            return Some((authentic - DAY, NEVER));
        }
        let signed = find("io.cncf.notary.signingTime")?;
        let is_stamped = layers.iter().any(|layer| layer.windows(18).any(|part| part == b"timestampSignature"));
        if is_stamped && self.policy.contains("type: tsa") {
            return Some((signed - DAY, NEVER));
        }
        let pairs: Vec<Validity> = layers.iter().flat_map(|layer| times::validities(layer)).collect();
        let (from, until) = common(&pairs);
        let expiry = find("io.cncf.notary.expiry").filter(|_| !self.policy.contains("expiry: log"));
        let (since, before) = told(signed + DAY);
        Some((from.max(signed - DAY).max(since), until.min(before).min(expiry.map_or(NEVER, |expiry| expiry - 1))))
    }

    /// Notary v1: until the first role expires (`expires` < now); where the pin is a certificate, from a day before the root's
    /// begins, and under an authority from when the whole path is valid.
    fn notary(&self) -> Window {
        let roles = self.blobs.iter().filter(|(what, _)| matches!(what, What::Role { .. })).map(|(_, layers)| &layers[0]);
        let until = roles.filter_map(|role| times::text_after(role, "\"expires\"")).min().expect("roles expire");
        let pairs: Vec<Validity> = self.layers().flat_map(|layer| times::validities(layer)).collect();
        let case = notary::case(self.case);
        let from = match case.pin.keys().map(String::as_str).find(|kind| *kind != "rootBinding").expect("a pin") {
            "publicKey" => EVER,
            "authority" => common(&pairs).0,
            _ => common(&pairs).0 - DAY,
        };
        (from, until)
    }

    /// Simple signing: since the signature, until its key expires.
    fn simple_signing(&self) -> Vec<Window> {
        let until = KEYS_THAT_EXPIRE.iter().find(|(case, _)| *case == self.case).map_or(NEVER, |(_, expiry)| expiry - 1);
        self.created().map(|from| (from, until)).collect()
    }

    fn created(&self) -> impl Iterator<Item = i64> {
        let created =
            self.layers().flat_map(|layer| times::subpackets(layer, 2)).chain(self.layers().filter_map(|layer| times::version_3(layer)));
        created.map(|time| time - MINUTES)
    }
}

/// 2045-01-01 and 2025-07-01 (fixtures/simple-signing/README.md).
const KEYS_THAT_EXPIRE: [(&str, i64); 2] = [("until-2045", 2_366_841_600), ("expiring-before", 1_751_328_000)];

/// When all of them are valid.
fn common(pairs: &[Validity]) -> Window {
    pairs.iter().fold(ALWAYS, |(from, until), pair| (from.max(pair.0), until.min(pair.1)))
}

/// A blob, what lies below encodings in it, certificates in text, and what is compressed.
fn layers(blob: &[u8]) -> Vec<Vec<u8>> {
    let decoded = Layer::all(blob).into_iter().map(|layer| layer.bytes(blob));
    decoded.flat_map(|layer| times::pem(&layer).into_iter().chain(times::inflated(&layer)).chain([layer])).collect()
}
