//! The engine: stores, limits and time, put together once and used for many images.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::ready;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use verimage_core::policy::Location;
use verimage_core::{
    Answer, Blob, Code, Context, Digest, Failure, ImageRef, Learned, Limits, Platform, Policy, Repository, Session, SignatureStore,
    StateStore, StoreError, Transcript, Verdict, Want, async_trait,
};

use crate::drive::{Driven, Pace, drive, drive_unless};
use crate::error::Error;
use crate::router::Router;
use crate::source::ImageSource;
#[cfg(feature = "kept-verdicts")]
use crate::verdicts::Question;

/// Judges images. Keeps connections and tokens between calls; cheap to clone.
#[derive(Clone, Debug)]
pub struct Verimage {
    router: Router,
    limits: Limits,
    pace: Pace,
    #[cfg(feature = "kept-verdicts")]
    verdicts: Option<crate::verdicts::Verdicts>,
    /// The store for registries, if it is ours.
    #[cfg(feature = "registry")]
    registries: Option<Arc<verimage_registry::RegistryStore>>,
}

impl Verimage {
    /// An engine step by step.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Judges one image.
    ///
    /// # Errors
    /// [`Error`] if the question could not be asked. A denied image is a verdict, not an error.
    pub async fn verify(&self, image_ref: &str, policy: &Policy) -> Result<Verdict, Error> {
        self.judge(&Request::new(ImageSource::parse(image_ref)?), policy).await.map(Arc::unwrap_or_clone)
    }

