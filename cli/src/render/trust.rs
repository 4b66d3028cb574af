//! Trust roots for people.

use verimage::trust::{Authority, Log, Window};

use crate::commands::{Report, Shown};
use crate::output::{Page, Tone};

pub(crate) fn report(report: &Report) -> Page {
    let mut page = Page::default();
    let words = if report.changed { " has a new trust root" } else { " has no newer trust root" };
    page.line([(Tone::Good, "✓ "), (Tone::Strong, &report.shown.mirror), (Tone::Good, words)]);
    let Report { root, timestamp, snapshot, targets, .. } = report;
    page.field("metadata", &format!("root {root}, timestamp {timestamp}, snapshot {snapshot}, targets {targets}"));
    state(&mut page, &report.shown);
    page
}

pub(crate) fn shown(shown: &Shown) -> Page {
    let mut page = Page::default();
    page.line([(Tone::Plain, "trust root of "), (Tone::Strong, &shown.mirror)]);
    let copy = concat!("embedded in verimage ", env!("CARGO_PKG_VERSION"), ", not updated since");
    page.field("origin", if shown.path.is_some() { "fetched by `verimage trust update`" } else { copy });
    state(&mut page, shown);
    let contents = &shown.contents;
    authorities(&mut page, "certificate authorities", &contents.certificate_authorities);
    logs(&mut page, "logs of signatures", &contents.logs);
    logs(&mut page, "logs of certificates", &contents.certificate_logs);
    authorities(&mut page, "time stamp authorities", &contents.timestamp_authorities);
    page
}

fn state(page: &mut Page, shown: &Shown) {
    let age = match shown.age_in_days {
        0 => "today".to_owned(),
        1 => "1 day old".to_owned(),
        days => format!("{days} days old"),
    };
    page.field("dated", &format!("{}, {age}", shown.dated));
    if let Some(expires) = shown.expires {
        page.field("expires", &expires.to_string());
    }
    if let Some(path) = &shown.path {
        page.field("file", &path.display().to_string());
    }
    if let Some(code) = shown.warning {
        page.marked(Tone::Unsure, "warning:", &format!("{code}: an update is due; until then this trust root is used as it is"));
    }
}

fn logs(page: &mut Page, title: &str, logs: &[Log]) {
    heading(page, title, logs.len());
    for log in logs {
        page.line([(Tone::Plain, "  "), (Tone::Strong, &log.url), (Tone::Plain, &by(log.operator.as_deref()))]);
        page.plain(&format!("    {}, key {}", log.key, log.id));
        page.plain(&format!("    {}", span(log.valid)));
    }
}

fn authorities(page: &mut Page, title: &str, authorities: &[Authority]) {
    heading(page, title, authorities.len());
    for authority in authorities {
        page.line([(Tone::Plain, "  "), (Tone::Strong, &authority.url), (Tone::Plain, &by(authority.operator.as_deref()))]);
        let chain =
            if authority.certificates == 1 { "1 certificate".to_owned() } else { format!("{} certificates", authority.certificates) };
        page.plain(&format!("    {}, {chain}", authority.subject));
        page.plain(&format!("    {}", span(authority.valid)));
    }
}

fn heading(page: &mut Page, title: &str, count: usize) {
    page.line([(Tone::Plain, title), (Tone::Faint, if count == 0 { ": none" } else { "" })]);
}

fn by(operator: Option<&str>) -> String {
    operator.map(|operator| format!(", run by {operator}")).unwrap_or_default()
}

fn span(window: Window) -> String {
    match window.end {
        Some(end) => format!("{} to {end}", window.start),
        None => format!("since {}", window.start),
    }
}
