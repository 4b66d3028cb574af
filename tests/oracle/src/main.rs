//! Asks `sigstore-verify` about bundles: one line with `accept` or `reject` and the reason.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::process::ExitCode;

use sigstore_trust_root::TrustedRoot;
use sigstore_types::{Artifact, Bundle, DerPublicKey, Sha256Hash};
use sigstore_verify::{Policy, PublicKeyVerificationPolicy, VerificationPolicy, Verifier};

const USAGE: &str = "oracle --trusted-root FILE --bundle FILE (--artifact FILE | --digest sha256:HEX) \
                     (--key FILE | --identity TEXT --issuer TEXT)";

fn main() -> ExitCode {
    match options().and_then(|options| question(&options)) {
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            ExitCode::from(2)
        }
        Ok(Ok(())) => {
            println!("accept");
            ExitCode::SUCCESS
        }
        Ok(Err(reason)) => {
            println!("reject {}", reason.replace('\n', " "));
            ExitCode::from(1)
        }
    }
}

type Options = HashMap<String, String>;

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let name = name.strip_prefix("--").ok_or_else(|| format!("`{name}` is no option"))?.to_owned();
        let value = arguments.next().ok_or_else(|| format!("`--{name}` has no value"))?;
        options.insert(name, value);
    }
    Ok(options)
}

/// The outer error is ours, the inner one is the answer.
fn question(options: &Options) -> Result<Result<(), String>, Box<dyn Error>> {
    let option = |name: &str| options.get(name).ok_or_else(|| format!("`--{name}` is missing"));
    let read = |name: &str| option(name).and_then(|file| fs::read_to_string(file).map_err(|error| format!("{file}: {error}")));
    let (root, bundle) = (read("trusted-root")?, read("bundle")?);
    let signer = match options.get("key") {
        Some(_) => Signer::Key(read("key")?),
        None => Signer::Identity(option("identity")?, option("issuer")?),
    };
    match (options.get("artifact"), options.get("digest")) {
        (Some(file), None) => {
            let artifact = fs::read(file)?;
            Ok(answer(&root, &bundle, &signer, artifact.as_slice()))
        }
        (None, Some(digest)) => {
            let digest = digest.strip_prefix("sha256:").ok_or("only SHA-256 digests are asked about")?;
            Ok(answer(&root, &bundle, &signer, Sha256Hash::from_hex(digest)?))
        }
        _ => Err("one of `--artifact` and `--digest` must be given".into()),
    }
}

/// Who is expected to have signed.
enum Signer<'a> {
    Identity(&'a str, &'a str),
    Key(String),
}

impl Signer<'_> {
    fn policy(&self) -> Result<Box<dyn Policy>, String> {
        match self {
            Self::Identity(identity, issuer) => Ok(Box::new(VerificationPolicy::new(*identity, *issuer))),
            Self::Key(pem) => {
                let key = DerPublicKey::from_pem(pem).map_err(|error| format!("key: {error}"))?;
                Ok(Box::new(PublicKeyVerificationPolicy::new(key)))
            }
        }
    }
}

fn answer<'a>(root: &str, bundle: &str, signer: &Signer<'_>, artifact: impl Into<Artifact<'a>>) -> Result<(), String> {
    let policy = signer.policy()?;
    let root = TrustedRoot::from_json(root).map_err(|error| format!("trusted root: {error}"))?;
    let verifier = Verifier::new(&root).map_err(|error| format!("trusted root: {error}"))?;
    let bundle = Bundle::from_json(bundle).map_err(|error| format!("bundle: {error}"))?;
    verifier.verify(artifact, &bundle, policy.as_ref()).map(drop).map_err(|error| error.to_string())
}
