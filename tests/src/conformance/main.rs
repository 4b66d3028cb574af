//! The client protocol of sigstore's public conformance suite: `verify-bundle`. It signs nothing.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser};
use verimage::Digest;
use verimage::trust::{self, TrustFolder};
use verimage_core::Timestamp;
use verimage_cosign::artifact::Artifact;
use verimage_tests::bundle::{Signer, verify_bundle};

#[derive(Parser)]
#[command(name = "verimage-sigstore-conformance", about = "Verifies a sigstore bundle as the conformance suite asks for it")]
enum Arguments {
    /// Verify a bundle over a file, or over its digest
    VerifyBundle(Question),
}

#[derive(Args)]
struct Question {
    /// The bundle
    #[arg(long)]
    bundle: PathBuf,
    /// The name in the certificate
    #[arg(long, required_unless_present = "key", requires = "certificate_oidc_issuer")]
    certificate_identity: Option<String>,
    /// Who vouched for the name
    #[arg(long, requires = "certificate_identity")]
    certificate_oidc_issuer: Option<String>,
    /// The public key, in place of an identity
    #[arg(long, conflicts_with = "certificate_identity")]
    key: Option<PathBuf>,
    /// The trusted root; that of the public instance by default
    #[arg(long, required_if_eq("staging", "true"))]
    trusted_root: Option<PathBuf>,
    /// The bundle is of the staging instance, whose trusted root must be given
    #[arg(long)]
    staging: bool,
    /// A file, or `sha256:` with 64 hexadecimal digits
    file_or_digest: String,
}

fn main() -> ExitCode {
    let Arguments::VerifyBundle(question) = Arguments::parse();
    match question.answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

impl Question {
    fn answer(self) -> Result<(), String> {
        let signer = match (&self.key, self.certificate_identity, self.certificate_oidc_issuer) {
            (Some(key), _, _) => Signer::Key(read(key)?),
            (None, Some(subject), Some(issuer)) => Signer::Identity { subject, issuer },
            _ => return Err("an identity or a key is needed".to_owned()),
        };
        let root = match &self.trusted_root {
            Some(path) => read(path)?,
            None => trust::public_good(&TrustFolder::none()).map_err(|error| error.to_string())?.bytes,
        };
        let digest = Digest::parse(&self.file_or_digest).ok();
        let bytes = if digest.is_none() { read(&PathBuf::from(&self.file_or_digest))? } else { Vec::new() };
        let artifact = digest.as_ref().map_or(Artifact::Bytes(&bytes), Artifact::Digest);
        verify_bundle(&read(&self.bundle)?, artifact, signer, root, Timestamp::now()).map_err(|(code, detail)| format!("{code}: {detail}"))
    }
}

fn read(path: &PathBuf) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
