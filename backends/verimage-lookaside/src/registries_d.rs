//! Where the container tools of this machine look for signatures: containers-registries.d(5), as their code reads it.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thiserror::Error;
use verimage_core::ImageRef;
use verimage_import::Document;

const SYSTEM: &str = "/etc/containers/registries.d";
/// Where signatures are if nothing says so, for root and for others below their home.
const BUILT_IN: (&str, &str) = ("/var/lib/containers/sigstore", ".local/share/containers/sigstore");
/// How many files a folder may have.
const MAX_FILES: usize = 1024;

/// The sections of a folder `registries.d`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistriesD {
    default: Option<String>,
    /// Bases by what they are for; sections without one are left out.
    sections: BTreeMap<String, String>,
    built_in: Option<PathBuf>,
}

/// Why a folder cannot be used. Then no signature may be taken for absent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}: {reason}", path.display())]
#[non_exhaustive]
pub struct RegistriesDError {
    /// The folder or the file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

impl RegistriesD {
    /// The folder of this user, or of this machine; and the folder for signatures that is built in.
    ///
    /// # Errors
    /// [`RegistriesDError`] names the first file that cannot be used.
    pub fn of_machine() -> Result<Self, RegistriesDError> {
        let home = env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let user = home.as_ref().map(|home| home.join(".config/containers/registries.d")).filter(|folder| folder.is_dir());
        let folder = user.unwrap_or_else(|| PathBuf::from(SYSTEM));
        let read = if folder.is_dir() { Self::read(&folder)? } else { Self::default() };
        Ok(read.with_built_in(home.as_deref()))
    }

    /// A folder; and the folder for signatures that is built in.
    ///
    /// # Errors
    /// As [`of_machine`](Self::of_machine), and if there is no such folder.
    pub fn of_folder(folder: &Path) -> Result<Self, RegistriesDError> {
        let home = env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        Ok(Self::read(folder)?.with_built_in(home.as_deref()))
    }

    fn with_built_in(self, home: Option<&Path>) -> Self {
        let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        let built_in = if is_root { Some(PathBuf::from(BUILT_IN.0)) } else { home.map(|home| home.join(BUILT_IN.1)) };
        Self { built_in, ..self }
    }

    fn read(folder: &Path) -> Result<Self, RegistriesDError> {
        let wrong = |path: &Path| {
            let path = path.to_owned();
            move |reason: String| RegistriesDError { path, reason }
        };
        let entries = fs::read_dir(folder).map_err(|error| wrong(folder)(error.to_string()))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| wrong(folder)(error.to_string()))?.path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                files.push(path);
            }
            if files.len() > MAX_FILES {
                return Err(wrong(folder)(format!("there are more than {MAX_FILES} files")));
            }
        }
        files.sort();
        let mut all = Self::default();
        let mut seen = BTreeMap::new();
        for file in files {
            let text = fs::read_to_string(&file).map_err(|error| wrong(&file)(error.to_string()))?;
            let document = Document::parse(&text).map_err(|error| wrong(&file)(error.to_string()))?;
            all.add(document.value(), &file, &mut seen).map_err(wrong(&file))?;
        }
        Ok(all)
    }

    /// Adds a file; `seen` says which file has which section.
    fn add(&mut self, document: &Value, file: &Path, seen: &mut BTreeMap<String, PathBuf>) -> Result<(), String> {
        let Some(document) = document.as_object() else {
            return if document.is_null() { Ok(()) } else { Err("this is no map of sections".to_owned()) };
        };
        let mut once = |name: &str| match seen.insert(name.to_owned(), file.to_owned()) {
            Some(other) => Err(format!("`{name}` is in {}, too", other.display())),
            None => Ok(()),
        };
        if let Some(section) = document.get("default-docker").filter(|section| !section.is_null()) {
            once("default-docker")?;
            self.default = base(section)?;
        }
        let sections = match document.get("docker") {
            None | Some(Value::Null) => return Ok(()),
            Some(sections) => sections.as_object().ok_or("`docker` is no map of sections")?,
        };
        for (name, section) in sections {
            once(name)?;
            if let Some(base) = base(section)? {
                self.sections.insert(name.clone(), base);
            }
        }
        Ok(())
    }

    /// The base for an image, by its physical name.
    pub fn base(&self, image: &ImageRef) -> Option<String> {
        let configured = keys(image).into_iter().find_map(|key| self.sections.get(&key));
        let built_in = || self.built_in.as_ref().map(|folder| format!("file://{}", folder.display()));
        configured.or(self.default.as_ref()).cloned().or_else(built_in)
    }
}

