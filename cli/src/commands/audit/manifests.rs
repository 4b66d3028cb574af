//! The images of Kubernetes manifests.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use verimage::ImageSource;
use verimage_admission::{Images, ImagesError, ObjectImage};
use verimage_import::{Document, MAX_POLICY_BYTES};

use crate::commands::audit::inventory::Inventory;
use crate::failure::Failure;
use crate::render::report::{Mention, Object};

/// How deep folders are followed.
const MAX_DEPTH: usize = 32;
/// How deep lists may be within lists.
const MAX_LISTS: usize = 4;
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];

/// Adds the images of a file, or of every manifest below a folder.
pub(crate) fn read(path: &Path, inventory: &mut Inventory) -> Result<(), Failure> {
    let mut reader = Reader { inventory, passed_over: BTreeMap::new() };
    if path != Path::new("-") && path.is_dir() {
        reader.folder(path, MAX_DEPTH)?;
    } else if reader.file(path)? == 0 {
        return Err(Failure::usage(format!("there is no Kubernetes object in `{}`", path.display())));
    }
    reader.tell();
    Ok(())
}

struct Reader<'a> {
    inventory: &'a mut Inventory,
    /// Kinds that name images in places that are not known, and how many objects there are of each.
    passed_over: BTreeMap<String, usize>,
}

/// A list, or the file itself, and where its objects stand in it.
struct Place<'a> {
    file: &'a Arc<str>,
    document: &'a Document,
    pointer: String,
}

impl Reader<'_> {
    /// Links are not followed: a folder may be somebody else's.
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), Failure> {
        let unreadable = |error: std::io::Error| Failure::usage(format!("`{}` cannot be read: {error}", folder.display()));
        if depth == 0 {
            return Err(Failure::usage(format!("`{}` is more than {MAX_DEPTH} folders deep", folder.display())));
        }
        let entries: Result<Vec<_>, _> = fs::read_dir(folder).map_err(unreadable)?.collect();
        let mut entries = entries.map_err(unreadable)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, kind) = (entry.path(), entry.file_type().map_err(unreadable)?);
            if kind.is_dir() {
                self.folder(&path, depth - 1)?;
            } else if kind.is_file() && is_manifest(&path) {
                self.file(&path)?;
            }
        }
        Ok(())
    }

    /// How many objects the file has.
    fn file(&mut self, path: &Path) -> Result<usize, Failure> {
        let name: Arc<str> = if path == Path::new("-") { Arc::from("standard input") } else { Arc::from(path.display().to_string()) };
        let document = Document::parse_manifest(&text(path)?).map_err(|error| {
            let place = error.location.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
            Failure::usage_with_hint(
                format!("`{name}{place}` cannot be read: {}", error.message),
                "render templates first, with `helm template` or `kubectl kustomize`; divide what is too large",
            )
        })?;
        let objects = document.value().as_array().map(Vec::as_slice).unwrap_or_default();
        self.objects(objects, &Place { file: &name, document: &document, pointer: String::new() }, MAX_LISTS)
    }

    fn objects(&mut self, objects: &[Value], place: &Place<'_>, lists: usize) -> Result<usize, Failure> {
        let mut count = 0;
        for (index, object) in objects.iter().enumerate() {
            let pointer = format!("{}/{index}", place.pointer);
            match object.get("items").and_then(Value::as_array).filter(|_| is_list(object)) {
                Some(items) if lists > 0 => {
                    let place = Place { pointer: format!("{pointer}/items"), ..*place };
                    count += self.objects(items, &place, lists - 1)?;
                }
                _ => count += usize::from(self.object(object, &Place { pointer, ..*place })?),
            }
        }
        Ok(count)
    }

    /// Whether this is a Kubernetes object.
    fn object(&mut self, value: &Value, place: &Place<'_>) -> Result<bool, Failure> {
        let Some(object) = Object::of(value) else { return Ok(false) };
        let object = Arc::new(object);
        let mention = |pointer: &str| Mention {
            file: Arc::clone(place.file),
            line: place.document.location(&format!("{}{pointer}", place.pointer)).map(|(line, _)| line),
            object: Some(Arc::clone(&object)),
            pointer: Some(pointer.to_owned()),
        };
        match Images::of_object(value, &[]) {
            Ok(images) => {
                for image in images {
                    match image {
                        // What a cluster would run under this name, never a folder of this machine.
                        Ok(ObjectImage { text, reference, pointer, .. }) => {
                            self.inventory.add(&text, Ok(ImageSource::Registry(reference)), Some(mention(&pointer)))?;
                        }
                        Err(error) => self.inventory.add_unreadable(&object.to_string(), error.to_string(), mention("")),
                    }
                }
            }
            Err(ImagesError::UnknownKind { kind }) if names_an_image(value) => *self.passed_over.entry(kind).or_default() += 1,
            Err(ImagesError::UnknownKind { .. } | ImagesError::NoObject) => {}
            Err(error) => self.inventory.add_unreadable(&object.to_string(), error.to_string(), mention("")),
        }
        Ok(true)
    }

    fn tell(self) {
        let notes = self.passed_over.iter().map(|(kind, count)| {
            let objects = if *count == 1 { "object" } else { "objects" };
            format!("{count} {objects} of {kind} passed over: where this kind has its images is not known")
        });
        self.inventory.notes.extend(notes);
    }
}

fn is_manifest(path: &Path) -> bool {
    path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending))
}

fn is_list(object: &Value) -> bool {
    object.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"))
}

/// Whether some member of the object looks like an image of a container.
fn names_an_image(value: &Value) -> bool {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) if members.get("image").is_some_and(Value::is_string) => return true,
            Value::Object(members) => open.extend(members.values()),
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    false
}

/// The text of a file, or of standard input.
fn text(path: &Path) -> Result<String, Failure> {
    let unreadable = |reason: String| Failure::usage(format!("`{}` cannot be read: {reason}", path.display()));
    let source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(File::open(path).map_err(|error| unreadable(error.to_string()))?),
    };
    let (limit, mut text) = (MAX_POLICY_BYTES as u64, String::new());
    source.take(limit + 1).read_to_string(&mut text).map_err(|error| unreadable(error.to_string()))?;
    if text.len() as u64 > limit {
        return Err(unreadable(format!("it is larger than {} MiB; divide it, or give a list of images", limit >> 20)));
    }
    Ok(text)
}
