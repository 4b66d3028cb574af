//! Which images are audited, and who names them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use verimage::{ImageRef, ImageSource};

use crate::args::Shard;
use crate::commands::audit::{cluster, manifests};
use crate::failure::Failure;
use crate::plan::Sources;
use crate::render::report::Mention;

/// The longest line of a list, in bytes: more than any reference or path has.
const MAX_LINE: u64 = 8 << 10;
/// The most images of an audit.
const MAX_IMAGES: usize = 2_000_000;

/// One image, whoever names it.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// What tells it apart from the others: its full reference, or the path as it was written.
    pub(crate) asked: String,
    /// Where it is, or why that cannot be told.
    pub(crate) source: Result<ImageSource, String>,
    pub(crate) mentions: Vec<Mention>,
}

/// The images of an audit, in the order in which they were named first.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) candidates: Vec<Candidate>,
    /// What was passed over, for people.
    pub(crate) notes: Vec<String>,
    /// How often images were named, in other parts too. A pipe that broke is no fleet without images.
    named: usize,
    positions: HashMap<[u8; 32], usize>,
    shard: Option<Shard>,
}

impl Inventory {
    /// Reads every source. Images that are named more than once are one: references are compared in full, so that `nginx` and
    /// `docker.io/library/nginx:latest` are the same, and a tag and a digest are not.
    pub(crate) async fn gather(sources: Sources) -> Result<Self, Failure> {
        let mut inventory = Self { shard: sources.shard, ..Self::default() };
        for image in sources.images {
            inventory.add(&image.text, Ok(image.source), None)?;
        }
        for list in &sources.lists {
            inventory.read_list(list)?;
        }
        for path in &sources.manifests {
            manifests::read(path, &mut inventory)?;
        }
        if let Some(choice) = &sources.cluster {
            cluster::read(choice, &mut inventory).await?;
        }
        inventory.positions = HashMap::new();
        if inventory.named == 0 {
            return Err(Failure::usage_with_hint(
                "there is no image to judge",
                "name images, or say where they are named with `--images FILE`, `--manifests FILE` or `--context NAME`",
            ));
        }
        Ok(inventory)
    }

    /// Adds an image, or another place that names it.
    pub(crate) fn add(&mut self, text: &str, source: Result<ImageSource, String>, mention: Option<Mention>) -> Result<(), Failure> {
        let asked = match &source {
            Ok(ImageSource::Registry(reference)) => reference.clone().with_default_tag().to_string(),
            _ => text.to_owned(),
        };
        let Some(hash) = self.hash(&asked) else { return Ok(()) };
        let position = *self.positions.entry(hash).or_insert(self.candidates.len());
        if position == self.candidates.len() {
            if position == MAX_IMAGES {
                return Err(Failure::usage_with_hint(format!("there are more than {MAX_IMAGES} images"), "divide them with `--shard`"));
            }
            self.candidates.push(Candidate { asked, source, mentions: Vec::new() });
        }
        if let Some(candidate) = self.candidates.get_mut(position) {
            candidate.mentions.extend(mention);
        }
        Ok(())
    }

    /// Adds what is named in the place of images and is none.
    pub(crate) fn add_unreadable(&mut self, name: &str, reason: String, mention: Mention) {
        if self.hash(&format!("{name}: {reason}")).is_some() {
            self.candidates.push(Candidate { asked: name.to_owned(), source: Err(reason), mentions: vec![mention] });
        }
    }

    /// The hash of what is named; nothing if it belongs to another part.
    fn hash(&mut self, named: &str) -> Option<[u8; 32]> {
        self.named += 1;
        let hash: [u8; 32] = Sha256::digest(named.as_bytes()).into();
        self.shard.is_none_or(|shard| shard.has(number(&hash))).then_some(hash)
    }

    fn read_list(&mut self, path: &Path) -> Result<(), Failure> {
        if path == Path::new("-") {
            return self.read_lines(&mut io::stdin().lock(), &Arc::from("standard input"));
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| Failure::usage(format!("`{name}` cannot be read: {error}")))?;
        self.read_lines(&mut BufReader::new(file), &Arc::from(name))
    }

