//! What is to be done: the arguments and the environment, read once, with every contradiction told.

mod audit;

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use verimage::core::Repository;
use verimage::core::Timestamp;
use verimage::core::policy::document::PublicKeyDocument;
use verimage::core::policy::{Location, Pattern};
use verimage::trust::TrustFolder;
use verimage::{
    ImageRef, ImageSource, QuickGpg, QuickIdentity, QuickNotary, QuickNotation, QuickPolicy, QuickSigner, Replayed, Request, quick_key,
};

use crate::args::{
    Arguments, CheckArguments, CodesArguments, Command, CompletionsArguments, ConvertArguments, ExplainArguments, Format, ImageArgument,
    InitArguments, InspectArguments, OneImage, PolicyArguments, PolicyCommand, ResolveArguments, SchemaArguments, ServeArguments,
    TransportArguments, TriangulateArguments, TrustCommand, VerdictFormat, VerifyArguments,
};
use crate::failure::Failure;
use crate::policy_search;

pub(crate) use audit::{AuditPlan, ClusterChoice, Sources};

/// What the process is told besides its arguments.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    /// `$VERIMAGE_POLICY`.
    pub(crate) policy: Option<PathBuf>,
    /// `$COSIGN_REPOSITORY`.
    pub(crate) cosign_repository: Option<String>,
    /// `$XDG_CONFIG_HOME`, or `.config` in `$HOME`.
    pub(crate) config_directory: Option<PathBuf>,
    /// Where updated trust roots are.
    pub(crate) trust_folder: TrustFolder,
}

impl Environment {
    pub(crate) fn of_process() -> Self {
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        Self {
            policy: variable("VERIMAGE_POLICY").map(PathBuf::from),
            cosign_repository: variable("COSIGN_REPOSITORY").map(|value| value.to_string_lossy().into_owned()),
            config_directory: policy_search::config_directory(variable("XDG_CONFIG_HOME"), variable("HOME")),
            trust_folder: TrustFolder::of_user(),
        }
    }
}

/// One command, ready to run.
#[derive(Debug)]
pub(crate) enum Plan {
    Verify(VerifyPlan),
    Audit(AuditPlan),
    PrintPolicy(PolicyChoice),
    Resolve { image: ImagePlan, format: Format },
    Triangulate { image: ImagePlan, signatures: Option<Repository>, format: Format },
    Inspect { image: ImagePlan, signatures: Option<Repository>, view: InspectView },
    Init(InitPlan),
    Check(CheckPlan),
    Convert(PathBuf),
    Explain(ExplainPlan),
    Serve(Box<ServeArguments>),
    Schema(SchemaArguments),
    Trust { command: TrustCommand, folder: TrustFolder },
    Codes(CodesArguments),
    Completions(CompletionsArguments),
}

impl Plan {
    /// Whether there is work for more than one core.
    pub(crate) fn is_large(&self) -> bool {
        match self {
            Self::Serve(_) | Self::Audit(_) => true,
            Self::Verify(VerifyPlan { task: VerifyTask::Judge { questions, .. }, .. }) => questions.len() > 1,
            _ => false,
        }
    }
}

/// Where the policy comes from.
#[derive(Clone, Debug)]
pub(crate) enum PolicyChoice {
    /// A file, named or found.
    File(PolicyFile),
    /// The short form, written as a policy.
    CommandLine(String),
}

/// A policy file, and where its trust stores are; in notation's own folder if nothing is said.
#[derive(Clone, Debug)]
pub(crate) struct PolicyFile {
    pub(crate) path: PathBuf,
    pub(crate) trust_stores: Option<PathBuf>,
}

#[derive(Debug)]
pub(crate) struct VerifyPlan {
    pub(crate) task: VerifyTask,
    pub(crate) policy: PolicyChoice,
    pub(crate) format: VerdictFormat,
    pub(crate) transport: TransportArguments,
}

#[derive(Debug)]
pub(crate) enum VerifyTask {
    /// Judge what the places hold now.
    Judge { questions: Vec<Question>, jobs: usize, record: Option<PathBuf> },
    /// Judge what a file holds.
    Replay { transcript: PathBuf, options: Replayed, image: Option<ImageRef> },
}

/// One image to judge, and how it was typed.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) text: String,
    /// What to call an image that has no name: a layout's image without `--as`.
    pub(crate) title: Option<String>,
    pub(crate) request: Request,
}

/// One image to look at.
#[derive(Debug)]
pub(crate) struct ImagePlan {
    pub(crate) argument: ImageArgument,
    /// Its name, if it has one: a layout's image has none of its own.
    pub(crate) name: Option<ImageRef>,
    /// The reference that stores are asked with.
    pub(crate) reference: ImageRef,
    pub(crate) transport: TransportArguments,
}

