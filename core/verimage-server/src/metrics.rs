//! Counts for Prometheus. No label holds what a user can choose: neither images nor names nor kinds that are not known.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Bounds of the durations, in seconds.
const BOUNDS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 10.0, 30.0];

/// A review that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Answered {
    /// `validate`, `mutate` or `configsync`.
    pub(crate) path: &'static str,
    /// `allow`, `deny`, `skip` or `bad-request`.
    pub(crate) decision: &'static str,
}

/// An image that was judged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Judgement {
    /// The decision.
    pub(crate) result: &'static str,
    /// `hit` if the verdict was kept, else `miss`.
    pub(crate) cache: &'static str,
}

/// Something that was read again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Reload {
    /// `policy` or `certificate`.
    pub(crate) what: &'static str,
    /// `changed` or `failed`.
    pub(crate) result: &'static str,
}

#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) requests: Family<Answered, Counter>,
    pub(crate) verifications: Family<Judgement, Counter>,
    pub(crate) reloads: Family<Reload, Counter>,
    pub(crate) durations: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let (requests, verifications, reloads) = (Family::default(), Family::default(), Family::default());
        let durations = Histogram::new(BOUNDS);
        let mut registry = Registry::with_prefix("verimage");
        registry.register("admission_requests", "Reviews that were answered", Family::clone(&requests));
        registry.register("verifications", "Images that were judged", Family::clone(&verifications));
        registry.register("reloads", "Changes of policy and certificate, and failures to take them up", Family::clone(&reloads));
        registry.register("admission_duration_seconds", "How long reviews took", durations.clone());
        Self { registry, requests, verifications, reloads, durations }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // A text takes everything.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
