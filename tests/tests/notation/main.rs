//! Notary Project signatures through the whole product, by the signer of `notation-rs`, which does wrong what it is asked to.

mod anchors;
mod attacks;
mod codes;
mod limits;
#[path = "../../../backends/notation-rs/tests/suite/sign/mod.rs"]
#[allow(dead_code, unreachable_pub)]
mod sign;
mod stamps;
mod subjects;
mod trusted;
mod world;
