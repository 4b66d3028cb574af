//! The command line as it is typed. [`crate::plan`] turns it into what is to be done.

// The comments of arguments are their help texts, in which brackets mean what they mean on command lines.
#![allow(rustdoc::bare_urls, rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags)]

mod audit;
mod trust;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use verimage::core::Timestamp;
use verimage::{ImageRef, ImageSource, Platform};

pub(crate) use audit::{AuditArguments, AuditFormat, Rate, Shard};
pub(crate) use trust::{ShowArguments, TrustCommand, TrustFormat, UpdateArguments};

/// Judges container images: may this image run under this policy, and which digest exactly?
#[derive(Debug, Parser)]
#[command(name = "verimage", version, max_term_width = 120, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  every image is admitted
  1  some image is denied
  2  the arguments, the policy or the configuration cannot be used
  3  some image could not be judged, and none is denied

Example:
  verimage verify registry.example/app:v1 --cosign-key cosign.pub --insecure-ignore-tlog";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge images under a policy
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(Box<VerifyArguments>),
    /// Judge many images: those of a list, of Kubernetes manifests or of a cluster
    #[command(after_help = audit::AUDIT_EXAMPLES)]
    Audit(Box<AuditArguments>),
    /// Print an image's name with its digest
    #[command(after_help = RESOLVE_EXAMPLES)]
    Resolve(ResolveArguments),
    /// Print where the signatures of an image would be
    #[command(after_help = TRIANGULATE_EXAMPLES)]
    Triangulate(TriangulateArguments),
    /// Show every signature that can be found, without judging any
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(InspectArguments),
    /// Answer the AdmissionReviews of a Kubernetes API server
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Box<ServeArguments>),
    /// Begin, check, explain and convert policies
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Keep the sigstore trust root up to date, and show it
    #[command(subcommand)]
    Trust(TrustCommand),
    /// List the failure codes with their meaning and remedy
    #[command(after_help = CODES_EXAMPLES)]
    Codes(CodesArguments),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Write a first policy
    #[command(after_help = INIT_EXAMPLES)]
    Init(InitArguments),
    /// Load a policy and say what it demands
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArguments),
    /// Say which rules match an image, which wins and why, and what would be asked
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Box<ExplainArguments>),
    /// Write a policy of another tool in native form
    #[command(after_help = CONVERT_EXAMPLES)]
    Convert(ConvertArguments),
    /// Print the JSON Schema of policy files
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema(SchemaArguments),
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  verimage verify registry.example/app:v1 --policy policy.yaml
  verimage verify registry.example/app:v1 --key cosign.pub --insecure-ignore-tlog
  verimage verify registry.example/app:v1 --certificate-identity build@registry.example \\
      --certificate-oidc-issuer https://accounts.google.com
  verimage verify oci:tests/fixtures/cosign/layouts/p256:v1 \\
      --as registry.example/demo/app:v1 \\
      --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog";

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Images: [docker://]REFERENCE, oci:DIR[:TAG|@DIGEST], oci-archive:FILE[:TAG|@DIGEST] or dir:DIR
    #[arg(value_name = "IMAGE", value_parser = image, required_unless_present_any = ["print_policy", "replay"])]
    pub(crate) images: Vec<ImageArgument>,
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = VerdictFormat::Text)]
    pub(crate) format: VerdictFormat,
    /// Name under which an image from a layout or an archive is judged
    #[arg(long = "as", value_name = "REFERENCE", value_parser = reference)]
    pub(crate) name: Option<ImageRef>,
    /// Judge as of this time, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<Timestamp>,
    /// Platform inside an index, for rules with `subject: platform` or `either`
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", value_parser = platform)]
    pub(crate) platform: Option<Platform>,
    /// Look on when the decision is made, and report everything
    #[arg(long)]
    pub(crate) all_evidence: bool,
    /// How many images are judged at the same time
    #[arg(long, value_name = "N", default_value = "8")]
    pub(crate) jobs: NonZeroUsize,
    /// Save everything that was fetched for the image, to be judged again with --replay
    #[arg(long, value_name = "FILE", conflicts_with_all = ["replay", "print_policy"])]
    pub(crate) record: Option<PathBuf>,
    /// Judge a recorded verification again, without asking any registry
    #[arg(long, value_name = "FILE", conflicts_with = "name")]
    pub(crate) replay: Option<PathBuf>,
    /// Print the policy that would judge, and judge nothing
    #[arg(long)]
    pub(crate) print_policy: bool,
    #[command(flatten)]
    pub(crate) transport: TransportArguments,
}

