//! Images that are judged beside each other, on every core.

use verimage::{Error, Policy, Request, Verification, Verimage};

/// Judges an image in a task of its own, so that what is computed for one does not hold up the others.
pub(crate) async fn run(engine: &Verimage, request: Request, policy: &Policy) -> Result<Verification, Error> {
    let (engine, policy) = (engine.clone(), policy.clone());
    match tokio::spawn(async move { engine.run(&request, &policy).await }).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::Configuration("this process ends".to_owned())),
        },
    }
}
