//! Kubernetes' ImageReview (`imagepolicy.k8s.io/v1alpha1`), which the admission plugin ImagePolicyWebhook of an API server asks.

use serde::Deserialize;
use serde_json::json;
use verimage_core::ImageRef;

use crate::listed::{ListedImage, listed};
use crate::review::{ReviewError, read};

const API_VERSION: &str = "imagepolicy.k8s.io/v1alpha1";

/// A question whether the images of a pod may run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImageReview {
    /// The images, init containers and ephemeral containers among them.
    pub images: Vec<ListedImage>,
    /// The namespace of the pod.
    pub namespace: Option<String>,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    containers: Vec<Container>,
    namespace: Option<String>,
}

#[derive(Deserialize)]
struct Container {
    image: String,
}

impl ImageReview {
    /// Reads a question. Annotations of a pod, which can ask for an exception, count for nothing.
    ///
    /// # Errors
    /// [`ReviewError`].
    pub fn parse(body: &[u8]) -> Result<Self, ReviewError> {
        let Spec { containers, namespace } = read(body, API_VERSION, "ImageReview", "spec")?;
        let images = listed(containers.into_iter().map(|container| container.image))?;
        Ok(Self { images, namespace: namespace.filter(|namespace| !namespace.is_empty()) })
    }

    /// The answer: `reasons` why not, none if the images may run.
    pub fn answer(reasons: &[String]) -> Vec<u8> {
        let status = match reasons {
            [] => json!({"allowed": true}),
            _ => json!({"allowed": false, "reason": reasons.join("\n")}),
        };
        json!({"apiVersion": API_VERSION, "kind": "ImageReview", "status": status}).to_string().into_bytes()
    }

    /// What is meant by each image, or why one cannot be read.
    ///
    /// # Errors
    /// The image that cannot be read, and why.
    pub fn references(&self) -> Result<Vec<&ImageRef>, String> {
        self.images.iter().map(|image| image.reference.as_ref().map_err(|reason| format!("image {}: {reason}", image.text))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_images_and_answers() {
        let body = json!({"apiVersion": API_VERSION, "kind": "ImageReview", "spec": {"namespace": "n",
            "containers": [{"image": "a.example/a:v1"}, {"image": "b"}], "annotations": {"x.image-policy.k8s.io/break-glass": "yes"}}});
        let review = ImageReview::parse(body.to_string().as_bytes()).unwrap();
        let texts: Vec<&str> = review.images.iter().map(|image| image.text.as_str()).collect();
        assert_eq!((texts, review.namespace.as_deref()), (vec!["a.example/a:v1", "b"], Some("n")));
        assert_eq!(review.references().unwrap().len(), 2);
        let answer = |reasons: &[String]| String::from_utf8(ImageReview::answer(reasons)).unwrap();
        assert!(answer(&[]).contains(r#""status":{"allowed":true}"#));
        assert!(answer(&["no".to_owned()]).contains(r#""status":{"allowed":false,"reason":"no"}"#));
    }

    #[test]
    fn what_is_none_is_refused() {
        for body in [
            json!({"apiVersion": "imagepolicy.k8s.io/v1", "kind": "ImageReview", "spec": {}}),
            json!({"apiVersion": API_VERSION, "kind": "AdmissionReview", "spec": {}}),
            json!({"apiVersion": API_VERSION, "kind": "ImageReview", "spec": null}),
            json!({"apiVersion": API_VERSION, "kind": "ImageReview", "spec": {"containers": [{"name": "a"}]}}),
            json!({"apiVersion": API_VERSION, "kind": "ImageReview", "spec": {"containers": vec![json!({"image": "a"}); 257]}}),
        ] {
            assert!(ImageReview::parse(body.to_string().as_bytes()).is_err(), "{body}");
        }
        let body = json!({"apiVersion": API_VERSION, "kind": "ImageReview", "spec": {"containers": [{"image": "Not An Image"}]}});
        assert!(ImageReview::parse(body.to_string().as_bytes()).unwrap().references().is_err());
    }
}
