#![doc = include_str!("../docs.md")]

mod answer;
mod config_sync;
mod external_data;
mod extractor;
mod image_review;
mod images;
mod listed;
mod pull_secrets;
mod review;

pub use answer::{Judged, Purpose, answer, refusal, refuse};
pub use config_sync::SourceImage;
pub use external_data::{ProviderRequest, runnable};
pub use extractor::{Extractor, ExtractorError};
pub use image_review::ImageReview;
pub use images::{Images, ImagesError, ObjectImage, Skipped};
pub use listed::ListedImage;
pub use pull_secrets::PullSecrets;
pub use review::{GroupVersionKind, MAX_REVIEW_BYTES, Operation, Review, ReviewError};
