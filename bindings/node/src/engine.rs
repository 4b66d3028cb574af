//! The engine, and calls of it that can be taken back.

use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{self, Either as First};
use napi::bindgen_prelude::{Either, PromiseRaw};
use napi::{Env, Result};
use napi_derive::napi;
use tokio::sync::Notify;
use verimage::{Request, Verdict, Verimage};

use crate::options::{EngineOptions, Question};
use crate::policy::Policy;
use crate::refusal::{Refusal, contained, contained_now};
use crate::store::NamedStore;

/// Judges images; keeps connections.
#[napi]
pub struct Engine(Verimage);

/// Takes calls back.
#[napi]
pub struct Cancellation(Arc<Notify>);

#[napi]
impl Engine {
    /// An engine with these options, which are JSON, and these stores.
    #[napi(catch_unwind)]
    pub fn build(options: String, stores: Vec<NamedStore>) -> Either<Engine, Refusal> {
        match contained_now(|| EngineOptions::parse(&options)?.build(stores)) {
            Ok(engine) => Either::A(Self(engine)),
            Err(refusal) => Either::B(refusal),
        }
    }

    /// The verdict that is there without a question to anybody, as JSON.
    #[napi(catch_unwind)]
    pub fn kept(&self, image: String, policy: &Policy, question: String) -> Either<Option<String>, Refusal> {
        let kept = || {
            let request = Question::parse(&question)?.about(&image)?;
            self.0.kept(&request, &policy.0).map(|verdict| json(&verdict)).transpose()
        };
        match contained_now(kept) {
            Ok(kept) => Either::A(kept),
            Err(refusal) => Either::B(refusal),
        }
    }

    /// The verdict as JSON; `question` holds the options of this call as JSON.
    #[napi(catch_unwind)]
    pub fn verify<'env>(
        &self,
        env: &'env Env,
        image: String,
        policy: &Policy,
        question: String,
        cancellation: Option<&Cancellation>,
    ) -> Result<PromiseRaw<'env, Either<String, Refusal>>> {
        let (engine, policy) = (self.0.clone(), policy.0.clone());
        let cancelled = cancellation.map(|cancellation| cancellation.0.clone());
        env.spawn_future(async move {
            let work = async {
                let request = Question::parse(&question)?.about(&image)?;
                judge(&engine, &request, &policy).await
            };
            Ok(match until(cancelled, contained(work)).await {
                Ok(verdict) => Either::A(verdict),
                Err(refusal) => Either::B(refusal),
            })
        })
    }
}

async fn judge(engine: &Verimage, request: &Request, policy: &verimage::Policy) -> std::result::Result<String, Refusal> {
    json(&*engine.judge(request, policy).await?)
}

fn json(verdict: &Verdict) -> std::result::Result<String, Refusal> {
    serde_json::to_string(verdict).map_err(|_| Refusal::internal())
}

/// Drops the work, and with it what it waits for, as soon as it is taken back.
async fn until<T>(
    cancelled: Option<Arc<Notify>>,
    work: impl Future<Output = std::result::Result<T, Refusal>>,
) -> std::result::Result<T, Refusal> {
    let Some(cancelled) = cancelled else { return work.await };
    match future::select(pin!(cancelled.notified()), pin!(work)).await {
        First::Left(((), _)) => Err(Refusal::aborted()),
        First::Right((done, _)) => done,
    }
}

#[napi]
impl Cancellation {
    /// For one call.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "only JavaScript makes one")]
    pub fn new() -> Self {
        Self(Arc::new(Notify::new()))
    }

    /// Takes the call back, also if it was not made yet.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.0.notify_one();
    }
}
