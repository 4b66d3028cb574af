//! `admission-review`: the images of an object that an API server asks about.

use serde_json::{Map, Value};
use verimage_admission::{Images, Review};

use crate::{Answer, Case, path, read};

/// No code of ours: what is no review has no verdict.
const MALFORMED: &str = "review-malformed";

pub(crate) fn images(case: &Case) -> Result<Answer, String> {
    let review = match Review::parse(&read(&path(case, "review")?)?) {
        Ok(review) => review,
        Err(error) => return Ok(Answer::reject(MALFORMED, error)),
    };
    Ok(match Images::of(&review, &[]) {
        Ok(Images::These(images)) => {
            let texts: Vec<Value> = images.into_iter().map(|image| image.text.into()).collect();
            accept(texts)
        }
        Ok(Images::Skipped(_)) => accept(Vec::new()),
        Err(error) => Answer::reject(MALFORMED, error),
    })
}

fn accept(images: Vec<Value>) -> Answer {
    Answer::Accept(Map::from_iter([("images".to_owned(), images.into())]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(request: &Value) -> Answer {
        let file = tempfile::NamedTempFile::new().unwrap();
        let body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        std::fs::write(file.path(), body.to_string()).unwrap();
        images(&serde_json::from_value(json!({"kind": "admission-review", "files": {"review": file.path()}})).unwrap()).unwrap()
    }

    #[test]
    fn images_come_as_they_are_written() {
        let pod = json!({"spec": {"initContainers": [{"image": "i"}], "containers": [{"image": "a:1"}, {"image": "a:1"}]}});
        let request = json!({"uid": "u", "operation": "CREATE", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "object": pod});
        assert_eq!(answer(&request).to_json(), json!({"code": null, "images": ["i", "a:1", "a:1"]}));
        let mut deleted = request.clone();
        deleted["operation"] = "DELETE".into();
        assert_eq!(answer(&deleted).to_json(), json!({"code": null, "images": []}));
        assert_eq!(answer(&Value::Null).status(), 1);
    }
}