    fn read_lines(&mut self, reader: &mut impl BufRead, name: &Arc<str>) -> Result<(), Failure> {
        let mut line = String::new();
        for number in 1.. {
            line.clear();
            let read = reader.by_ref().take(MAX_LINE).read_line(&mut line);
            let read = read.map_err(|error| Failure::usage(format!("`{name}`, line {number}, cannot be read: {error}")))?;
            if read == 0 {
                break;
            }
            if read as u64 == MAX_LINE {
                return Err(Failure::usage(format!("`{name}`, line {number}, is longer than any image")));
            }
            let image = without_comment(&line);
            if !image.is_empty() {
                let mention = Mention { file: Arc::clone(name), line: Some(number), object: None, pointer: None };
                self.add(image, registry_image(image), Some(mention))?;
            }
        }
        Ok(())
    }
}

/// What a line of a list names. Lists come from elsewhere, so `oci:v1` is the image that a cluster would run under that name,
/// never a folder of this machine.
fn registry_image(text: &str) -> Result<ImageSource, String> {
    let reference = ImageRef::parse(text.strip_prefix("docker://").unwrap_or(text));
    reference.map(ImageSource::Registry).map_err(|error| format!("this is no image reference: {error}"))
}

/// A `#` begins a comment at the start of a line or behind a space.
fn without_comment(line: &str) -> &str {
    let comment =
        line.match_indices('#').find(|(at, _)| line.get(..*at).is_none_or(|before| before.trim_end() != before || before.is_empty()));
    line.get(..comment.map_or(line.len(), |(at, _)| at)).unwrap_or_default().trim()
}

/// The first bytes of a hash, as a number.
fn number(hash: &[u8; 32]) -> u64 {
    hash.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<(String, usize)> {
        let mut inventory = Inventory::default();
        inventory.read_lines(&mut text.as_bytes(), &Arc::from("list")).unwrap();
        inventory.candidates.into_iter().map(|candidate| (candidate.asked, candidate.mentions.len())).collect()
    }

    #[test]
    fn a_list_has_comments_and_every_image_once() {
        let list =
            "# fleet\n\nnginx # the old one\r\n  docker.io/library/nginx:latest\ndocker://nginx:1.27\nindex.docker.io/nginx\noci:v1\na#b\n";
        let expected =
            [("docker.io/library/nginx:latest", 3), ("docker.io/library/nginx:1.27", 1), ("docker.io/library/oci:v1", 1), ("a#b", 1)];
        assert_eq!(listed(list), expected.map(|(asked, mentions)| (asked.to_owned(), mentions)));
        assert_eq!(listed("a.example/b:v1\na.example/b:v2").len(), 2, "a tag is never taken for another");
    }

    #[test]
    fn what_is_no_image_is_kept_to_be_told() {
        let mut inventory = Inventory::default();
        inventory.read_lines(&mut "Not An Image\n".as_bytes(), &Arc::from("list")).unwrap();
        assert!(inventory.candidates[0].source.is_err());
        assert!(inventory.read_lines(&mut "x".repeat(10_000).as_bytes(), &Arc::from("list")).is_err());
        assert!(inventory.read_lines(&mut &b"\xff\n"[..], &Arc::from("list")).is_err());
    }

    #[test]
    fn parts_are_disjoint_and_whole() {
        let text: String = (0..100).map(|number| format!("a.example/b:{number}\n")).collect();
        let parts = ["1/3", "2/3", "3/3"].map(|shard| {
            let mut inventory = Inventory { shard: shard.parse().ok(), ..Inventory::default() };
            inventory.read_lines(&mut text.as_bytes(), &Arc::from("list")).unwrap();
            inventory.candidates.len()
        });
        assert!(parts.iter().sum::<usize>() == 100 && parts.iter().all(|part| *part > 20), "{parts:?}");
    }
}