/// What `inspect` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InspectView {
    Tree,
    Json,
    Policy,
}

/// An image whose judging is explained.
#[derive(Debug)]
pub(crate) struct ExplainPlan {
    /// As people call it.
    pub(crate) text: String,
    pub(crate) reference: ImageRef,
    pub(crate) location: Location,
    pub(crate) policy: PolicyChoice,
    pub(crate) format: Format,
}

/// A policy file that is checked.
#[derive(Debug)]
pub(crate) struct CheckPlan {
    pub(crate) policy: PolicyFile,
    pub(crate) strict: bool,
    pub(crate) at: Option<Timestamp>,
    pub(crate) format: Format,
}

#[derive(Debug)]
pub(crate) struct InitPlan {
    pub(crate) images: Vec<String>,
    pub(crate) keys: Vec<PublicKeyDocument>,
    pub(crate) signature_repository: Option<Repository>,
    pub(crate) insecure_ignore_log: bool,
    pub(crate) output: Option<PathBuf>,
}

impl Plan {
    pub(crate) fn new(arguments: Arguments, environment: &Environment) -> Result<Self, Failure> {
        match arguments.command {
            Command::Verify(arguments) => verify(*arguments, environment),
            Command::Audit(arguments) => AuditPlan::new(*arguments, environment).map(Self::Audit),
            Command::Resolve(ResolveArguments { image, format }) => Ok(Self::Resolve { image: ImagePlan::new(image)?, format }),
            Command::Triangulate(TriangulateArguments { image, signature_repository, format }) => {
                let signatures = repository(signature_repository, environment)?;
                Ok(Self::Triangulate { image: ImagePlan::new(image)?, signatures, format })
            }
            Command::Inspect(arguments) => inspect(arguments, environment),
            Command::Serve(arguments) => Ok(Self::Serve(arguments)),
            Command::Policy(PolicyCommand::Init(arguments)) => init(arguments, environment),
            Command::Policy(PolicyCommand::Check(CheckArguments { policy, trust_store, strict, at, format })) => {
                Ok(Self::Check(CheckPlan { policy: policy_file(policy, trust_store, environment)?, strict, at, format }))
            }
            Command::Policy(PolicyCommand::Convert(ConvertArguments { policy })) => Ok(Self::Convert(policy)),
            Command::Policy(PolicyCommand::Explain(arguments)) => {
                let ExplainArguments { image, name, policy, format } = *arguments;
                let reference = image.source.judged_as(name.as_ref())?.with_default_tag();
                let location = if name.is_some() { Location::Registry } else { image.source.location() };
                let text = if is_registry(&image) { reference.to_string() } else { image.text };
                Ok(Self::Explain(ExplainPlan { text, reference, location, policy: policy_choice(policy, environment)?, format }))
            }
            Command::Policy(PolicyCommand::Schema(arguments)) => Ok(Self::Schema(arguments)),
            Command::Trust(command) => Ok(Self::Trust { command, folder: environment.trust_folder.clone() }),
            Command::Codes(arguments) => Ok(Self::Codes(arguments)),
            Command::Completions(arguments) => Ok(Self::Completions(arguments)),
        }
    }
}

fn verify(arguments: VerifyArguments, environment: &Environment) -> Result<Plan, Failure> {
    check_single("--as", arguments.name.is_some(), &arguments.images)?;
    check_single("--record", arguments.record.is_some(), &arguments.images)?;
    check_single("--replay", arguments.replay.is_some(), &arguments.images)?;
    let policy = policy_choice(arguments.policy, environment)?;
    if arguments.print_policy {
        return Ok(Plan::PrintPolicy(policy));
    }
    let mut questions = Vec::with_capacity(arguments.images.len());
    for image in &arguments.images {
        image.source.judged_as(arguments.name.as_ref())?;
        let mut request = Request::new(image.source.clone());
        request.name.clone_from(&arguments.name);
        request.platform.clone_from(&arguments.platform);
        request.at = arguments.at;
        request.all_evidence = arguments.all_evidence;
        let nameless = request.name.is_none() && !is_registry(image);
        questions.push(Question { text: image.text.clone(), title: nameless.then(|| image.text.clone()), request });
    }
    let task = match arguments.replay {
        None => VerifyTask::Judge { questions, jobs: arguments.jobs.get(), record: arguments.record },
        Some(transcript) => {
            let mut options = Replayed::default();
            options.platform = arguments.platform;
            options.at = arguments.at;
            options.all_evidence = arguments.all_evidence;
            if let Some(image) = arguments.images.iter().find(|image| !is_registry(image)) {
                return Err(Failure::usage_with_hint(
                    format!("`--replay` looks at no image, so it cannot judge `{}`", image.text),
                    "leave the image out",
                ));
            }
            let image = arguments.images.first().map(|image| image.source.judged_as(None)).transpose()?;
            VerifyTask::Replay { transcript, options, image }
        }
    };
    Ok(Plan::Verify(VerifyPlan { task, policy, format: arguments.format, transport: arguments.transport }))
}

