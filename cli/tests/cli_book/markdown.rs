//! Pages taken apart: blocks of code, links, and what links may lead to.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// One page.
pub(crate) struct Page {
    /// Its path from the repository on.
    pub(crate) name: String,
    pub(crate) blocks: Vec<Block>,
    /// Each link with its line.
    pub(crate) links: Vec<(usize, String)>,
    /// Each piece of code within a sentence or a table, with its line.
    pub(crate) spans: Vec<(usize, String)>,
    /// What may stand behind `#`.
    pub(crate) anchors: Vec<String>,
    path: PathBuf,
    text: String,
}

/// One block of code.
pub(crate) struct Block {
    pub(crate) line: usize,
    /// The first word of the info string.
    pub(crate) language: String,
    /// What stands behind it.
    pub(crate) note: String,
    pub(crate) text: String,
    /// Where `text` stands in the page.
    place: Range<usize>,
}

impl Page {
    pub(crate) fn read(repository: &Path, name: &str) -> Self {
        let path = repository.join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut page =
            Self { name: name.to_owned(), blocks: Vec::new(), links: Vec::new(), spans: Vec::new(), anchors: Vec::new(), path, text };
        page.take_apart();
        page
    }

    fn take_apart(&mut self) {
        let text = self.text.clone();
        let line = |at: usize| text[..at].matches('\n').count() + 1;
        let mut heading: Option<String> = None;
        let mut block: Option<Block> = None;
        for (event, place) in Parser::new_ext(&text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => block = Some(Block::new(&kind, line(place.start))),
                Event::Text(piece) if block.is_some() => block.iter_mut().for_each(|block| block.push(&piece, &place)),
                Event::End(TagEnd::CodeBlock) => self.blocks.extend(block.take()),
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => self.anchors.extend(heading.take().map(|heading| slug(&heading))),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    self.links.push((line(place.start), dest_url.to_string()))
                }
                Event::Code(piece) if heading.is_none() => self.spans.push((line(place.start), piece.to_string())),
                Event::Text(piece) | Event::Code(piece) => heading.iter_mut().for_each(|heading| heading.push_str(&piece)),
                _ => {}
            }
        }
        number_twins(&mut self.anchors);
    }

    /// Writes blocks anew.
    pub(crate) fn rewrite(&self, changed: &[(&Block, String)]) {
        if changed.is_empty() {
            return;
        }
        let mut text = self.text.clone();
        for (block, fresh) in changed.iter().rev() {
            text.replace_range(block.place.clone(), fresh);
        }
        fs::write(&self.path, text).unwrap();
    }
}

impl Block {
    fn new(kind: &CodeBlockKind<'_>, line: usize) -> Self {
        let info = match kind {
            CodeBlockKind::Fenced(info) => info.as_ref(),
            CodeBlockKind::Indented => "",
        };
        // rustdoc takes its words for Rust apart by commas.
        let (language, note) = info.split_once([' ', ',']).unwrap_or((info, ""));
        Self { line, language: language.to_owned(), note: note.trim().to_owned(), text: String::new(), place: 0..0 }
    }

    fn push(&mut self, piece: &str, place: &Range<usize>) {
        self.place = if self.text.is_empty() { place.clone() } else { self.place.start..place.end };
        self.text.push_str(piece);
    }
}

/// How mdBook and the usual hosts of repositories name a heading.
fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|letter| letter.is_alphanumeric() || "-_ ".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect::<String>().to_lowercase()
}

/// The second heading of one text is `text-1`.
fn number_twins(anchors: &mut [String]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for anchor in anchors {
        let number = seen.entry(anchor.clone()).or_default();
        if *number > 0 {
            *anchor = format!("{anchor}-{number}");
        }
        *number += 1;
    }
}
