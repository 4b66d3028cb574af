//! `Engine`: what `verimage.Verimage` stands on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use verimage::Verimage;
use verimage::registry::Credential;

use crate::arguments::{PolicyArgument, QuestionArguments};
use crate::errors;
use crate::keys::PyKeyResolver;
use crate::options::{Options, RepositoryArgument, limits};
use crate::policy::{Loading, Policy};
use crate::process::PerProcess;
use crate::store::PyStore;
use crate::tasks::{self, Call, Trouble};
use crate::verdict::Verdict;

/// Judges images. Keeps connections, tokens and verdicts between calls, for each process its own.
#[pyclass(frozen, module = "verimage._native")]
#[derive(Debug)]
pub(crate) struct Engine {
    options: Options,
    loading: Loading,
    engine: PerProcess<Verimage>,
}

/// What became of a question that nobody waits for in place.
#[derive(IntoPyObject)]
pub(crate) enum Begun {
    Done(Verdict),
    UnderWay(Call),
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (*, timeout, limits, offline, plain_http, ca_files, auth_file, credentials, registries_conf, registries_d,
        allow_private, state_dir, registry, lookaside, notary, web, stores, repositories, keep_verdicts, key_resolvers, trust_stores))]
    #[allow(clippy::too_many_arguments, reason = "the options of the class in Python, which gives each its default")]
    fn new(
        py: Python<'_>,
        timeout: f64,
        limits: BTreeMap<String, i64>,
        offline: bool,
        plain_http: Vec<String>,
        ca_files: Vec<PathBuf>,
        auth_file: Option<PathBuf>,
        credentials: BTreeMap<String, (String, String)>,
        registries_conf: Option<PathBuf>,
        registries_d: Option<PathBuf>,
        allow_private: Vec<String>,
        state_dir: Option<PathBuf>,
        registry: Option<PyStore>,
        lookaside: Option<PyStore>,
        notary: Option<PyStore>,
        web: Option<PyStore>,
        stores: BTreeMap<String, PyStore>,
        repositories: BTreeMap<String, RepositoryArgument>,
        keep_verdicts: f64,
        key_resolvers: Vec<PyKeyResolver>,
        trust_stores: Option<PathBuf>,
    ) -> PyResult<Self> {
        let unusable = |message: String| errors::configuration(py, &message);
        let timeout = Duration::try_from_secs_f64(timeout).ok().filter(|timeout| !timeout.is_zero());
        let basic = |(place, (username, password)): (String, (String, String))| (place, Credential::basic(username, password));
        let options = Options {
            timeout: timeout.ok_or_else(|| unusable("timeout: a number of seconds above 0".to_owned()))?,
            limits: self::limits(&limits).map_err(unusable)?,
            offline,
            plain_http,
            ca_files,
            auth_file,
            credentials: credentials.into_iter().map(basic).collect(),
            registries_conf,
            registries_d,
            allow_private,
            state_dir,
            registry,
            lookaside,
            notary,
            web,
            stores,
            repositories,
            keep_verdicts: Duration::try_from_secs_f64(keep_verdicts)
                .map_err(|_| unusable("keep_verdicts: a number of seconds, or 0 to keep none".to_owned()))?,
        };
        let engine = Self { options, loading: Loading { offline, key_resolvers, trust_stores }, engine: PerProcess::new() };
        engine.here(py)?;
        Ok(engine)
    }

    /// Loads a policy as this engine does when it is given one that is not loaded.
    fn load(&self, py: Python<'_>, policy: &Bound<'_, PyAny>) -> PyResult<Policy> {
        self.loading.wait(py, PolicyArgument::read(policy)?)
    }

    /// Judges one image, and waits for the verdict without the interpreter's lock.
    #[pyo3(signature = (image, policy, *, name = None, platform = None, at = None, all_evidence = false))]
    #[allow(clippy::too_many_arguments, reason = "the options of one question")]
    fn verify(
        &self,
        py: Python<'_>,
        image: &str,
        policy: &Bound<'_, PyAny>,
        name: Option<&str>,
        platform: Option<&str>,
        at: Option<&str>,
        all_evidence: bool,
    ) -> PyResult<Verdict> {
        tasks::wait(py, self.judge(py, &QuestionArguments { image, name, platform, at, all_evidence }, policy)?)
    }

    /// The verdict, if it is there without a question to anybody; else begins to judge the image, and the verdict goes to `callback(verdict, None)`, an error to `callback(None, error)`.
    #[pyo3(signature = (callback, image, policy, *, name = None, platform = None, at = None, all_evidence = false))]
    #[allow(clippy::too_many_arguments, reason = "the options of one question")]
    fn start(
        &self,
        py: Python<'_>,
        callback: Py<PyAny>,
        image: &str,
        policy: &Bound<'_, PyAny>,
        name: Option<&str>,
        platform: Option<&str>,
        at: Option<&str>,
        all_evidence: bool,
    ) -> PyResult<Begun> {
        let question = QuestionArguments { image, name, platform, at, all_evidence };
        if let Some(verdict) = self.kept(py, &question, policy)? {
            return Ok(Begun::Done(verdict));
        }
        tasks::start(py, callback, self.judge(py, &question, policy)?).map(Begun::UnderWay)
    }
}

impl Engine {
    /// The engine of this process.
    fn here(&self, py: Python<'_>) -> PyResult<Verimage> {
        tasks::contained_now(py, || self.engine.get(py, || self.options.build()).map_err(|error| errors::library(py, &error)))
    }

    fn kept(&self, py: Python<'_>, question: &QuestionArguments<'_>, policy: &Bound<'_, PyAny>) -> PyResult<Option<Verdict>> {
        let PolicyArgument::Loaded(policy) = PolicyArgument::read(policy)? else { return Ok(None) };
        let engine = self.here(py)?;
        tasks::contained_now(py, || Ok(engine.kept(&question.request(py)?, &policy).map(|verdict| Verdict { verdict })))
    }

    fn judge(
        &self,
        py: Python<'_>,
        question: &QuestionArguments<'_>,
        policy: &Bound<'_, PyAny>,
    ) -> PyResult<impl Future<Output = Result<Verdict, Trouble>> + Send + 'static> {
        let request = tasks::contained_now(py, || question.request(py))?;
        let (engine, loading, policy) = (self.here(py)?, self.loading.clone(), PolicyArgument::read(policy)?);
        Ok(async move {
            let policy = loading.load(policy).await?;
            Ok(Verdict { verdict: engine.judge(&request, &policy).await? })
        })
    }
}