/// A policy, or what stands for one.
#[derive(Debug, Args)]
pub(crate) struct PolicyArguments {
    /// Policy file [default: $VERIMAGE_POLICY, verimage/policy.yaml in the user's configuration directory,
    /// /etc/verimage/policy.yaml]
    #[arg(long, value_name = "FILE", help_heading = "Policy")]
    pub(crate) policy: Option<PathBuf>,
    /// With a policy that names trust stores, such as notation's trustpolicy.json: the folder that holds x509/TYPE/NAME
    /// [default: truststore in notation's configuration directory]
    #[arg(long, value_name = "DIR", help_heading = "Policy", conflicts_with_all = ["cosign_key", "certificate", "certificate_chain",
        "certificate_identity", "certificate_identity_regexp", "notation_ca", "notary_root"])]
    pub(crate) trust_store: Option<PathBuf>,
    /// Without a policy file: demand a cosign signature by this public key: a file, env://NAME, gitlab://PROJECT,
    /// k8s://NAMESPACE/SECRET, or https://HOST/PATH#SHA256:… with the fingerprint of the key
    #[arg(long, value_name = "KEY", visible_alias = "key", conflicts_with = "policy", help_heading = "Policy")]
    pub(crate) cosign_key: Option<String>,
    /// With --cosign-key: take whatever key is at an https address, without a fingerprint
    #[arg(long, conflicts_with = "policy", help_heading = "Policy")]
    pub(crate) insecure_unpinned_key: bool,
    /// Without a policy file: demand a keyless signature by this identity, or name in the certificate
    #[arg(long, value_name = "NAME", conflicts_with = "policy", help_heading = "Policy")]
    pub(crate) certificate_identity: Option<String>,
    /// As --certificate-identity, an expression that matches anywhere in the name
    #[arg(long, value_name = "REGEXP", conflicts_with_all = ["policy", "certificate_identity"], help_heading = "Policy")]
    pub(crate) certificate_identity_regexp: Option<String>,
    /// With --certificate-identity: who vouched for the identity, such as https://accounts.google.com
    #[arg(long, value_name = "URL", conflicts_with = "policy", help_heading = "Policy")]
    pub(crate) certificate_oidc_issuer: Option<String>,
    /// As --certificate-oidc-issuer, an expression that matches anywhere in it
    #[arg(long, value_name = "REGEXP", conflicts_with_all = ["policy", "certificate_oidc_issuer"], help_heading = "Policy")]
    pub(crate) certificate_oidc_issuer_regexp: Option<String>,
    /// Without a policy file: demand a signature by the holder of the certificate in this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["policy", "cosign_key"], help_heading = "Policy")]
    pub(crate) certificate: Option<PathBuf>,
    /// Without a policy file: demand a certificate of the authority in this file, its root last
    #[arg(long, value_name = "FILE", visible_alias = "ca-roots", conflicts_with_all = ["policy", "cosign_key"], help_heading = "Policy")]
    pub(crate) certificate_chain: Option<PathBuf>,
    /// Without a policy file: demand a Notary Project signature by a certificate of the authority in this file
    #[arg(long, value_name = "FILE", help_heading = "Policy",
        conflicts_with_all = ["policy", "cosign_key", "certificate", "certificate_chain", "certificate_identity",
        "certificate_identity_regexp", "certificate_oidc_issuer", "certificate_oidc_issuer_regexp", "trusted_root",
        "timestamp_certificate_chain", "signature_repository", "annotations", "insecure_ignore_tlog", "insecure_ignore_sct"])]
    pub(crate) notation_ca: Option<PathBuf>,
    /// With --notation-ca: who must have signed, such as 'x509.subject: C=US, ST=WA, O=Example'; repeatable [default: *]
    #[arg(long, value_name = "IDENTITY", requires = "notation_ca", help_heading = "Policy")]
    pub(crate) trusted_identity: Vec<String>,
    /// Without a policy file: demand a tag signed with Docker Content Trust below the root key, or root certificate, in this file
    #[arg(long, value_name = "FILE", help_heading = "Policy",
        conflicts_with_all = ["policy", "cosign_key", "certificate", "certificate_chain", "certificate_identity",
        "certificate_identity_regexp", "certificate_oidc_issuer", "certificate_oidc_issuer_regexp", "notation_ca", "trusted_root",
        "timestamp_certificate_chain", "signature_repository", "annotations", "insecure_ignore_tlog", "insecure_ignore_sct"])]
    pub(crate) notary_root: Option<PathBuf>,
    /// With --notary-root: the Notary server [default: https://notary.docker.io for Docker Hub, else the registry's host]
    #[arg(long, value_name = "URL", requires = "notary_root", help_heading = "Policy")]
    pub(crate) notary_server: Option<String>,
    /// With --notary-root: a delegation that must have signed, such as targets/alice; repeatable [default: targets/releases, then
    /// targets]
    #[arg(long, value_name = "ROLE", requires = "notary_root", help_heading = "Policy")]
    pub(crate) delegation: Vec<String>,
    /// Without a policy file: demand a GPG signature by one of the OpenPGP keys in this file
    #[arg(long, value_name = "FILE", help_heading = "Policy",
        conflicts_with_all = ["policy", "cosign_key", "certificate", "certificate_chain", "certificate_identity",
        "certificate_identity_regexp", "certificate_oidc_issuer", "certificate_oidc_issuer_regexp", "notation_ca", "notary_root",
        "trusted_root", "timestamp_certificate_chain", "signature_repository", "annotations", "insecure_ignore_tlog",
        "insecure_ignore_sct", "trust_store"])]
    pub(crate) gpg_key: Option<PathBuf>,
    /// With --gpg-key: where the signatures are, file://, http:// or https:// [default: as registries.d says]
    #[arg(long, value_name = "URL", requires = "gpg_key", help_heading = "Policy")]
    pub(crate) lookaside: Option<String>,
    /// With a short form: authorities and logs that count [default: those of sigstore's public instance]
    #[arg(long, value_name = "FILE", conflicts_with = "policy", help_heading = "Policy")]
    pub(crate) trusted_root: Option<PathBuf>,
    /// With a short form: an authority that must have stamped the signature, its root last
    #[arg(long, value_name = "FILE", conflicts_with = "policy", help_heading = "Policy")]
    pub(crate) timestamp_certificate_chain: Option<PathBuf>,
    /// With a short form: repository that holds the signatures [default: $COSIGN_REPOSITORY, or the image's own]
    #[arg(long, value_name = "REPOSITORY", conflicts_with = "policy", help_heading = "Policy")]
    pub(crate) signature_repository: Option<String>,
    /// With a short form: do not ask for a transparency log entry
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value_t = false, hide_default_value = true, hide_possible_values = true, action = ArgAction::Set,
        conflicts_with = "policy", help_heading = "Policy")]
    pub(crate) insecure_ignore_tlog: bool,
    /// With --certificate-identity: do not ask for a certificate transparency log
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value_t = false, hide_default_value = true, hide_possible_values = true, action = ArgAction::Set,
        conflicts_with = "policy", help_heading = "Policy")]
    pub(crate) insecure_ignore_sct: bool,
    /// With a short form: demand this annotation in the signature; repeatable, or separated by commas
    #[arg(short = 'a', long, value_name = "NAME=VALUE", value_delimiter = ',', value_parser = annotation,
        conflicts_with = "policy", help_heading = "Policy")]
    pub(crate) annotations: Vec<(String, String)>,
}