/// Some options are about one image.
fn check_single(option: &str, given: bool, images: &[ImageArgument]) -> Result<(), Failure> {
    if given && images.len() > 1 {
        return Err(Failure::usage_with_hint(
            format!("`{option}` is for one image, and there are {}", images.len()),
            "call verimage once for each image",
        ));
    }
    Ok(())
}

fn policy_choice(arguments: PolicyArguments, environment: &Environment) -> Result<PolicyChoice, Failure> {
    if let Some(authority) = &arguments.notation_ca {
        let mut quick = QuickNotation::new(absolute(authority)?);
        quick.identities = arguments.trusted_identity;
        return quick.to_yaml().map(PolicyChoice::CommandLine).map_err(Failure::usage);
    }
    if let Some(root) = &arguments.notary_root {
        let mut quick = QuickNotary::new(absolute(root)?);
        quick.server = arguments.notary_server;
        quick.delegations = arguments.delegation;
        return quick.to_yaml().map(PolicyChoice::CommandLine).map_err(Failure::usage);
    }
    if let Some(keys) = &arguments.gpg_key {
        let mut quick = QuickGpg::new(absolute(keys)?);
        quick.lookaside = arguments.lookaside;
        return quick.to_yaml().map(PolicyChoice::CommandLine).map_err(Failure::usage);
    }
    let Some(signer) = signer(&arguments)? else {
        refuse_without_signer(&arguments)?;
        return policy_file(arguments.policy, arguments.trust_store, environment).map(PolicyChoice::File);
    };
    let file = |path: Option<&PathBuf>| path.map(|path| absolute(path)).transpose();
    let mut quick = QuickPolicy::new(signer);
    quick.signature_repository = repository(arguments.signature_repository, environment)?.map(|repository| repository.to_string());
    quick.trusted_root = file(arguments.trusted_root.as_ref())?;
    quick.timestamp_chain = file(arguments.timestamp_certificate_chain.as_ref())?;
    quick.insecure_ignore_log = arguments.insecure_ignore_tlog;
    quick.insecure_ignore_sct = arguments.insecure_ignore_sct;
    quick.annotations = annotations(arguments.annotations)?;
    quick.to_yaml().map(PolicyChoice::CommandLine).map_err(Failure::usage)
}

fn policy_file(named: Option<PathBuf>, trust_stores: Option<PathBuf>, environment: &Environment) -> Result<PolicyFile, Failure> {
    let path = named.map_or_else(|| policy_search::find(environment), Ok)?;
    Ok(PolicyFile { path, trust_stores })
}

/// Who must have signed, if the flags say it.
fn signer(arguments: &PolicyArguments) -> Result<Option<QuickSigner>, Failure> {
    let identity = identity(arguments)?;
    let file = |path: Option<&PathBuf>| path.map(|path| absolute(path)).transpose();
    match (&arguments.cosign_key, &arguments.certificate, &arguments.certificate_chain, identity) {
        (Some(_), _, _, Some(_)) => {
            Err(Failure::usage_with_hint("a key names nobody, so it cannot have an identity", "leave out the key, or the identity"))
        }
        (Some(key), _, _, None) => from_anywhere(key, arguments.insecure_unpinned_key).map(QuickSigner::Key).map(Some),
        (None, None, None, identity) => Ok(identity.map(QuickSigner::Keyless)),
        (None, None, Some(_), None) => Err(Failure::usage_with_hint(
            "an authority alone would let anybody sign to whom it issued a certificate",
            "add --certificate-identity, or write a policy with `identity: any`",
        )),
        (None, leaf, chain, identity) => {
            Ok(Some(QuickSigner::Certificate { leaf: file(leaf.as_ref())?, chain: file(chain.as_ref())?, identity }))
        }
    }
}

