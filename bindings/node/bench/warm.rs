//! What one warm verification takes without Node, as a service in Rust does it: on a runtime with threads. Prints the mean in
//! microseconds. `overhead.mjs` asks for it.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use verimage::{ImageSource, Keeping, PolicyLoader, Request, Verdicts, Verimage};

/// Calls before the clock starts, and calls on the clock.
const CALLS: [u32; 2] = [500, 5_000];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(policy), Some(image)) = (arguments.next(), arguments.next()) else {
        return Err("usage: warm POLICY IMAGE [NAME]".into());
    };
    let policy = Arc::new(PolicyLoader::new().load(policy.as_ref())?);
    let engine = Verimage::builder().verdicts(Verdicts::new(Keeping::default())).build()?;
    let mut request = Request::new(ImageSource::parse(&image)?);
    request.name = arguments.next().map(|name| name.parse()).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut begin = Instant::now();
    for calls in CALLS {
        begin = Instant::now();
        for _ in 0..calls {
            let (engine, request, policy) = (engine.clone(), request.clone(), policy.clone());
            let task = runtime.spawn(async move { engine.judge(&request, &policy).await });
            serde_json::to_string(&*runtime.block_on(task)??)?;
        }
    }
    #[allow(clippy::print_stdout, reason = "its one answer")]
    {
        println!("{:.1}", begin.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS[1]));
    }
    Ok(())
}
