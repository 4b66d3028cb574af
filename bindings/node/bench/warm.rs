//! What one warm verification takes without Node: prints the mean in microseconds. `overhead.mjs` asks for it.

use std::error::Error;
use std::time::Instant;

use verimage::{ImageSource, PolicyLoader, Request, Verimage};

/// Calls before the clock starts, and calls on the clock.
const CALLS: [u32; 2] = [500, 5_000];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(image), Some(name), Some(policy)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: warm IMAGE NAME POLICY".into());
    };
    let policy = PolicyLoader::new().load(policy.as_ref())?;
    let engine = Verimage::builder().offline().build()?;
    let mut request = Request::new(ImageSource::parse(&image)?);
    request.name = Some(name.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut begin = Instant::now();
    for calls in CALLS {
        begin = Instant::now();
        for _ in 0..calls {
            let verification = runtime.block_on(engine.run(&request, &policy))?;
            serde_json::to_string(&verification.verdict)?;
        }
    }
    #[allow(clippy::print_stdout, reason = "its one answer")]
    {
        println!("{:.1}", begin.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS[1]));
    }
    Ok(())
}
