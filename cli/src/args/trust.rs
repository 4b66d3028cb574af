//! The arguments of `verimage trust`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use verimage::core::Timestamp;
use verimage::trust::PUBLIC_GOOD_MIRROR;

use super::{Format, duration, time};

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Fetch the newest sigstore trust root
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(UpdateArguments),
    /// Show the sigstore trust root that this machine has, and how old it is
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowArguments),
}

const UPDATE_EXAMPLES: &str = "\
Examples:
  verimage trust update
  verimage trust update --mirror https://tuf.example --root root.json";

#[derive(Debug, Args)]
pub(crate) struct UpdateArguments {
    /// TUF mirror to ask. What another one gives is kept apart
    #[arg(long, value_name = "URL", default_value = PUBLIC_GOOD_MIRROR)]
    pub(crate) mirror: String,
    /// TUF root metadata to begin with; another mirror needs it the first time
    #[arg(long, value_name = "FILE")]
    pub(crate) root: Option<String>,
    /// Compare expiries with this time, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<Timestamp>,
    /// How long the update may take, such as 30s or 2m
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  verimage trust show
  verimage trust show --format trusted-root > trusted_root.json";

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// TUF mirror whose trust root is shown; nobody is asked
    #[arg(long, value_name = "URL", default_value = PUBLIC_GOOD_MIRROR)]
    pub(crate) mirror: String,
    /// Say the age as of this time, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<Timestamp>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = TrustFormat::Text)]
    pub(crate) format: TrustFormat,
}

/// Forms of a trust root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TrustFormat {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// The file itself, for machines without a network
    TrustedRoot,
}
