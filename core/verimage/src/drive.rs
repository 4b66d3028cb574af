//! The driver: the only loop that awaits.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};
use verimage_core::{Answer, Context, ImageRef, Learned, Progress, Session, SignatureStore, StoreError, StoreErrorKind, Verdict, Want};

/// Longer timeouts are as good as none.
const LONGEST: Duration = Duration::from_secs(86_400);

/// What came of a session.
pub(crate) struct Driven {
    pub(crate) verdict: Verdict,
    /// Every answer, in the order of the wants.
    pub(crate) answers: Vec<Answer>,
    /// What is to be kept for the next time.
    pub(crate) learned: Vec<Learned>,
}

/// Steps a session to its end.
pub(crate) async fn drive(
    mut session: Session,
    store: &dyn SignatureStore,
    context: &Context<'_>,
    timeout: Duration,
    concurrency: usize,
) -> Driven {
    let deadline = Instant::now() + timeout.min(LONGEST);
    let image = session.image().clone();
    let mut transcript: Vec<Answer> = Vec::new();
    loop {
        match session.step(context) {
            Progress::Done(verdict) => return Driven { verdict: *verdict, answers: transcript, learned: session.take_learned() },
            Progress::Pause => {
                tokio::task::yield_now().await;
                if Instant::now() >= deadline {
                    session.expire(context);
                }
            }
            Progress::Fetch(wants) => {
                let fetches = wants.into_iter().map(|want| fetch(store, &image, want, deadline, timeout));
                let answers: Vec<Answer> = stream::iter(fetches).buffered(concurrency.max(1)).collect().await;
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