fn identity(arguments: &PolicyArguments) -> Result<Option<QuickIdentity>, Failure> {
    let expressions = [
        ("--certificate-identity-regexp", &arguments.certificate_identity_regexp),
        ("--certificate-oidc-issuer-regexp", &arguments.certificate_oidc_issuer_regexp),
    ];
    for (option, expression) in expressions {
        if let Some(Err(reason)) = expression.as_deref().map(Pattern::regex) {
            return Err(Failure::usage(format!("the expression of `{option}`: {reason}")));
        }
    }
    let mut identity = QuickIdentity::default();
    identity.subject = arguments.certificate_identity.clone();
    identity.subject_regexp = arguments.certificate_identity_regexp.clone();
    identity.issuer = arguments.certificate_oidc_issuer.clone();
    identity.issuer_regexp = arguments.certificate_oidc_issuer_regexp.clone();
    let said = [&identity.subject, &identity.subject_regexp, &identity.issuer, &identity.issuer_regexp];
    Ok(said.iter().any(|part| part.is_some()).then_some(identity))
}

/// What completes a short form means nothing without one.
fn refuse_without_signer(arguments: &PolicyArguments) -> Result<(), Failure> {
    let given = [
        ("--signature-repository", arguments.signature_repository.is_some()),
        ("--trusted-root", arguments.trusted_root.is_some()),
        ("--timestamp-certificate-chain", arguments.timestamp_certificate_chain.is_some()),
        ("--insecure-unpinned-key", arguments.insecure_unpinned_key),
        ("--insecure-ignore-tlog", arguments.insecure_ignore_tlog),
        ("--insecure-ignore-sct", arguments.insecure_ignore_sct),
        ("--annotations", !arguments.annotations.is_empty()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(Failure::usage_with_hint(
            format!("`{option}` completes a short form, and there is none"),
            "add --cosign-key, --certificate-identity or --certificate-chain",
        )),
        None => Ok(()),
    }
}

/// A key file that means the same wherever the policy is read from; key references stay as they are.
fn from_anywhere(key: &str, insecure_unpinned: bool) -> Result<PublicKeyDocument, Failure> {
    let mut key = typed(key, insecure_unpinned);
    key.file = key.file.map(|file| absolute(Path::new(&file))).transpose()?;
    Ok(key)
}

fn absolute(path: &Path) -> Result<String, Failure> {
    let whole = std::path::absolute(path).map_err(|error| Failure::usage(format!("`{}`: {error}", path.display())))?;
    whole.into_os_string().into_string().map_err(|_| Failure::usage(format!("the path `{}` is not UTF-8", path.display())))
}

fn annotations(given: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Failure> {
    let mut annotations = BTreeMap::new();
    for (name, value) in given {
        if annotations.get(&name).is_some_and(|known| *known != value) {
            return Err(Failure::usage(format!("the annotation `{name}` is demanded with two values")));
        }
        annotations.insert(name, value);
    }
    Ok(annotations)
}

fn repository(given: Option<String>, environment: &Environment) -> Result<Option<Repository>, Failure> {
    let origin = if given.is_some() { "--signature-repository" } else { "$COSIGN_REPOSITORY" };
    let Some(text) = given.or_else(|| environment.cosign_repository.clone()) else { return Ok(None) };
    let repository = Repository::parse(&text);
    repository.map(Some).map_err(|error| Failure::usage(format!("`{text}` of {origin} is no repository: {error}")))
}

fn inspect(arguments: InspectArguments, environment: &Environment) -> Result<Plan, Failure> {
    let view = match (arguments.suggest_policy, arguments.format) {
        (true, _) => InspectView::Policy,
        (false, Format::Text) => InspectView::Tree,
        (false, Format::Json) => InspectView::Json,
    };
    let signatures = repository(arguments.signature_repository, environment)?;
    Ok(Plan::Inspect { image: ImagePlan::new(arguments.image)?, signatures, view })
}

fn init(arguments: InitArguments, environment: &Environment) -> Result<Plan, Failure> {
    let environment = if arguments.cosign_key.is_empty() { &Environment::default() } else { environment };
    Ok(Plan::Init(InitPlan {
        images: arguments.image,
        keys: arguments.cosign_key.iter().map(|key| typed(key, arguments.insecure_unpinned_key)).collect(),
        signature_repository: repository(arguments.signature_repository, environment)?,
        insecure_ignore_log: arguments.insecure_ignore_tlog,
        output: arguments.output,
    }))
}

/// A key as it is typed; a file stays relative.
fn typed(key: &str, insecure_unpinned: bool) -> PublicKeyDocument {
    let mut key = quick_key(key);
    key.insecure_unpinned = insecure_unpinned;
    key
}

fn is_registry(image: &ImageArgument) -> bool {
    matches!(image.source, ImageSource::Registry(_))
}

impl ImagePlan {
    fn new(image: OneImage) -> Result<Self, Failure> {
        let OneImage { image: argument, name, transport } = image;
        let reference = argument.source.judged_as(name.as_ref())?.with_default_tag();
        let named = name.is_some() || is_registry(&argument);
        let name = named.then(|| reference.clone());
        Ok(Self { argument, name, reference, transport })
    }
}
