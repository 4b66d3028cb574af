//! `verimage trust`.

use std::path::PathBuf;
use std::time::SystemTime;

use serde::Serialize;
use verimage::core::Timestamp;
use verimage::registry::Proxy;
use verimage::trust::{self, Contents, Origin, TrustFolder, TrustMaterial, UpdateOptions, Updated};
use verimage::{Code, Error, FolderMaterial, MaterialSource};

use crate::args::{Format, ShowArguments, TrustCommand, TrustFormat, UpdateArguments};
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::render::{json, trust as render};

/// A trust root and what is to be said of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    /// `embedded` or `updated`.
    pub(crate) origin: &'static str,
    pub(crate) mirror: String,
    pub(crate) path: Option<PathBuf>,
    pub(crate) dated: Timestamp,
    pub(crate) age_in_days: u64,
    pub(crate) expires: Option<Timestamp>,
    /// `metadata-expired`, where an update is due.
    pub(crate) warning: Option<Code>,
    #[serde(flatten)]
    pub(crate) contents: Contents,
}

/// What an update found.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) changed: bool,
    pub(crate) root: u64,
    pub(crate) timestamp: u64,
    pub(crate) snapshot: u64,
    pub(crate) targets: u64,
    #[serde(flatten)]
    pub(crate) shown: Shown,
}

pub(crate) async fn run(command: TrustCommand, folder: TrustFolder, console: &mut Console) -> Result<Exit, Failure> {
    match command {
        TrustCommand::Update(arguments) => update(arguments, folder, console).await,
        TrustCommand::Show(arguments) => show(&arguments, &folder, console),
    }
}

async fn update(arguments: UpdateArguments, folder: TrustFolder, console: &mut Console) -> Result<Exit, Failure> {
    let now = moment(arguments.at)?;
    let mut options = UpdateOptions::new(folder, now);
    options.root = arguments.root.map(|file| root_metadata(&file)).transpose()?;
    options.mirror = arguments.mirror;
    options.timeout = arguments.timeout;
    options.proxy = Proxy::from_environment();
    let Updated { material, versions, changed, .. } = trust::update(&options).await?;
    let shown = Shown::new(&material, now)?;
    let trust::Versions { root, timestamp, snapshot, targets, .. } = versions;
    let report = Report { changed, root, timestamp, snapshot, targets, shown };
    match arguments.format {
        Format::Text => console.show(&render::report(&report))?,
        Format::Json => console.data(&json::pretty(&report)?)?,
    }
    Ok(Exit::Admitted)
}

/// The time that the user names, or now, in whole seconds.
fn moment(at: Option<Timestamp>) -> Result<Timestamp, Failure> {
    let now = || Timestamp::try_from(SystemTime::now()).and_then(|now| Timestamp::from_second(now.as_second()));
    at.map_or_else(|| now().map_err(|_| Error::Clock.into()), Ok)
}

/// The file that the user names, wherever it is.
fn root_metadata(file: &str) -> Result<Vec<u8>, Failure> {
    FolderMaterial::new(Some(PathBuf::new())).file(file).map_err(|why| Failure::usage(format!("--root: {why}")))
}

fn show(arguments: &ShowArguments, folder: &TrustFolder, console: &mut Console) -> Result<Exit, Failure> {
    let material = trust::of_mirror(folder, &arguments.mirror)?.ok_or_else(|| never_asked(&arguments.mirror))?;
    let shown = Shown::new(&material, moment(arguments.at)?)?;
    match arguments.format {
        TrustFormat::Text => console.show(&render::shown(&shown))?,
        TrustFormat::Json => console.data(&json::pretty(&shown)?)?,
        TrustFormat::TrustedRoot => console.data(&String::from_utf8_lossy(&material.bytes))?,
    }
    Ok(Exit::Admitted)
}

fn never_asked(mirror: &str) -> Failure {
    let hint = format!("fetch one with `verimage trust update --mirror {mirror} --root FILE`");
    Failure::usage_with_hint(format!("no trust root of `{mirror}` was fetched yet"), hint)
}

impl Shown {
    fn new(material: &TrustMaterial, now: Timestamp) -> Result<Self, Failure> {
        let (origin, mirror, path) = match &material.origin {
            Origin::Updated { mirror, path } => ("updated", mirror.clone(), Some(path.clone())),
            _ => ("embedded", trust::PUBLIC_GOOD_MIRROR.to_owned(), None),
        };
        let (age_in_days, warning) = (material.age_in_days(now), material.warning(now));
        let contents = material.contents()?;
        Ok(Self { origin, mirror, path, dated: material.dated, age_in_days, expires: material.expires, warning, contents })
    }
}
