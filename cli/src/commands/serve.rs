//! `verimage serve`.

use verimage::core::Timestamp;
use verimage_server::{Event, Server, ServerConfig, StartError};

use crate::args::ServeArguments;
use crate::failure::{Exit, Failure};
use crate::output::{Console, Page, Tone};
use crate::transport;

pub(crate) async fn run(arguments: ServeArguments, console: &mut Console) -> Result<Exit, Failure> {
    let config = ServerConfig::load(&arguments.config).map_err(|error| Failure::usage(error.to_string()))?;
    let engine = transport::builder(&arguments.transport, |servers| config.servers(servers))?;
    let failed = |error: std::io::Error| Failure::usage(format!("signals cannot be waited for: {error}"));
    let mut stop = StopSignals::new().map_err(failed)?;
    let server = Server::start(config, engine, |event| tell(&event)).await.map_err(|error| match error {
        StartError::Policy(error) => Failure::policy(error, None),
        StartError::Engine(error) => Failure::from(error),
        other => Failure::usage(other.to_string()),
    })?;
    say(console, &format!("listening at https://{}", server.address()))?;
    stop.wait().await;
    say(console, "stopping")?;
    server.stop().await.map_err(|error| Failure::usage(format!("the server ended: {error}")))?;
    Ok(Exit::Admitted)
}

fn say(console: &mut Console, text: &str) -> Result<(), Failure> {
    let mut page = Page::default();
    page.plain(text);
    console.complain(&page).map_err(Failure::from)
}

/// Whoever runs the server reads this in its log.
fn tell(event: &Event) {
    let mut page = Page::default();
    let now = Timestamp::try_from(std::time::SystemTime::now()).map(|now| format!("{now:.0} ")).unwrap_or_default();
    match event {
        Event::PolicyChanged { source, digest } => page.plain(&format!("{now}another policy is in force: {source}, {digest}")),
        Event::CertificateChanged => page.plain(&format!("{now}another certificate is in use")),
        Event::PolicyRefused(reason) => page.marked(Tone::Bad, &format!("{now}the old policy stays in force:"), reason),
        Event::CertificateRefused(reason) => page.marked(Tone::Bad, &format!("{now}the old certificate stays in use:"), reason),
        _ => {}
    }
    // There is nobody left to tell if this fails.
    let _ = Console::new().complain(&page);
}

/// What ends a server: the terminal, or whoever manages the process.
#[cfg(unix)]
struct StopSignals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct StopSignals;

#[cfg(not(unix))]
impl StopSignals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn wait(&mut self) {
        // Without the signal there is nothing to wait for but the end of the process.
        let _ = tokio::signal::ctrl_c().await;
    }
}