    /// Judges one image with every option. Where verdicts are kept ([`Builder::verdicts`]), one that still holds is the answer.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn judge(&self, request: &Request, policy: &Policy) -> Result<Arc<Verdict>, Error> {
        #[cfg(feature = "kept-verdicts")]
        if let Some(verdicts) = &self.verdicts
            && let Some(question) = Question::of(request, policy)
        {
            return verdicts.judge(self, &question, request, policy).await;
        }
        Ok(Arc::new(self.run(request, policy).await?.verdict))
    }

    /// The verdict that [`judge`](Self::judge) would give at once, asking nobody; nothing if somebody is to be asked.
    #[cfg(feature = "kept-verdicts")]
    pub fn kept(&self, request: &Request, policy: &Policy) -> Option<Arc<Verdict>> {
        self.verdicts.as_ref()?.find(&Question::of(request, policy)?)
    }

    /// Judges one image with every option, anew, and keeps what it was told.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn run(&self, request: &Request, policy: &Policy) -> Result<Verification, Error> {
        match self.run_unless(request, policy, |_| ready(None::<Infallible>)).await? {
            Ok(verification) => Ok(verification),
            Err(never) => match never {},
        }
    }

    /// The same, unless there is something `known` about the digest that the reference names.
    pub(crate) async fn run_unless<T, F: Future<Output = Option<T>>>(
        &self,
        request: &Request,
        policy: &Policy,
        known: impl Fn(Digest) -> F,
    ) -> Result<Result<Verification, T>, Error> {
        let image = request.source.judged_as(request.name.as_ref())?;
        let router = self.route(&request.source);
        let now = request.at.map_or_else(now, Ok)?;
        let mut context = Context::new(now, &self.limits);
        context.all_evidence = request.all_evidence;
        let mut session = Session::new(policy, image, request.platform.clone());
        if request.source.is_layout() {
            session = session.always_resolving();
        }
        let location = if request.name.is_some() { Location::Registry } else { request.source.location() };
        session = session.located(location.clone());
        let mut driven = match drive_unless(session, &router, &context, self.pace, known).await {
            Ok(driven) => driven,
            Err(known) => return Ok(Err(known)),
        };
        self.keep(&driven.learned, &mut driven.verdict).await;
        let Driven { verdict, resolved, answers, .. } = driven;
        Ok(Ok(Verification { verdict, resolved, answers, limits: self.limits.clone(), location }))
    }

    /// What the same answers say of `image` in its registry at another time; nothing if that rests on questions that were not
    /// asked.
    #[cfg(feature = "kept-verdicts")]
    pub(crate) async fn judge_again(
        &self,
        image: &ImageRef,
        request: &Request,
        policy: &Policy,
        told: &verimage_core::Replay,
        at: Timestamp,
    ) -> Option<Verdict> {
        let mut context = Context::new(at, &self.limits);
        context.all_evidence = request.all_evidence;
        let session = Session::new(policy, image.clone(), request.platform.clone());
        let again = drive(session, told, &context, self.pace).await;
        again.answers.iter().all(|answer| told.has(&answer.want)).then_some(again.verdict)
    }

    /// Keeps what was learned, also of an image that is not allowed. A first contact that is forgotten again would be the
    /// first each time, so it allows nothing.
    async fn keep(&self, learned: &[Learned], verdict: &mut Verdict) {
        let keep = async |learned: &Learned| match &self.router.state {
            Some(state) => state.keep(learned).await,
            None => Err(StoreError::unavailable("nobody keeps anything")),
        };
        for learned in learned {
            let Err(error) = keep(learned).await else { continue };
            verdict.warnings.extend(["trust-state-not-kept".to_owned()]);
            if learned.must_be_kept && verdict.admitted {
                let detail = format!("the first contact with {} at {} could not be kept: {error}", learned.collection, learned.server);
                verdict.withdraw(&Failure::new(Code::of_store_error(error.kind), detail));
            }
        }
        verdict.warnings.dedup();
    }

    /// Judges a recorded verification again: the transcript's answers, this policy. Nothing is fetched.
    ///
    /// # Errors
    /// [`Error::Transcript`] if the transcript does not hold together.
    pub async fn replay(&self, transcript: &Transcript, request: &Replayed, policy: &Policy) -> Result<Verdict, Error> {
        let image =
            ImageRef::parse(transcript.image()).map_err(|error| Error::Configuration(format!("the transcript's image: {error}")))?;
        let recorded = || transcript.at().parse().map_err(|error| Error::Configuration(format!("the transcript's time: {error}")));
        let now = request.at.map_or_else(recorded, Ok)?;
        let store = transcript.replay()?;
        let limits = transcript.limits().within(&self.limits);
        let mut context = Context::new(now, &limits);
        context.all_evidence = request.all_evidence;
        let mut session = Session::new(policy, image, request.platform.clone()).located(transcript.location().clone());
        if transcript.is_resolved() {
            session = session.always_resolving();
        }
        Ok(drive(session, &store, &context, self.pace).await.verdict)
    }

    /// The store that answers for an image: its layout, or the registries.
    pub fn store_for(&self, source: &ImageSource) -> Arc<dyn SignatureStore> {
        Arc::new(self.route(source))
    }

    /// A layout that cannot be opened is a place that cannot be used, as a registry that cannot be reached.
    fn route(&self, source: &ImageSource) -> Router {
        let mut router = self.router.clone();
        match source.open() {
            Ok(None) => {}
            Ok(Some(layout)) => router.image = Some(layout),
            Err(error) => router.image = Some(Arc::new(Unusable(error.to_string()))),
        }
        router
    }

    /// The same engine over the same connections for somebody whose credentials for registries, by `host` or `host/path`, go
    /// before its own. Verdicts over digests are shared; what tags name is not. Nothing if the engine is offline, or was given
    /// a store for registries.
    #[cfg(feature = "registry")]
    pub fn of_reader(&self, credentials: &BTreeMap<String, verimage_registry::Credential>) -> Option<Self> {
        let registries = Arc::new(self.registries.as_ref()?.of_reader(credentials));
        let mut reader = self.clone();
        reader.router.registry = Some(Arc::clone(&registries) as Arc<dyn SignatureStore>);
        reader.registries = Some(registries);
        #[cfg(feature = "kept-verdicts")]
        {
            reader.verdicts = self.verdicts.as_ref().map(crate::verdicts::Verdicts::apart);
        }
        Some(reader)
    }

    /// The bounds of every verification.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// Stands for a layout that could not be opened.
#[derive(Debug)]
struct Unusable(String);

#[async_trait]
impl SignatureStore for Unusable {
    async fn fetch(&self, _image: &ImageRef, _want: &Want) -> Result<Vec<Blob>, StoreError> {
        Err(StoreError::unavailable(self.0.clone()))
    }
}

pub(crate) fn now() -> Result<Timestamp, Error> {
    Timestamp::try_from(std::time::SystemTime::now()).map_err(|_| Error::Clock)
}

/// One question.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// Where the image is.
    pub source: ImageSource,
    /// The name under which an image from a layout is judged.
    pub name: Option<ImageRef>,
    /// The platform inside an index.
    pub platform: Option<Platform>,
    /// The time at which is judged; now, if none is given.
    pub at: Option<Timestamp>,
    /// Whether to look on when the decision is made.
    pub all_evidence: bool,
}

impl Request {
    /// A question without options.
    pub fn new(source: ImageSource) -> Self {
        Self { source, name: None, platform: None, at: None, all_evidence: false }
    }
}

/// The options of a replay.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Replayed {
    /// The platform inside an index.
    pub platform: Option<Platform>,
    /// The time at which is judged; the recorded time, if none is given.
    pub at: Option<Timestamp>,
    /// Whether to look on when the decision is made.
    pub all_evidence: bool,
}

