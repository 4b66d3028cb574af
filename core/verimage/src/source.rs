//! Where an image is: a registry, a layout or an archive, in the words of container tools.

use std::path::PathBuf;
use std::sync::Arc;

use verimage_core::policy::Location;
use verimage_core::{Digest, ImageRef, ReferenceError, SignatureStore};
use verimage_layout::{LayoutError, LayoutStore, Selector};

/// What an image argument names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageSource {
    /// An image in a registry.
    Registry(ImageRef),
    /// An image in an OCI layout folder.
    Layout {
        /// The folder.
        folder: PathBuf,
        /// Which image of it.
        selector: Selector,
    },
    /// An image in a tar archive of an OCI layout.
    Archive {
        /// The archive.
        file: PathBuf,
        /// Which image of it.
        selector: Selector,
    },
    /// An image as a folder, as skopeo's `dir:` writes it.
    #[cfg(feature = "simple-signing")]
    Dir(PathBuf),
}

/// The name of an image from a layout when the caller gives none: below a domain that can never exist (RFC 2606), so that
/// only a policy for any image fits.
const UNNAMED: &str = "layout.invalid/unnamed";

impl ImageSource {
    /// Reads `[docker://]reference`, `oci:DIR[:TAG|@DIGEST]`, `oci-archive:FILE[:TAG|@DIGEST]` or `dir:DIR`.
    ///
    /// # Errors
    /// [`SourceError`] says which part does not fit.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        if let Some(reference) = text.strip_prefix("docker://") {
            return Self::registry(reference);
        }
        if let Some(rest) = text.strip_prefix("oci-archive:") {
            let (file, selector) = split_selector(rest)?;
            return Ok(Self::Archive { file, selector });
        }
        if let Some(rest) = text.strip_prefix("oci:") {
            let (folder, selector) = split_selector(rest)?;
            return Ok(Self::Layout { folder, selector });
        }
        #[cfg(feature = "simple-signing")]
        if let Some(folder) = text.strip_prefix("dir:") {
            return if folder.is_empty() { Err(SourceError::NoPath) } else { Ok(Self::Dir(PathBuf::from(folder))) };
        }
        match text.split_once(':').map(|(transport, _)| transport) {
            Some(transport @ ("dir" | "docker-archive" | "docker-daemon" | "containers-storage" | "tarball" | "sif" | "ostree")) => {
                Err(SourceError::Transport(transport.to_owned()))
            }
            _ => Self::registry(text),
        }
    }

    fn registry(text: &str) -> Result<Self, SourceError> {
        ImageRef::parse(text).map(Self::Registry).map_err(|error| SourceError::Reference { text: text.to_owned(), error })
    }

    /// The name under which the image is judged: `name` if given, else the registry reference.
    ///
    /// # Errors
    /// [`SourceError::OtherDigest`] if the name and the layout's selector give two digests.
    pub fn judged_as(&self, name: Option<&ImageRef>) -> Result<ImageRef, SourceError> {
        let selector = match (self, name) {
            (Self::Registry(reference), None) => return Ok(reference.clone()),
            (Self::Registry(_), Some(_)) => return Err(SourceError::NamedRegistryImage),
            (Self::Layout { selector, .. } | Self::Archive { selector, .. }, _) => selector,
            #[cfg(feature = "simple-signing")]
            (Self::Dir(_), _) => &Selector::Only,
        };
        let name = match name {
            Some(name) => name.to_string(),
            None => UNNAMED.to_owned(),
        };
        let read = |text: &str| ImageRef::parse(text).map_err(|error| SourceError::Reference { text: text.to_owned(), error });
        let reference = read(&name)?;
        match (selector, reference.digest()) {
            (Selector::Digest(selected), Some(named)) if selected != named => Err(SourceError::OtherDigest),
            (Selector::Digest(selected), None) => read(&format!("{name}@{selected}")),
            _ => Ok(reference),
        }
    }

    /// Whether the image is a file of this machine.
    pub(crate) fn is_layout(&self) -> bool {
        !matches!(self, Self::Registry(_))
    }

    /// Where an image is that goes without a name: policies of container tools speak of its path.
    pub fn location(&self) -> Location {
        let (transport, path) = match self {
            Self::Registry(_) => return Location::Registry,
            Self::Layout { folder, .. } => ("oci", folder),
            Self::Archive { file, .. } => ("oci-archive", file),
            #[cfg(feature = "simple-signing")]
            Self::Dir(folder) => ("dir", folder),
        };
        // One that does not exist cannot be opened either.
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        Location::File { transport: transport.to_owned(), path: path.display().to_string() }
    }

    /// Opens what holds the image, if it is a file of this machine.
    pub(crate) fn open(&self) -> Result<Option<Arc<dyn SignatureStore>>, LayoutError> {
        Ok(match self {
            Self::Registry(_) => None,
            Self::Layout { folder, selector } => Some(Arc::new(LayoutStore::open_folder(folder, selector.clone())?)),
            Self::Archive { file, selector } => Some(Arc::new(LayoutStore::open_archive(file, selector.clone())?)),
            #[cfg(feature = "simple-signing")]
            Self::Dir(folder) => Some(Arc::new(verimage_lookaside::DirStore::new(folder))),
        })
    }
}

