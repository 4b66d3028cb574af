//! Asks an admission server one question again and again: as fast as it answers, or at a rate. `benches/admission.sh` runs it.
//!
//! `admission-load URL CA SECONDS CONNECTIONS RATE BODY…`: a rate of 0 is as fast as answers come; the bodies take turns. At a rate,
//! the time of an answer counts from when its question was due, so that a server that stalls is not waited for in silence.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Certificate, Client};

type Failure = Box<dyn Error + Send + Sync>;

struct Load {
    client: Client,
    url: String,
    bodies: Vec<Vec<u8>>,
    next: AtomicUsize,
    refused: AtomicUsize,
    begin: Instant,
    end: Instant,
    rate: f64,
}

impl Load {
    /// When a question is due; now, if there is no rate.
    fn due(&self, number: usize) -> Instant {
        match self.rate {
            rate if rate > 0.0 => self.begin + Duration::from_secs_f64(number as f64 / rate),
            _ => Instant::now(),
        }
    }

    async fn connection(self: Arc<Self>) -> Result<Vec<Duration>, Failure> {
        let mut times = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let due = self.due(number);
            if due >= self.end {
                return Ok(times);
            }
            tokio::time::sleep_until(due.into()).await;
            let body = self.bodies[number % self.bodies.len()].clone();
            let answer = self.client.post(&self.url).header("Content-Type", "application/json").body(body).send().await?;
            let is_good = answer.status().is_success();
            let text = answer.text().await?;
            times.push(due.elapsed());
            if !is_good || !text.contains(r#""allowed":true"#) {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[allow(clippy::print_stdout, reason = "its one answer")]
fn report(mut times: Vec<Duration>, refused: usize, took: Duration) {
    times.sort_unstable();
    let at = |part: f64| times.get(((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1))).copied().unwrap_or_default();
    let [p50, p99, p999, max] = [at(0.5), at(0.99), at(0.999), at(1.0)].map(|time| time.as_secs_f64() * 1e3);
    println!(
        "{} reviews, {refused} not allowed, {:.0} a second, p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms, longest {max:.2} ms",
        times.len(),
        times.len() as f64 / took.as_secs_f64(),
    );
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, authority, seconds, connections, rate, bodies @ ..] = arguments.as_slice() else {
        return Err("usage: admission-load URL CA SECONDS CONNECTIONS RATE BODY…".into());
    };
    let authority = Certificate::from_pem(&std::fs::read(authority)?)?;
    let client = Client::builder().tls_certs_only([authority]).http1_only().no_proxy().build()?;
    let bodies = bodies.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
    if bodies.is_empty() {
        return Err("there is no question".into());
    }
    let begin = Instant::now();
    let end = begin + Duration::from_secs_f64(seconds.parse()?);
    let (next, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let load = Arc::new(Load { client, url: url.clone(), bodies, next, refused, begin, end, rate: rate.parse()? });
    let connections: usize = connections.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let times = runtime.block_on(async {
        let tasks: Vec<_> = (0..connections).map(|_| tokio::spawn(Arc::clone(&load).connection())).collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await??);
        }
        Ok::<_, Failure>(times)
    })?;
    report(times, load.refused.load(Ordering::Relaxed), begin.elapsed());
    Ok(())
}
