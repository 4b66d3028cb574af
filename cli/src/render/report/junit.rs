//! JUnit XML, for continuous integration: a test case for each image.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::failure::Failure;
use crate::output::harmless;
use crate::render::report::{Entry, Judge, Outcome};

/// One suite. A denied image is a failure, one that could not be judged an error; what audit mode lets pass passes.
pub(crate) fn suite(judge: &Judge, entries: &[Entry]) -> Result<String, Failure> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let count = |of: &dyn Fn(Outcome) -> bool| entries.iter().filter(|entry| of(entry.outcome)).count().to_string();
    let counts = [
        ("tests", entries.len().to_string()),
        ("failures", count(&|outcome| outcome == Outcome::Denied)),
        ("errors", count(&|outcome| matches!(outcome, Outcome::Unknown | Outcome::Unasked))),
    ];
    let counts = || counts.iter().map(|(name, value)| (*name, value.as_str()));
    let suites = writer.create_element("testsuites").with_attribute(("name", "verimage")).with_attributes(counts());
    suites.write_inner_content(|writer| {
        let name = written(&judge.policy);
        let suite = writer.create_element("testsuite").with_attribute(("name", name.as_str())).with_attributes(counts());
        suite.write_inner_content(|writer| entries.iter().try_for_each(|entry| case(writer, entry)))?;
        Ok(())
    })?;
    let text = String::from_utf8(writer.into_inner()).map_err(|error| Failure::Output(io::Error::other(error)))?;
    Ok(text + "\n")
}

fn case(writer: &mut Writer<Vec<u8>>, entry: &Entry) -> io::Result<()> {
    let (name, class) = (written(&entry.image), written(entry.rule.as_deref().unwrap_or("no rule")));
    let case = writer.create_element("testcase").with_attribute(("name", name.as_str())).with_attribute(("classname", class.as_str()));
    let tag = match entry.outcome {
        Outcome::Allowed => {
            case.write_empty()?;
            return Ok(());
        }
        Outcome::Denied => "failure",
        Outcome::Unknown | Outcome::Unasked => "error",
        Outcome::DeniedInAudit | Outcome::UnknownInAudit => "system-out",
    };
    case.write_inner_content(|writer| {
        let (code, message) = (written(entry.code.as_deref().unwrap_or("unasked")), written(&entry.message));
        let mut inner = writer.create_element(tag);
        if tag != "system-out" {
            inner = inner.with_attribute(("type", code.as_str())).with_attribute(("message", message.as_str()));
        }
        inner.write_text_content(BytesText::new(&details(entry)))?;
        Ok(())
    })?;
    Ok(())
}

/// A line for each thing that helps.
fn details(entry: &Entry) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut field = |label: &str, value: &str| lines.push(format!("{label}: {}", written(value)));
    entry.code.iter().for_each(|code| field("code", code));
    field("reason", &entry.message);
    entry.digest.iter().for_each(|digest| field("digest", digest));
    entry.other_places().for_each(|place| field("searched", place));
    entry.hint.iter().for_each(|hint| field("hint", hint));
    lines.join("\n")
}

/// Text that XML can hold: no control characters (XML 1.0, section 2.2), and none that hide.
fn written(text: &str) -> String {
    harmless(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}
