//! Blocks of commands: run and compared, or read by the command line's parser.

use std::ffi::OsString;

use crate::markdown::Block;
use crate::shell;
use crate::workbench::Workbench;

/// What may stand before `verimage`; the images of `xargs` are not in the text.
const WRAPPERS: [&str; 3] = ["xargs", "/usr/bin/time", "do"];
/// A line that stands for lines that are not shown.
const ELISION: &str = "…";

/// How many commands of `verimage` a text has, each of which the command line understands. Commands of other programs are refused,
/// unless nothing is `run` anyway.
pub(crate) fn understood(text: &str, others: bool) -> Result<usize, String> {
    let mut understood = 0;
    for command in shell::commands(text) {
        match arguments(&command) {
            Some(arguments) => verimage_cli::understand(arguments.into_iter().map(OsString::from))
                .map(|()| understood += 1)
                .map_err(|error| format!("`{}`: {error}", command.join(" ")))?,
            None if others => {}
            None => return Err(format!("`{}` is no command of verimage: write `not run: REASON`", command.join(" "))),
        }
    }
    Ok(understood)
}

/// What is wrong with a command of `verimage` within a sentence: an option, a word or a value that the command line does not know. It
/// may leave out what is obligatory.
pub(crate) fn mistake(span: &str) -> Option<String> {
    let words = shell::commands(&span.replace("IMAGE", "registry.example/app:v1")).into_iter().next()?;
    let error = verimage_cli::understand(words.into_iter().map(OsString::from)).err()?;
    ["unexpected argument", "unrecognized subcommand", "invalid value"].iter().any(|kind| error.contains(kind)).then_some(error)
}

/// The command of `verimage` in a command.
fn arguments(command: &[String]) -> Option<Vec<String>> {
    let at = command.iter().position(|word| word == "verimage")?;
    let wrapper = command.first().map(String::as_str).filter(|_| at > 0);
    if wrapper.is_some_and(|word| !WRAPPERS.contains(&word)) {
        return None;
    }
    let mut arguments = command.get(at..)?.to_vec();
    if wrapper == Some("xargs") {
        arguments.push("registry.example/from-standard-input:v1".to_owned());
    }
    Some(arguments)
}

/// One command of a block, and what it prints.
struct Story {
    command: String,
    shown: Vec<String>,
}

/// Runs the commands of a block; tells how many, and what the block would have to be.
pub(crate) fn run(block: &Block, workbench: &Workbench) -> Result<(usize, Option<String>), String> {
    let stories = stories(&block.text)?;
    let mut fresh = Vec::new();
    for story in &stories {
        if !story.shown.is_empty() && story.shown.iter().all(|line| line == ELISION) {
            return Err(format!("nothing is shown of what `{}` prints", story.command));
        }
        let printed = workbench.run(&story.command).shown(story.shown.last().is_some_and(|line| line == "exit 0"));
        let fits = fits(&story.shown, &printed);
        let accept = std::env::var_os("VERIMAGE_UPDATE_SNAPSHOTS").is_some() && !story.shown.iter().any(|line| line == ELISION);
        if !fits && !accept {
            return Err(format!("`{}` prints\n{}\n", story.command, printed.join("\n")));
        }
        let told = if fits { &story.shown } else { &printed };
        fresh.push(format!("$ {}\n{}", story.command, told.iter().flat_map(|line| [line, "\n"]).collect::<String>()));
    }
    let fresh = fresh.join("\n");
    Ok((stories.len(), (fresh != block.text).then_some(fresh)))
}

fn stories(text: &str) -> Result<Vec<Story>, String> {
    let mut stories: Vec<Story> = Vec::new();
    let mut continued = false;
    for line in text.lines() {
        match (line.strip_prefix("$ "), stories.last_mut()) {
            (_, Some(story)) if continued => story.command = format!("{}\n{line}", story.command),
            (Some(command), _) => stories.push(Story { command: command.to_owned(), shown: Vec::new() }),
            (None, Some(story)) => story.shown.push(line.trim_end().to_owned()),
            (None, None) => return Err("a block of the language `console` begins with `$ `".to_owned()),
        }
        continued = line.ends_with('\\') && stories.last().is_some_and(|story| story.shown.is_empty());
    }
    for story in &mut stories {
        while story.shown.last().is_some_and(String::is_empty) {
            story.shown.pop();
        }
    }
    Ok(stories)
}

/// Whether what is shown is what was printed; `…` is any number of lines.
fn fits(shown: &[String], printed: &[String]) -> bool {
    match shown.iter().position(|line| line == ELISION) {
        None => shown == printed,
        Some(at) => {
            let (before, rest) = (&shown[..at], &shown[at + 1..]);
            printed.starts_with(before) && (before.len()..=printed.len()).any(|end| fits(rest, &printed[end..]))
        }
    }
}

#[test]
fn shown_lines_may_leave_out_others() {
    let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert!(fits(&lines("a … d"), &lines("a b c d")) && fits(&lines("a …"), &lines("a")) && fits(&lines("… b … d"), &lines("a b c d")));
    assert!(!fits(&lines("a … c"), &lines("a b c d")) && !fits(&lines("b …"), &lines("a b")) && !fits(&lines("a"), &lines("a b")));
}
