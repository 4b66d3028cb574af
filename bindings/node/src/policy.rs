//! Policies, loaded.

use std::path::PathBuf;
use std::sync::Arc;

use napi::bindgen_prelude::{Either, PromiseRaw};
use napi::{Env, Result};
use napi_derive::napi;
use verimage::{FolderMaterial, PolicyLoader};

use crate::refusal::{Refusal, contained};

/// A loaded policy.
#[napi]
pub struct Policy(pub(crate) Arc<verimage::Policy>);

type Loaded<'env> = PromiseRaw<'env, Either<Policy, Refusal>>;

#[napi]
impl Policy {
    /// Loads a policy file.
    #[napi(catch_unwind)]
    pub fn load(env: &Env, path: String, trust_stores: Option<String>) -> Result<Loaded<'_>> {
        spawn(env, async move { Ok(loader(trust_stores).load_async(&PathBuf::from(path)).await?) })
    }

    /// Loads a policy from text.
    #[napi(catch_unwind)]
    pub fn from_text(env: &Env, text: String, source: String, base: Option<String>, trust_stores: Option<String>) -> Result<Loaded<'_>> {
        spawn(env, async move {
            let stores = trust_stores.clone().map(PathBuf::from);
            let material = FolderMaterial::new(base.map(PathBuf::from));
            let material = if stores.is_some() { material.trust_stores(stores) } else { material };
            Ok(loader(trust_stores).load_text_async(&text, &source, &material).await?)
        })
    }

    /// What names it in verdicts.
    #[napi(getter, catch_unwind)]
    pub fn source(&self) -> String {
        self.0.source().to_owned()
    }

    /// The digest of its text.
    #[napi(getter, catch_unwind)]
    pub fn digest(&self) -> String {
        self.0.digest().to_string()
    }
}

fn loader(trust_stores: Option<String>) -> PolicyLoader {
    trust_stores.into_iter().fold(PolicyLoader::new(), |loader, folder| loader.trust_stores(folder.into()))
}

fn spawn(env: &Env, work: impl Future<Output = std::result::Result<verimage::Policy, Refusal>> + Send + 'static) -> Result<Loaded<'_>> {
    env.spawn_future(async move {
        Ok(match contained(work).await {
            Ok(policy) => Either::A(Policy(Arc::new(policy))),
            Err(refusal) => Either::B(refusal),
        })
    })
}