/// How registries are reached.
#[derive(Debug, Args)]
pub(crate) struct TransportArguments {
    /// Speak http to this registry host; repeatable. Loopback hosts need no flag
    #[arg(long, value_name = "HOST[:PORT]", help_heading = "Registries")]
    pub(crate) plain_http: Vec<String>,
    /// Trust the certificate authorities in this PEM file, besides those of the system; repeatable
    #[arg(long, value_name = "FILE", help_heading = "Registries")]
    pub(crate) ca_file: Vec<PathBuf>,
    /// Take credentials from this file only [default: those of the container tools, then docker's]
    #[arg(long, value_name = "FILE", help_heading = "Registries")]
    pub(crate) registry_config: Option<PathBuf>,
    /// Take mirrors and insecure registries from this file only [default: registries.conf of the container tools]
    #[arg(long, value_name = "FILE", help_heading = "Registries")]
    pub(crate) registries_conf: Option<PathBuf>,
    /// Take the places of GPG signatures from this folder only [default: registries.d of the container tools]
    #[arg(long, value_name = "DIR", help_heading = "Registries")]
    pub(crate) registries_d: Option<PathBuf>,
    /// Let certificates send questions about revocation to this private host; repeatable
    #[arg(long, value_name = "HOST[:PORT]", help_heading = "Registries")]
    pub(crate) allow_private: Vec<String>,
    /// Keep here which versions of collections on Notary servers were seen [default: verimage in the user's state directory]
    #[arg(long, value_name = "DIR", help_heading = "Registries")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Keep nothing of Notary servers, and believe what is older than what was seen before
    #[arg(long, conflicts_with = "state_dir", help_heading = "Registries")]
    pub(crate) no_state: bool,
    /// How long one image may take, such as 500ms, 30s or 2m
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration, help_heading = "Registries")]
    pub(crate) timeout: Duration,
    /// Ask no registry, and nobody for keys
    #[arg(long, help_heading = "Registries")]
    pub(crate) offline: bool,
}

