//! One bit at a time, of every blob that a verification rests on.

use std::ops::AddAssign;

use verimage::core::Answer;
use verimage::{CryptoSet, Decision};
use verimage_crypto::{EcdsaKey, EcdsaVerifier, PublicKey, Refused};
use verimage_tests::fixtures::{Outcome, everything};

use crate::bits::Layer;
use crate::{FIXTURES, Fixture, OF_PLATFORMS, accepted, in_parallel, relink, samples};

/// A prime: so each sample is another bit of its byte.
const STEP: usize = 7;

#[derive(Clone, Default, Debug)]
struct Count {
    tried: usize,
    refused: usize,
    /// Still the same digest, by the same signer: what nobody signs, such as an annotation that no leaf asks for.
    harmless: usize,
    /// Allowed, and not what was allowed before.
    wrong: Vec<String>,
    /// Tried once more with the digest left as it was.
    above: usize,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.tried += other.tried;
        self.refused += other.refused;
        self.harmless += other.harmless;
        self.above += other.above;
        self.wrong.extend(other.wrong);
    }
}

/// A bit of an answer.
struct Site<'a> {
    place: (usize, usize),
    layer: &'a Layer,
    bit: usize,
}

#[test]
fn no_bit_allows_another_digest_or_another_signer() {
    let accepted: Vec<&Fixture> = accepted().into_iter().filter(|fixture| fixture.main.name != OF_PLATFORMS).collect();
    let counts = in_parallel(&accepted, |fixture| flip_all(fixture));
    let mut all = Count::default();
    counts.into_iter().for_each(|count| all += count);
    println!(
        "bit flips over {} fixtures: {} tried beneath the hash check and {} above it; {} refused, {} harmless, {} wrong allows",
        accepted.len(),
        all.tried,
        all.above,
        all.refused,
        all.harmless,
        all.wrong.len()
    );
    assert!(all.wrong.is_empty(), "{:#?}", all.wrong);
    assert!(accepted.len() > 400 && all.tried > 30 * accepted.len(), "{} fixtures, {all:?}", accepted.len());
    assert_eq!(all.tried, all.refused + all.harmless);
    assert!(all.refused > all.tried / 3, "most bits are signed, or hold what is signed together: {all:?}");
}

/// What a list or a responder says is revoked, and what neither of them says, is not made good by a bit.
#[test]
fn no_bit_heals_what_is_revoked() {
    let revoked: Vec<&Fixture> = FIXTURES
        .iter()
        .filter(|fixture| fixture.main.name.starts_with("revocation/") && fixture.main.verdict.decision != Decision::Allow)
        .collect();
    let mut all = Count::default();
    in_parallel(&revoked, |fixture| flip_some(fixture, samples(500))).into_iter().for_each(|count| all += count);
    println!("bit flips over {} revoked fixtures: {} tried, {} wrong allows", revoked.len(), all.tried, all.wrong.len());
    assert!(all.wrong.is_empty(), "{:#?}", all.wrong);
    assert!(revoked.len() == 6 && all.tried > 2000 && all.harmless == 0, "{} fixtures, {all:?}", revoked.len());
}

/// Says yes to every signature.
#[derive(Debug)]
struct Yes;

impl EcdsaVerifier for Yes {
    fn load(&self, _: &PublicKey) -> Result<Box<dyn EcdsaKey>, Refused> {
        Ok(Box::new(Self))
    }
}

impl EcdsaKey for Yes {
    fn verify(&self, _: &[u8], _: &[u8]) -> Result<(), Refused> {
        Ok(())
    }
}

