//! An engine without a network of its own still asks the stores that it was given, whatever was said first.

#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::{Arc, Mutex};

use verimage::core::{Blob, SignatureStore, StoreError, Want, async_trait};
use verimage::{Builder, Code, FolderMaterial, ImageRef, PolicyLoader, Verimage};

#[derive(Debug, Default)]
struct Asked(Mutex<usize>);

#[async_trait]
impl SignatureStore for Asked {
    async fn fetch(&self, _: &ImageRef, _: &Want) -> Result<Vec<Blob>, StoreError> {
        *self.0.lock().unwrap() += 1;
        Err(StoreError::not_found("nothing here"))
    }
}

const POLICY: &str = r#"{"apiVersion": "verimage/v1", "kind": "ImagePolicy", "rules": [{"name": "any", "images": ["**/**"],
    "requirePresent": true, "require": {"allow": {"reason": "a test"}}}]}"#;

async fn code(builder: Builder) -> Option<String> {
    let policy = PolicyLoader::new().load_text(POLICY, "test", &FolderMaterial::new(None)).unwrap();
    builder.build().unwrap().verify("registry.example/app:v1", &policy).await.unwrap().code
}

#[tokio::test]
async fn given_stores_answer() {
    let store = Arc::new(Asked::default());
    for builder in [Verimage::builder().offline().registry(store.clone()), Verimage::builder().registry(store.clone()).offline()] {
        assert_eq!(code(builder).await.as_deref(), Some(Code::ImageNotFound.as_str()));
    }
    assert_eq!(*store.0.lock().unwrap(), 2);
}

#[tokio::test]
async fn nobody_else_does() {
    assert_eq!(code(Verimage::builder().offline()).await.as_deref(), Some(Code::StoreUnavailable.as_str()));
}