/// Forms of verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum VerdictFormat {
    /// For people
    Text,
    /// One object for one image, an array for several
    Json,
    /// One object a line, as they are decided
    Jsonl,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, a test case for each image
    Junit,
}

/// Forms of everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// One JSON document
    Json,
}

/// Forms of the list of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CodesFormat {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// The page of the documentation
    Markdown,
}

const RESOLVE_EXAMPLES: &str = "\
Examples:
  verimage resolve registry.example/app:v1
  verimage resolve oci:tests/fixtures/cosign/layouts/p256:v1";

/// One image, from wherever it is.
#[derive(Debug, Args)]
pub(crate) struct OneImage {
    /// Image: [docker://]REFERENCE, oci:DIR[:TAG|@DIGEST], oci-archive:FILE[:TAG|@DIGEST] or dir:DIR
    #[arg(value_name = "IMAGE", value_parser = image)]
    pub(crate) image: ImageArgument,
    /// Name of an image from a layout or an archive
    #[arg(long = "as", value_name = "REFERENCE", value_parser = reference)]
    pub(crate) name: Option<ImageRef>,
    #[command(flatten)]
    pub(crate) transport: TransportArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ResolveArguments {
    #[command(flatten)]
    pub(crate) image: OneImage,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

const SERVE_EXAMPLES: &str = "\
Examples:
  verimage serve --config server.yaml
  verimage serve --config /etc/verimage/server.yaml --registry-config /etc/verimage/credentials.json";

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Configuration, `kind: ServerConfig`
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) transport: TransportArguments,
}

const TRIANGULATE_EXAMPLES: &str = "\
Examples:
  verimage triangulate registry.example/app:v1
  verimage triangulate oci:tests/fixtures/cosign/layouts/p256:v1 \\
      --signature-repository registry.example/signatures";

#[derive(Debug, Args)]
pub(crate) struct TriangulateArguments {
    #[command(flatten)]
    pub(crate) image: OneImage,
    /// Repository that holds the signatures [default: $COSIGN_REPOSITORY, or the image's own]
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) signature_repository: Option<String>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

const INSPECT_EXAMPLES: &str = "\
Examples:
  verimage inspect registry.example/app:v1
  verimage inspect oci:tests/fixtures/cosign/layouts/p256:v1 \\
      --as registry.example/demo/app:v1 --suggest-policy";

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    #[command(flatten)]
    pub(crate) image: OneImage,
    /// Repository that holds the signatures [default: $COSIGN_REPOSITORY, or the image's own]
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) signature_repository: Option<String>,
    /// Print a policy to begin with, made for what was found
    #[arg(long, conflicts_with = "format")]
    pub(crate) suggest_policy: bool,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

const INIT_EXAMPLES: &str = "\
Examples:
  verimage policy init > policy.yaml
  verimage policy init --image 'registry.example/team/**' --cosign-key cosign.pub \\
      --insecure-ignore-tlog --output policy.yaml";

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// Which images the rule is for: host/path[:tag] with * and **; repeatable [default: any image]
    #[arg(long, value_name = "PATTERN", requires = "cosign_key")]
    pub(crate) image: Vec<String>,
    /// Public key of a signer: a file, env://NAME, gitlab://PROJECT, k8s://NAMESPACE/SECRET or https://HOST/PATH#SHA256:…; of
    /// several, one must have signed
    #[arg(long, value_name = "KEY", visible_alias = "key")]
    pub(crate) cosign_key: Vec<String>,
    /// Take whatever key is at an https address, without a fingerprint
    #[arg(long, requires = "cosign_key")]
    pub(crate) insecure_unpinned_key: bool,
    /// Repository that holds the signatures [default: $COSIGN_REPOSITORY, or the image's own]
    #[arg(long, value_name = "REPOSITORY", requires = "cosign_key")]
    pub(crate) signature_repository: Option<String>,
    /// Do not ask for a transparency log entry
    #[arg(long, requires = "cosign_key")]
    pub(crate) insecure_ignore_tlog: bool,
    /// Write to this file, which must not be there yet [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  verimage policy check policy.yaml --strict
  verimage policy check tests/fixtures/cosign/cases/p256/policy.yaml --format json";

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Policy file [default: as for verify]
    #[arg(value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Folder of trust stores [default: as for verify]
    #[arg(long, value_name = "DIR")]
    pub(crate) trust_store: Option<PathBuf>,
    /// Exit with 1 if there are remarks
    #[arg(long)]
    pub(crate) strict: bool,
    /// Look at certificates as of this time, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<Timestamp>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  verimage policy explain registry.example/app:v1 --policy policy.yaml
  verimage policy explain registry.example/demo/app:v1 \\
      --policy tests/fixtures/cosign/cases/p256/policy.yaml";

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// Image, as for verify; nothing is fetched
    #[arg(value_name = "IMAGE", value_parser = image)]
    pub(crate) image: ImageArgument,
    /// Name under which an image from a layout or an archive is judged
    #[arg(long = "as", value_name = "REFERENCE", value_parser = reference)]
    pub(crate) name: Option<ImageRef>,
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