/// A verdict and what it rests on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verification {
    /// The answer.
    pub verdict: Verdict,
    #[cfg_attr(not(feature = "kept-verdicts"), allow(dead_code))]
    pub(crate) resolved: Option<Digest>,
    pub(crate) answers: Vec<Answer>,
    limits: Limits,
    location: Location,
}

impl Verification {
    /// Everything that was fetched, as a file that can be judged again.
    pub fn transcript(&self) -> Transcript {
        Transcript::new(&self.verdict.image, &self.verdict.at, &self.limits, &self.answers).located(self.location.clone())
    }

    /// How many questions were asked.
    pub fn questions(&self) -> usize {
        self.answers.len()
    }
}

/// Puts a [`Verimage`] together.
#[derive(Debug)]
pub struct Builder {
    repositories: BTreeMap<String, Arc<dyn SignatureStore>>,
    named: BTreeMap<String, Arc<dyn SignatureStore>>,
    registry: Option<Arc<dyn SignatureStore>>,
    offline: bool,
    #[cfg(any(feature = "notary-v1", feature = "registry", feature = "simple-signing"))]
    servers: Option<verimage_transport::RegistryConfig>,
    registries_d: Option<PathBuf>,
    web: Option<Arc<dyn SignatureStore>>,
    lookaside: Option<Arc<dyn SignatureStore>>,
    notary: Option<Arc<dyn SignatureStore>>,
    state: Option<Arc<dyn StateStore>>,
    allow_private: Vec<String>,
    limits: Limits,
    pace: Pace,
    #[cfg(feature = "kept-verdicts")]
    verdicts: Option<crate::verdicts::Verdicts>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            repositories: BTreeMap::new(),
            named: BTreeMap::new(),
            registry: None,
            offline: false,
            #[cfg(any(feature = "notary-v1", feature = "registry", feature = "simple-signing"))]
            servers: None,
            registries_d: None,
            web: None,
            lookaside: None,
            notary: None,
            state: None,
            allow_private: Vec::new(),
            limits: Limits::default(),
            pace: Pace { timeout: Duration::from_secs(30), concurrency: 16 },
            #[cfg(feature = "kept-verdicts")]
            verdicts: None,
        }
    }
}

impl Builder {
    /// Answers for one repository from a store of your own, such as a layout.
    #[must_use]
    pub fn repository(mut self, repository: &Repository, store: Arc<dyn SignatureStore>) -> Self {
        self.repositories.insert(repository.to_string(), store);
        self
    }

    /// Answers for a store that policies name.
    #[must_use]
    pub fn store(mut self, name: &str, store: Arc<dyn SignatureStore>) -> Self {
        self.named.insert(name.to_owned(), store);
        self
    }

    /// Answers for every registry. Without it, the configuration of this machine's container tools is used.
    #[must_use]
    pub fn registry(mut self, store: Arc<dyn SignatureStore>) -> Self {
        self.registry = Some(store);
        self
    }

    /// How registries and Notary servers are reached. Without it, as the container tools of this machine are set up.
    #[cfg(any(feature = "notary-v1", feature = "registry", feature = "simple-signing"))]
    #[must_use]
    pub fn servers(mut self, config: verimage_transport::RegistryConfig) -> Self {
        self.servers = Some(config);
        self
    }

    /// Takes the places of lookasides from this folder; by default from `registries.d` of the container tools.
    #[must_use]
    pub fn registries_d(mut self, folder: impl Into<PathBuf>) -> Self {
        self.registries_d = Some(folder.into());
        self
    }

    /// Answers for web addresses, such as those of revocation lists. Without it, they are asked over the network.
    #[must_use]
    pub fn web(mut self, store: Arc<dyn SignatureStore>) -> Self {
        self.web = Some(store);
        self
    }

    /// Answers for lookasides of signatures. Without it, they are asked as the container tools of this machine are set up.
    #[must_use]
    pub fn lookaside(mut self, store: Arc<dyn SignatureStore>) -> Self {
        self.lookaside = Some(store);
        self
    }

    /// Answers for Notary servers. Without it, they are asked over the network, as the container tools of this machine are set up.
    #[must_use]
    pub fn notary(mut self, store: Arc<dyn SignatureStore>) -> Self {
        self.notary = Some(store);
        self
    }

    /// Keeps which versions of collections on Notary servers were seen, so that older ones are never believed again. Without
    /// it nothing is kept, and the verdict warns.
    #[must_use]
    pub fn state(mut self, state: Arc<dyn StateStore>) -> Self {
        self.state = Some(state);
        self
    }

