//! The arguments of `audit`.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use verimage::core::Timestamp;

use super::{ImageArgument, PolicyArguments, TransportArguments, image, time};

pub(super) const AUDIT_EXAMPLES: &str = "\
Examples:
  verimage audit --manifests deploy/ --policy policy.yaml
  kubectl get pods --all-namespaces --output json | \\
      verimage audit --manifests - --policy policy.yaml --format html --output report.html
  verimage audit --context production --policy policy.yaml --format policyreport
  verimage audit --images fleet.txt --policy policy.yaml --rate 10/s --resume verdicts.jsonl
  verimage audit oci:tests/fixtures/cosign/layouts/p256:v1 \\
      --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog --format html";

#[derive(Debug, Args)]
pub(crate) struct AuditArguments {
    /// Images, as for verify
    #[arg(value_name = "IMAGE", value_parser = image)]
    pub(crate) images: Vec<ImageArgument>,
    /// Judge the images of this list, one a line, # begins a comment, - is standard input; repeatable
    #[arg(long = "images", value_name = "FILE")]
    pub(crate) lists: Vec<PathBuf>,
    /// Judge the images of the Kubernetes objects in this file, or in every YAML and JSON file below this folder, - is standard
    /// input; repeatable
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) manifests: Vec<PathBuf>,
    /// Judge the images of what runs in this cluster, a context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Judge the images of what runs in the cluster of this kubeconfig [default with --context: $KUBECONFIG, ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
    /// Form of the report
    #[arg(long, value_enum, default_value_t = AuditFormat::Text)]
    pub(crate) format: AuditFormat,
    /// Write the report to this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Judge as of this time, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<Timestamp>,
    /// How many images are judged at the same time
    #[arg(long, value_name = "N", default_value = "8")]
    pub(crate) jobs: NonZeroUsize,
    /// Ask each registry so many questions on average, such as 10/s, 100/m or 400/h
    #[arg(long, value_name = "N/UNIT")]
    pub(crate) rate: Option<Rate>,
    /// Keep verdicts in this file, and do not ask again about images that it allows or denies under the same policy
    #[arg(long, value_name = "FILE")]
    pub(crate) resume: Option<PathBuf>,
    /// Judge one part of the images, such as 2/5, so that others can judge the rest at the same time
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
    #[command(flatten)]
    pub(crate) transport: TransportArguments,
}

/// Forms of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    /// A table, as images are judged
    Text,
    /// One verdict a line, as images are judged
    Jsonl,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, a test case for each image
    Junit,
    /// Kubernetes policy reports (wgpolicyk8s.io/v1alpha2), one for each object
    #[value(name = "policyreport")]
    PolicyReport,
    /// Verification summaries (SLSA), one unsigned in-toto statement a line
    Vsa,
    /// One page for people
    Html,
}

/// So many questions in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    questions: NonZeroU32,
    time: Duration,
}

impl Rate {
    /// How much time one question takes up.
    pub(crate) fn interval(self) -> Duration {
        self.time / self.questions.get()
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a rate looks like `10/s`, `100/m` or `400/h`";
        let (questions, unit) = text.split_once('/').ok_or(FORM)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(FORM),
        };
        Ok(Self { questions: questions.parse().map_err(|_| FORM)?, time: Duration::from_secs(seconds) })
    }
}

/// One of several equal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    /// From 0.
    index: u64,
    count: u64,
}

impl Shard {
    /// Whether an image with this hash belongs to the part.
    pub(crate) fn has(self, hash: u64) -> bool {
        hash.checked_rem(self.count) == Some(self.index)
    }
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a part looks like `2/5`, from `1/5` to `5/5`";
        let (number, count) = text.split_once('/').ok_or(FORM)?;
        let (number, count): (u64, u64) = (number.parse().map_err(|_| FORM)?, count.parse().map_err(|_| FORM)?);
        if (1..=count).contains(&number) { Ok(Self { index: number - 1, count }) } else { Err(FORM) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        let interval = |text: &str| text.parse().map(Rate::interval);
        assert_eq!(interval("10/s"), Ok(Duration::from_millis(100)));
        assert_eq!(interval("90/m"), Ok(Duration::from_nanos(666_666_666)));
        assert_eq!(interval("400/h"), Ok(Duration::from_secs(9)));
        for bad in ["", "10", "10/d", "0/s", "-1/s", "1.5/s", "/s", "10/", "99999999999/s"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_hash_is_in_one_part() {
        let parts: Vec<Shard> = ["1/3", "2/3", "3/3"].iter().map(|text| text.parse().unwrap()).collect();
        for hash in [0, 1, 2, 3, u64::MAX] {
            assert_eq!(parts.iter().filter(|part| part.has(hash)).count(), 1, "{hash}");
        }
        for bad in ["", "1", "0/3", "4/3", "1/0", "0/0", "-1/2", "a/b", "1/2/3"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