/// The flips are felt: where every signature is good, they lead to allows that are wrong, or bits are let pass that are refused
/// otherwise.
#[test]
fn signatures_are_what_refuses() {
    let lax = CryptoSet { ecdsa: &Yes, ..CryptoSet::aws_lc() };
    let mut wrong = 0;
    for name in ["cosign/p256", "cosign/bundle-p256", "keyless/bundle", "notation/cose-p256", "notary-v1/tag"] {
        let real = FIXTURES.iter().find(|fixture| fixture.main.name == name).expect("the fixture");
        let cases = everything();
        let asked = cases.iter().find(|case| case.name() == name).expect("the case");
        let ask = || asked.ask(lax).expect("its policy loads");
        let lax = Fixture { main: ask(), other: ask() };
        let [real, lax] = [real, &lax].map(|fixture| flip_some(fixture, 400));
        println!(
            "{name}: of {} bits {} pass, {} where every signature is good, {} of them wrongly",
            real.tried,
            real.harmless,
            lax.harmless + lax.wrong.len(),
            lax.wrong.len()
        );
        assert!(lax.harmless + lax.wrong.len() > real.harmless && real.wrong.is_empty(), "{name}: {real:?}, {lax:?}");
        wrong += lax.wrong.len();
    }
    assert!(wrong > 0, "nothing can be wrong");
}

fn flip_all(fixture: &Fixture) -> Count {
    let untouched = fixture.main.untouched();
    assert_eq!((untouched.decision, &untouched.digest), (Decision::Allow, &fixture.main.verdict.digest), "{}", fixture.main.name);
    flip_some(fixture, samples(48))
}

fn flip_some(fixture: &Fixture, most: usize) -> Count {
    let untouched = fixture.main.untouched();
    let layers = layers(&fixture.main.answers);
    let bits: usize = layers.iter().map(|(_, layer)| layer.bits()).sum();
    let samples = most.min(bits);
    let stride = (bits / samples).max(1);
    // An odd stride meets every bit of a byte.
    let stride = if stride == 1 { 1 } else { stride | 1 };
    let mut count = Count::default();
    for (turn, number) in (STEP % stride..bits).step_by(stride).enumerate() {
        let site = site(&layers, number);
        count.tried += 1;
        let outcome = flip(fixture, &site, turn);
        match outcome.decision {
            _ if outcome.allows_more_than(&untouched) => count.wrong.push(site.describe(fixture, &outcome)),
            Decision::Allow => count.harmless += 1,
            _ => count.refused += 1,
        }
        if turn.is_multiple_of(8) {
            count.above += 1;
            let outcome = flip_above(fixture, &site);
            count.wrong.extend(outcome.allows_more_than(&untouched).then(|| site.describe(fixture, &outcome)));
        }
    }
    count
}

/// Everything in the answers that has bits. What the machine itself kept is no answer of the world's.
fn layers(answers: &[Answer]) -> Vec<((usize, usize), Layer)> {
    let mut layers = Vec::new();
    for (at, answer) in answers.iter().enumerate().filter(|(_, answer)| !relink::is_own(answer)) {
        for (blob, bytes) in answer.result.iter().flatten().enumerate() {
            layers.extend(Layer::all(bytes.bytes()).into_iter().map(|layer| ((at, blob), layer)));
        }
    }
    layers
}

fn site<'a>(layers: &'a [((usize, usize), Layer)], mut number: usize) -> Site<'a> {
    for (place, layer) in layers {
        if number < layer.bits() {
            return Site { place: *place, layer, bit: number };
        }
        number -= layer.bits();
    }
    unreachable!("there are so many bits")
}

impl Site<'_> {
    fn describe(&self, fixture: &Fixture, outcome: &Outcome) -> String {
        let what = &fixture.main.answers[self.place.0].want.what;
        format!("{}: bit {} below {} encodings of {what:?}: {outcome:?}", fixture.main.name, self.bit, self.layer.depth())
    }
}

/// Flips a bit and makes all hashes fit again.
fn flip(fixture: &Fixture, site: &Site<'_>, turn: usize) -> Outcome {
    fixture.told(&relink::replace(&fixture.main.answers, site.place, flipped(fixture, site)), turn)
}

fn flipped(fixture: &Fixture, site: &Site<'_>) -> Vec<u8> {
    site.layer.flip(relink::blob(&fixture.main.answers, site.place), site.bit)
}

/// Flips a bit and leaves the digest.
fn flip_above(fixture: &Fixture, site: &Site<'_>) -> Outcome {
    let mut answers = fixture.main.answers.clone();
    relink::put(&mut answers, site.place, flipped(fixture, site));
    fixture.main.told(&answers)
}