/// `PATH[:NAME|@DIGEST]`; a colon within the path needs a name behind it, as for skopeo.
fn split_selector(text: &str) -> Result<(PathBuf, Selector), SourceError> {
    let (path, selector) = match text.rsplit_once('@').and_then(|(path, digest)| Some((path, Digest::parse(digest).ok()?))) {
        Some((path, digest)) => (path, Selector::Digest(digest)),
        None => match text.split_once(':') {
            Some((path, name)) if !name.is_empty() => (path, Selector::Name(name.to_owned())),
            _ => (text, Selector::Only),
        },
    };
    if path.is_empty() { Err(SourceError::NoPath) } else { Ok((PathBuf::from(path), selector)) }
}

/// Why an image argument cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The reference is not well formed.
    #[error("`{}` is no image reference: {error}", text.escape_debug())]
    Reference {
        /// The text.
        text: String,
        /// What does not fit.
        error: ReferenceError,
    },
    /// A transport of other tools that is not read.
    #[error("images of the transport `{0}:` cannot be judged; `docker://`, `oci:`, `oci-archive:` and `dir:` can")]
    Transport(String),
    /// `oci:` without a path.
    #[error("a path is missing behind the transport")]
    NoPath,
    /// A name was given for an image that has one.
    #[error("an image in a registry is judged under its own name; a name is for layouts and archives")]
    NamedRegistryImage,
    /// The name and the layout give two digests.
    #[error("the name and the layout give two different digests")]
    OtherDigest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_transports() {
        assert!(matches!(ImageSource::parse("docker://nginx"), Ok(ImageSource::Registry(_))));
        assert_eq!(
            ImageSource::parse("oci:some/folder:v1"),
            Ok(ImageSource::Layout { folder: "some/folder".into(), selector: Selector::Name("v1".into()) })
        );
        assert_eq!(ImageSource::parse("oci-archive:a.tar"), Ok(ImageSource::Archive { file: "a.tar".into(), selector: Selector::Only }));
        assert_eq!(ImageSource::parse("oci:"), Err(SourceError::NoPath));
        #[cfg(feature = "simple-signing")]
        assert_eq!(ImageSource::parse("dir:x"), Ok(ImageSource::Dir("x".into())));
        assert_eq!(ImageSource::parse("docker-archive:x"), Err(SourceError::Transport("docker-archive".into())));
        assert!(ImageSource::parse("a b").is_err());
    }

    #[test]
    fn a_layout_is_judged_under_the_given_name() {
        let digest = Digest::sha256(b"");
        let source = ImageSource::parse(&format!("oci:x@{digest}")).unwrap();
        let name = ImageRef::parse("registry.example/app:v1").unwrap();
        assert_eq!(source.judged_as(Some(&name)).unwrap().to_string(), format!("registry.example/app:v1@{digest}"));
        let other = ImageRef::parse(&format!("registry.example/app@{}", Digest::sha256(b"x"))).unwrap();
        assert_eq!(source.judged_as(Some(&other)), Err(SourceError::OtherDigest));
    }
}