    /// Lets certificates send questions about revocation to this host, `name` or `name:port`, although it is private.
    #[must_use]
    pub fn allow_private(mut self, host: &str) -> Self {
        self.allow_private.push(host.to_owned());
        self
    }

    /// No network of its own: what no given store answers for is unavailable.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.offline = true;
        self
    }

    /// The bounds of every verification.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long one verification may take. 30 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.pace.timeout = timeout;
        self
    }

    /// Keeps verdicts over images in registries, for [`Verimage::judge`]. Without it every question is asked anew.
    #[cfg(feature = "kept-verdicts")]
    #[must_use]
    pub fn verdicts(mut self, verdicts: crate::verdicts::Verdicts) -> Self {
        self.verdicts = Some(verdicts);
        self
    }

    /// The engine.
    ///
    /// # Errors
    /// [`Error::Configuration`] if this machine's registry configuration cannot be read.
    pub fn build(mut self) -> Result<Verimage, Error> {
        let offline = self.offline;
        let lookaside = match self.lookaside.take() {
            None if !offline => self.lookasides()?,
            given => given,
        };
        let notary = match self.notary.take() {
            None if !offline => self.notary_servers()?,
            given => given,
        };
        let given = self.registry.take();
        #[cfg(feature = "registry")]
        let registries = if given.is_none() && !offline { Some(self.registries()?) } else { None };
        #[cfg(feature = "registry")]
        let given = given.or(registries.clone().map(|store| store as Arc<dyn SignatureStore>));
        let web = self.web.or_else(|| if offline { None } else { machine_web(self.allow_private) });
        let (repositories, named, state) = (self.repositories, self.named, self.state);
        let router = Router { image: None, registry: given, repositories, web, lookaside, notary, state, named };
        Ok(Verimage {
            router,
            limits: self.limits,
            pace: self.pace,
            #[cfg(feature = "kept-verdicts")]
            verdicts: self.verdicts,
            #[cfg(feature = "registry")]
            registries,
        })
    }

    #[cfg(any(feature = "notary-v1", feature = "registry", feature = "simple-signing"))]
    fn server_config(&self) -> Result<verimage_transport::RegistryConfig, verimage_transport::ConfigError> {
        self.servers.clone().map_or_else(verimage_transport::RegistryConfig::from_environment, Ok)
    }

    #[cfg(feature = "simple-signing")]
    fn lookasides(&self) -> Result<Option<Arc<dyn SignatureStore>>, Error> {
        let registries_d = match &self.registries_d {
            Some(folder) => verimage_lookaside::RegistriesD::of_folder(folder),
            None => verimage_lookaside::RegistriesD::of_machine(),
        };
        let store = self.server_config().and_then(|config| verimage_lookaside::LookasideStore::new(&config, registries_d));
        store.map(|store| Some(Arc::new(store) as Arc<dyn SignatureStore>)).map_err(|error| Error::Configuration(error.to_string()))
    }

    #[cfg(not(feature = "simple-signing"))]
    #[allow(clippy::unnecessary_wraps, clippy::unused_self)]
    fn lookasides(&self) -> Result<Option<Arc<dyn SignatureStore>>, Error> {
        Ok(None)
    }

    #[cfg(feature = "notary-v1")]
    fn notary_servers(&self) -> Result<Option<Arc<dyn SignatureStore>>, Error> {
        let store = self.server_config().and_then(|config| verimage_notary_server::NotaryServerStore::new(&config));
        let kept = |store| Some(Arc::new(crate::kept::Kept::new(store)) as Arc<dyn SignatureStore>);
        store.map(kept).map_err(|error| Error::Configuration(error.to_string()))
    }

    #[cfg(not(feature = "notary-v1"))]
    #[allow(clippy::unnecessary_wraps, clippy::unused_self)]
    fn notary_servers(&self) -> Result<Option<Arc<dyn SignatureStore>>, Error> {
        Ok(None)
    }

    #[cfg(feature = "registry")]
    fn registries(&self) -> Result<Arc<verimage_registry::RegistryStore>, Error> {
        let store = self.server_config().and_then(verimage_registry::RegistryStore::new);
        store.map(Arc::new).map_err(|error| Error::Configuration(error.to_string()))
    }
}

#[cfg(feature = "revocation")]
#[allow(clippy::unnecessary_wraps, reason = "without the feature there is none")]
fn machine_web(allow_private: Vec<String>) -> Option<Arc<dyn SignatureStore>> {
    Some(Arc::new(crate::kept::Kept::new(crate::web::WebStore::new(allow_private))))
}

#[cfg(not(feature = "revocation"))]
fn machine_web(_: Vec<String>) -> Option<Arc<dyn SignatureStore>> {
    None
}
