#![doc = include_str!("../docs.md")]

mod answer;
mod config_sync;
mod extractor;
mod images;
mod pull_secrets;
mod review;

pub use answer::{Judged, Purpose, answer, refuse};
pub use config_sync::SourceImage;
pub use extractor::{Extractor, ExtractorError};
pub use images::{Images, ImagesError, ObjectImage, Skipped};
pub use pull_secrets::PullSecrets;
pub use review::{GroupVersionKind, MAX_REVIEW_BYTES, Operation, Review, ReviewError};
