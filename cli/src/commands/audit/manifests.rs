//! The images of Kubernetes manifests.

use std::borrow::Cow;
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
use crate::commands::audit::large_list::{self, Refusal};
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

/// Adds the images of objects of this kind, as a cluster lists them.
pub(super) fn add_listed(
    items: Vec<Value>,
    api_version: &str,
    kind: &str,
    from: &Arc<str>,
    inventory: &mut Inventory,
) -> Result<(), Failure> {
    let mut reader = Reader { inventory, passed_over: BTreeMap::new() };
    for item in items {
        reader.object(&named(item, api_version, kind), Place { file: from, document: None })?;
    }
    Ok(())
}

/// Where an object stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a Arc<str>,
    /// The file, if it remembers where each part stood, and the pointer to the object in it.
    document: Option<(&'a Document, &'a str)>,
}

impl Place<'_> {
    fn line(&self, pointer: &str) -> Option<usize> {
        let (document, object) = self.document?;
        document.location(&format!("{object}{pointer}")).map(|(line, _)| line)
    }
}

impl Reader<'_> {
    /// Links are not followed: a folder may be somebody else's.
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), Failure> {
        let unreadable = |error: io::Error| Failure::usage(format!("`{}` cannot be read: {error}", folder.display()));
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
        let limit = MAX_POLICY_BYTES as u64 + 1;
        let mut start = Vec::new();
        let source = open(path).and_then(|mut source| source.by_ref().take(limit).read_to_end(&mut start).map(|_| source));
        let source = source.map_err(|error| unreadable(&name, &error.to_string()))?;
        if start.len() as u64 == limit {
            return match start.trim_ascii_start().first() {
                Some(b'{') => self.large_list(&name, start.chain(source)),
                _ => Err(unreadable(&name, &format!("it is larger than {} MiB", MAX_POLICY_BYTES >> 20))),
            };
        }
        let text = String::from_utf8(start).map_err(|_| unreadable(&name, "it is not UTF-8"))?;
        let document = Document::parse_manifest(&text).map_err(|error| {
            let place = error.location.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
            unreadable(&format!("{name}{place}"), &error.message)
        })?;
        let objects = document.value().as_array().map(Vec::as_slice).unwrap_or_default();
        self.objects(objects, None, Place { file: &name, document: Some((&document, "")) }, MAX_LISTS)
    }

    /// A list that is too large to be read as a whole.
    fn large_list(&mut self, name: &Arc<str>, source: impl Read) -> Result<usize, Failure> {
        let mut count = 0;
        let read = large_list::items(source, |item, kind| {
            count += self.objects(&[item], kind, Place { file: name, document: None }, MAX_LISTS)?;
            Ok(())
        });
        match read {
            Ok(()) => Ok(count),
            Err(Refusal::Caller(failure)) => Err(failure),
            Err(Refusal::Text(reason)) => Err(unreadable(name, &reason)),
        }
    }

    /// The objects of a list of this kind.
    fn objects(&mut self, objects: &[Value], list: Option<&str>, place: Place<'_>, lists: usize) -> Result<usize, Failure> {
        let mut count = 0;
        for (index, object) in objects.iter().enumerate() {
            let pointer = place.document.map(|(_, list)| format!("{list}/{index}")).unwrap_or_default();
            let items = object.get("items").and_then(Value::as_array).filter(|_| is_list(object));
            let below = items.map_or_else(String::new, |_| format!("{pointer}/items"));
            let at = |pointer| Place { document: place.document.map(|(document, _)| (document, pointer)), ..place };
            match items {
                Some(items) if lists > 0 => {
                    let kind = object.get("kind").and_then(Value::as_str);
                    count += self.objects(items, kind, at(&below), lists - 1)?;
                }
                _ => count += usize::from(self.object(&of_its_list(object, list), at(&pointer))?),
            }
        }
        Ok(count)
    }

    /// Whether this is a Kubernetes object.
    fn object(&mut self, value: &Value, place: Place<'_>) -> Result<bool, Failure> {
        let Some(object) = Object::of(value) else {
            if names_an_image(value) {
                *self.passed_over.entry("no kind".to_owned()).or_default() += 1;
            }
            return Ok(false);
        };
        let object = Arc::new(object);
        let mention = |pointer: &str| Mention {
            file: Arc::clone(place.file),
            line: place.line(pointer),
            object: Some(Arc::clone(&object)),
            pointer: Some(pointer.to_owned()),
        };
        let images = match Images::of_object(value, &[]) {
            Ok(images) => images,
            Err(ImagesError::UnknownKind { kind }) if names_an_image(value) => {
                *self.passed_over.entry(kind).or_default() += 1;
                Vec::new()
            }
            Err(ImagesError::UnknownKind { .. } | ImagesError::NoObject) => Vec::new(),
            Err(error) => vec![Err(error)],
        };
        for image in images {
            match image {
                // What a cluster would run under this name, never a folder of this machine.
                Ok(ObjectImage { text, reference, pointer, .. }) => {
                    self.inventory.add(&text, Ok(ImageSource::Registry(reference)), Some(mention(&pointer)))?;
                }
                Err(error) => self.inventory.add_unreadable(&object.to_string(), error.to_string(), mention("")),
            }
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

fn unreadable(name: &str, reason: &str) -> Failure {
    Failure::usage_with_hint(
        format!("`{name}` cannot be read: {reason}"),
        "render templates first, with `helm template` or `kubectl kustomize`; divide what is too large, or give it as JSON",
    )
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    if path == Path::new("-") { Ok(Box::new(io::stdin().lock())) } else { Ok(Box::new(File::open(path)?)) }
}

/// In the lists of an API server, a `PodList`, pods do not say what they are.
fn of_its_list<'a>(object: &'a Value, list: Option<&str>) -> Cow<'a, Value> {
    if list == Some("PodList") && object.get("kind").is_none() {
        return Cow::Owned(named(object.clone(), "v1", "Pod"));
    }
    Cow::Borrowed(object)
}

/// An object that says what it is.
fn named(mut object: Value, api_version: &str, kind: &str) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.insert("apiVersion".to_owned(), api_version.into());
        members.insert("kind".to_owned(), kind.into());
    }
    object
}