const CONVERT_EXAMPLES: &str = "\
Examples:
  verimage policy convert ~/.config/notation/trustpolicy.json > policy.yaml
  verimage policy convert cluster-image-policies.yaml
  verimage policy convert cli/tests/fixtures/trustpolicy.json";

#[derive(Debug, Args)]
pub(crate) struct ConvertArguments {
    /// Policy file of any known format: policy.json, trustpolicy.json, Kyverno's, policy-controller's, Connaisseur's, Portieris'
    #[arg(value_name = "FILE")]
    pub(crate) policy: PathBuf,
}

const SCHEMA_EXAMPLES: &str = "\
Examples:
  verimage policy schema > policy.schema.json
  verimage policy schema --verdict > verdict.schema.json
  verimage policy schema --server > server.schema.json";

#[derive(Debug, Args)]
pub(crate) struct SchemaArguments {
    /// The schema of verdicts as `verify --format json` prints them
    #[arg(long)]
    pub(crate) verdict: bool,
    /// The schema of the configuration of `serve`
    #[arg(long, conflicts_with = "verdict")]
    pub(crate) server: bool,
}

const CODES_EXAMPLES: &str = "\
Examples:
  verimage codes
  verimage codes --format markdown > docs/codes.md";

#[derive(Debug, Args)]
pub(crate) struct CodesArguments {
    /// Form of the list
    #[arg(long, value_enum, default_value_t = CodesFormat::Text)]
    pub(crate) format: CodesFormat,
}

const COMPLETIONS_EXAMPLES: &str = "\
Example:
  verimage completions bash > /usr/share/bash-completion/completions/verimage";

#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// Shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// An image as it is typed, and what it means.
#[derive(Clone, Debug)]
pub(crate) struct ImageArgument {
    pub(crate) text: String,
    pub(crate) source: ImageSource,
}

fn image(text: &str) -> Result<ImageArgument, String> {
    let source = ImageSource::parse(text).map_err(|error| error.to_string())?;
    Ok(ImageArgument { text: text.to_owned(), source })
}

fn reference(text: &str) -> Result<ImageRef, String> {
    ImageRef::parse(text).map_err(|error| error.to_string())
}

fn platform(text: &str) -> Result<Platform, &'static str> {
    text.parse()
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    text.parse().map_err(|_| "a time looks like `2026-01-31T12:00:00Z`")
}

fn annotation(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("an annotation looks like `name=value`"),
    }
}

/// `500ms`, `30s`, `2m` or `1h`; more than nothing.
fn duration(text: &str) -> Result<Duration, &'static str> {
    const FORM: &str = "a duration looks like `500ms`, `30s`, `2m` or `1h`";
    let digits = text.find(|symbol: char| !symbol.is_ascii_digit()).ok_or(FORM)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| FORM)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(FORM),
    };
    match number.checked_mul(milliseconds) {
        Some(0) => Err("a duration is more than nothing"),
        // A day is longer than any registry is worth waiting for, and far from what a clock can add.
        Some(total) if total <= 86_400_000 => Ok(Duration::from_millis(total)),
        _ => Err("a duration is at most `24h`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }

    /// What stands among the arguments can be read by every process.
    #[test]
    fn no_argument_is_a_secret() {
        let mut commands = vec![Arguments::command()];
        let mut seen = 0;
        while let Some(command) = commands.pop() {
            for name in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(!["password", "passphrase", "secret", "token", "user"].iter().any(|word| name.contains(word)), "--{name}");
                seen += 1;
            }
            commands.extend(command.get_subcommands().cloned());
        }
        assert!(seen > 50, "{seen}");
    }

    #[test]
    fn durations() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "30", "s", "-1s", "1.5s", "0s", "25h", "99999999999999999999s", "18446744073709551615h", "1 s", "1d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_command_has_an_example() {
        fn check(command: &clap::Command) {
            if command.get_subcommands().next().is_none() && command.get_name() != "help" {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("verimage "), "{}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Arguments::command());
    }
}
