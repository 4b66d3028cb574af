//! The driver: the only loop that awaits.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};
use verimage_core::{
    Answer, Context, Digest, ImageRef, Learned, Progress, Session, SignatureStore, StoreError, StoreErrorKind, Verdict, Want,
};

/// Longer timeouts are as good as none.
const LONGEST: Duration = Duration::from_secs(86_400);

/// How a session is driven.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) timeout: Duration,
    /// How many wants are fetched at the same time.
    pub(crate) concurrency: usize,
}

/// What came of a session.
pub(crate) struct Driven {
    pub(crate) verdict: Verdict,
    /// What the reference names, if that became known.
    pub(crate) resolved: Option<Digest>,
    /// Every answer, in the order of the wants.
    pub(crate) answers: Vec<Answer>,
    /// What is to be kept for the next time.
    pub(crate) learned: Vec<Learned>,
}

/// Steps a session to its end.
pub(crate) async fn drive(session: Session, store: &dyn SignatureStore, context: &Context<'_>, pace: Pace) -> Driven {
    match drive_unless(session, store, context, pace, |_| ready(None::<Infallible>)).await {
        Ok(driven) => driven,
        Err(never) => match never {},
    }
}

/// The same, unless there is something `known` about the digest that the reference names.
pub(crate) async fn drive_unless<T, F: Future<Output = Option<T>>>(
    mut session: Session,
    store: &dyn SignatureStore,
    context: &Context<'_>,
    pace: Pace,
    known: impl Fn(Digest) -> F,
) -> Result<Driven, T> {
    let deadline = Instant::now() + pace.timeout.min(LONGEST);
    let image = session.image().clone();
    let mut transcript: Vec<Answer> = Vec::new();
    let mut looked = false;
    loop {
        match session.step(context) {
            Progress::Done(verdict) => {
                let (resolved, learned) = (session.resolved().cloned(), session.take_learned());
                return Ok(Driven { verdict: *verdict, resolved, answers: transcript, learned });
            }
            Progress::Pause => {
                tokio::task::yield_now().await;
                if Instant::now() >= deadline {
                    session.expire(context);
                }
            }
            Progress::Fetch(wants) => {
                // Once, when it became known.
                if let Some(resolved) = session.resolved().filter(|_| !looked).cloned() {
                    looked = true;
                    if let Some(known) = known(resolved).await {
                        return Err(known);
                    }
                }
                let fetches = wants.into_iter().map(|want| fetch(store, &image, want, deadline, pace.timeout));
                let answers: Vec<Answer> = stream::iter(fetches).buffered(pace.concurrency.max(1)).collect().await;
                transcript.extend(answers.iter().cloned());
                session.supply(answers, context);
            }
        }
    }
}

async fn fetch(store: &dyn SignatureStore, image: &ImageRef, want: Want, deadline: Instant, timeout: Duration) -> Answer {
    let result = timeout_at(deadline, store.fetch(image, &want)).await.unwrap_or_else(|_| {
        Err(StoreError::new(StoreErrorKind::DeadlineExceeded, format!("no answer within {} s", timeout.as_secs_f64())))
    });
    Answer { want, result }
}
