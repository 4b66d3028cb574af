//! `gitlab://`.

use verimage::Code;
use verimage::keys::GitLabKeys;

use crate::server::{Says, Server};
use crate::{STATUSES, pem, resolve};

const TOKEN: &str = "glpat-not-a-secret";
const PATH: &str = "/api/v4/projects/group%2Fproject/variables/COSIGN_PUBLIC_KEY";

fn keys(server: &Server) -> GitLabKeys {
    GitLabKeys::new(Some(format!("{TOKEN}\n"))).host(server.url(""))
}

/// As GitLab's REST API answers.
fn variable(value: &serde_json::Value) -> String {
    serde_json::json!({"variable_type": "env_var", "key": "COSIGN_PUBLIC_KEY", "value": value, "protected": false, "masked": false,
        "raw": false, "environment_scope": "*", "description": null})
    .to_string()
}

#[tokio::test]
async fn a_key_is_the_variable_of_a_project() {
    let server = Server::start(|_| Says::Body(variable(&pem("p256").into()))).await;
    assert_eq!(resolve(&keys(&server), "gitlab://group/project").await.unwrap(), pem("p256").into_bytes());
    assert_eq!(resolve(&keys(&server), "gitlab://42").await.unwrap(), pem("p256").into_bytes());
    assert_eq!(server.targets(), [PATH, "/api/v4/projects/42/variables/COSIGN_PUBLIC_KEY"]);
    assert!(server.seen().iter().all(|seen| seen.header("private-token") == Some(TOKEN)));
}

#[tokio::test]
async fn the_token_stays_at_its_host() {
    let other = Server::start(|_| Says::Body(variable(&pem("p256").into()))).await;
    let moved = other.url("/stolen");
    let server = Server::start(move |seen| match seen.target.as_str() {
        PATH => Says::Redirect("/moved".to_owned()),
        _ => Says::Redirect(moved.clone()),
    })
    .await;
    resolve(&keys(&server), "gitlab://group/project").await.unwrap();
    assert!(server.seen().iter().all(|seen| seen.header("private-token") == Some(TOKEN)));
    assert_eq!(other.targets(), ["/stolen"]);
    assert_eq!((other.seen()[0].header("private-token"), other.seen()[0].header("referer")), (None, None));
}

#[tokio::test]
async fn a_token_that_was_taken_off_does_not_come_back() {
    let back = std::sync::Arc::new(std::sync::OnceLock::new());
    let home = std::sync::Arc::clone(&back);
    let other = Server::start(move |_| Says::Redirect(home.get().cloned().unwrap_or_default())).await;
    let away = other.url("/away");
    let server = Server::start(move |seen| match seen.target.as_str() {
        PATH => Says::Redirect(away.clone()),
        _ => Says::Body(variable(&pem("p256").into())),
    })
    .await;
    back.set(server.url("/back")).unwrap();
    resolve(&keys(&server), "gitlab://group/project").await.unwrap();
    let tokens: Vec<_> = server.seen().iter().map(|seen| (seen.target.clone(), seen.header("private-token").is_some())).collect();
    assert_eq!(tokens, [(PATH.to_owned(), true), ("/back".to_owned(), false)]);
}

#[tokio::test]
async fn without_a_token_nobody_is_asked() {
    let server = Server::start(|_| Says::Body(String::new())).await;
    let refused = resolve(&GitLabKeys::new(None).host(server.url("")), "gitlab://group/project").await.unwrap_err();
    assert_eq!(refused.code, Code::StoreUnauthorized);
    assert!(refused.hint.unwrap().contains("GITLAB_TOKEN") && server.seen().is_empty());
}

#[tokio::test]
async fn every_refusal_has_its_code_and_shows_no_token() {
    for (status, code) in STATUSES {
        let server = Server::start(move |_| Says::Status(status)).await;
        let refused = resolve(&keys(&server), "gitlab://group/project").await.unwrap_err();
        assert_eq!(refused.code, code, "{status}: {refused}");
        assert!(!format!("{refused:?} {:?}", keys(&server)).contains(TOKEN));
    }
    let server = Server::start(|_| Says::Endless).await;
    assert_eq!(resolve(&keys(&server), "gitlab://group/project").await.unwrap_err().code, Code::PolicyInvalid);
}

#[tokio::test]
async fn an_answer_without_the_variable_is_no_key() {
    let other_variable = variable(&pem("p256").into()).replace("COSIGN_PUBLIC_KEY", "COSIGN_PRIVATE_KEY");
    for body in [variable(&serde_json::Value::Null), other_variable, "[]".to_owned(), "<html>".to_owned(), String::new()] {
        let says = body.clone();
        let server = Server::start(move |_| Says::Body(says.clone())).await;
        let refused = resolve(&keys(&server), "gitlab://group/project").await.unwrap_err();
        assert_eq!(refused.code, Code::PolicyInvalid, "{body}");
    }
}