/// `lookaside`, or else its old name.
fn base(section: &Value) -> Result<Option<String>, String> {
    if section.is_null() {
        return Ok(None);
    }
    let section = section.as_object().ok_or("a section is no map")?;
    for name in ["lookaside", "sigstore"] {
        match section.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(base)) if base.is_empty() => {}
            Some(Value::String(base)) => return Ok(Some(base.clone())),
            Some(_) => return Err(format!("`{name}` is no text")),
        }
    }
    Ok(None)
}

/// The sections that can be about an image, the most specific first. A host with a port is not covered by the host without; its
/// wildcards are those of the host without.
fn keys(image: &ImageRef) -> Vec<String> {
    let mut keys = Vec::new();
    match (image.tag(), image.digest()) {
        (_, Some(digest)) => keys.push(format!("{}@{digest}", image.name())),
        (Some(tag), None) => keys.push(format!("{}:{tag}", image.name())),
        (None, None) => keys.push(format!("{}:latest", image.name())),
    }
    let mut name = image.name();
    loop {
        keys.push(name.clone());
        let Some((parent, _)) = name.rsplit_once('/') else { break };
        name = parent.to_owned();
    }
    let mut domain = image.host().split(':').next().unwrap_or_default();
    while let Some((_, parent)) = domain.split_once('.') {
        keys.push(format!("*.{parent}"));
        domain = parent;
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
        folder
    }

    fn base_of(files: &[(&str, &str)], image: &str) -> Option<String> {
        RegistriesD::read(folder(files).path()).unwrap().base(&image.parse().unwrap())
    }

    #[test]
    fn the_most_specific_section_with_a_lookaside_counts() {
        let text = "default-docker: {lookaside: 'file:///default'}\ndocker:\n  r.example.com: {lookaside: 'file:///host'}\n  \
                    r.example.com/team: {lookaside: 'file:///team'}\n  r.example.com/team/app: {use-sigstore-attachments: true}\n  \
                    r.example.com/team/app:v2: {lookaside: 'file:///v2'}\n  '*.com': {lookaside: 'file:///com'}\n  \
                    r.example.com:5000: {sigstore: 'file:///port'}";
        for (image, expected) in [
            ("r.example.com/team/app:v1", "file:///team"),
            ("r.example.com/team/app:v2", "file:///v2"),
            ("r.example.com/other", "file:///host"),
            ("r.example.com:5000/team/app", "file:///port"),
            ("s.example.com/x", "file:///com"),
            ("s.example.com:5000/x", "file:///com"),
            ("example.org/x", "file:///default"),
            ("busybox", "file:///default"),
        ] {
            assert_eq!(base_of(&[("a.yaml", text)], image).as_deref(), Some(expected), "{image}");
        }
    }

    #[test]
    fn old_names_count_less_and_staging_never() {
        let section = |body: &str| format!("docker: {{r.example: {{{body}}}}}");
        for (body, expected) in [
            ("lookaside: 'file:///new', sigstore: 'file:///old'", Some("file:///new")),
            ("sigstore: 'file:///old'", Some("file:///old")),
            ("lookaside-staging: 'file:///staging', sigstore-staging: 'file:///staging'", None),
            ("lookaside: ''", None),
        ] {
            assert_eq!(base_of(&[("a.yaml", &section(body))], "r.example/a").as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn files_are_merged_and_others_are_not_read() {
        let files = [
            ("a.yaml", "docker: {a.example: {lookaside: 'file:///a'}}"),
            ("b.yaml", "docker: {b.example: {lookaside: 'file:///b'}}\nunknown: 1"),
            ("c.yml", "docker: ["),
            ("d.yaml", ""),
        ];
        assert_eq!(base_of(&files, "b.example/x").as_deref(), Some("file:///b"));
        assert_eq!(base_of(&files, "c.example/x"), None);
    }

    #[test]
    fn a_section_twice_is_an_error_that_names_both_files() {
        let section = "docker: {a.example: {lookaside: 'file:///a'}}";
        for (one, two) in [(section, section), ("default-docker: {}", "default-docker: {}")] {
            let error = RegistriesD::read(folder(&[("a.yaml", one), ("b.yaml", two)]).path()).unwrap_err();
            assert!(error.to_string().contains("a.yaml") && error.path.ends_with("b.yaml"), "{error}");
        }
        for text in ["docker: {a: {}, a: {}}", "docker: [a]", "docker: {a: 1}", "[]", "docker: {a: {lookaside: 1}}"] {
            assert!(RegistriesD::read(folder(&[("a.yaml", text)]).path()).is_err(), "{text}");
        }
    }
}
