//! Where signatures are, and how they are listed (specification section 3).

use bytes::Bytes;
use verimage_core::policy::Store;
use verimage_core::{Answer, Digest, Limits, Place, StoreErrorKind, Want, What};

use crate::envelope::Form;

/// The largest signature, and the largest list of an extension, in bytes.
const MAX_ANSWER_BYTES: u64 = 4 << 20;
/// How many signatures a lookaside may hold for one image. One more is asked for, to know that this is all.
const MAX_FILES: u32 = 127;

/// A place whose signatures are listed, one question after the other.
#[derive(Debug)]
pub(crate) struct Listing {
    place: Place,
    digest: Digest,
    next: Next,
    after_extension: AfterExtension,
    most_files: u32,
    /// What was found so far.
    pub(crate) found: Vec<Found>,
    /// How it ended, once it did.
    pub(crate) end: Option<End>,
}

/// A signature file, or a list of an extension, and where it was.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) source: Want,
    pub(crate) bytes: Bytes,
}

/// How a listing ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With the first file that is not there, or without any.
    Files,
    /// With the list of an extension.
    Extension,
    /// With more files than are read.
    TooMany(u32),
    /// With a file of no known form, which makes the list unreadable, as for container tools: nobody but signers writes there.
    Unreadable(String),
    /// A place could not say what it has; what it said before is no list.
    Failed,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Extension,
    File(u32),
}

/// What a registry without the extension means.
#[derive(Clone, Copy, Debug)]
enum AfterExtension {
    Files,
    Nothing,
}

impl Listing {
    /// The listings of these stores; by default where this machine's tools look, the extension of the registry first.
    pub(crate) fn all(stores: &[Store], digest: &Digest, limits: &Limits) -> Vec<Self> {
        let begin = |place: &Place, next, after_extension| {
            let most_files = MAX_FILES.min(u32::try_from(limits.signatures).unwrap_or(MAX_FILES));
            Self { place: place.clone(), digest: digest.clone(), next, after_extension, most_files, found: Vec::new(), end: None }
        };
        let of_store = |store: &Store| match store {
            Store::Lookaside(place) => Some(begin(place, Next::File(1), AfterExtension::Files)),
            Store::Openshift(place) => Some(begin(place, Next::Extension, AfterExtension::Nothing)),
            _ => None,
        };
        match stores {
            [] => vec![begin(&Place::Image, Next::Extension, AfterExtension::Files)],
            stores => stores.iter().filter_map(of_store).collect(),
        }
    }

    /// What to ask next; nothing once it ended.
    pub(crate) fn want(&self) -> Option<Want> {
        let what = match self.next {
            _ if self.end.is_some() => return None,
            Next::Extension => What::SignatureList(self.digest.clone()),
            Next::File(index) => What::Lookaside { digest: self.digest.clone(), index },
        };
        Some(Want { place: self.place.clone(), what, max_bytes: MAX_ANSWER_BYTES })
    }

    /// Takes the answer to what was asked last.
    pub(crate) fn hear(&mut self, answer: &Answer) {
        let bytes = match &answer.result {
            Ok(blobs) => blobs.first().map(|blob| blob.bytes().clone()),
            Err(error) if error.kind == StoreErrorKind::NotFound => return self.hear_absence(),
            Err(_) => None,
        };
        let Some(bytes) = bytes else { return self.end = Some(End::Failed) };
        match self.next {
            Next::Extension => self.end = Some(End::Extension),
            Next::File(index) if index > self.most_files => self.end = Some(End::TooMany(self.most_files)),
            Next::File(index) => match Form::of(&bytes) {
                Ok(_) => self.next = Next::File(index.saturating_add(1)),
                Err(reason) => self.end = Some(End::Unreadable(reason)),
            },
        }
        self.found.push(Found { source: answer.want.clone(), bytes });
    }

    fn hear_absence(&mut self) {
        match (self.next, self.after_extension) {
            (Next::Extension, AfterExtension::Files) => self.next = Next::File(1),
            _ => self.end = Some(End::Files),
        }
    }
}

#[cfg(test)]
mod tests {
    use verimage_core::{Blob, ImageRef, StoreError};

    use super::*;

    /// The questions to a place that answers like this, and how the listing ends.
    fn ask(stores: &[Store], answer: impl Fn(&What) -> Result<Vec<Blob>, StoreError>) -> (Vec<String>, End, usize) {
        let image = ImageRef::parse("r.example/team/app:1").unwrap();
        let mut listing = Listing::all(stores, &Digest::sha256(b""), &Limits::default()).remove(0);
        let mut asked = Vec::new();
        while let Some(want) = listing.want() {
            asked.push(want.describe(&image).replace(&Digest::sha256(b"").hex(), "…"));
            let result = answer(&want.what);
            listing.hear(&Answer { want, result });
        }
        (asked, listing.end.clone().unwrap(), listing.found.len())
    }

    fn lookaside() -> [Store; 1] {
        [Store::Lookaside(Place::Store("https://sigs.example/base".to_owned()))]
    }

    fn files(count: u32) -> impl Fn(&What) -> Result<Vec<Blob>, StoreError> {
        move |what| match what {
            What::Lookaside { index, .. } if *index <= count => Ok(vec![Blob::new(vec![0xa3])]),
            _ => Err(StoreError::not_found("404")),
        }
    }

    #[test]
    fn n_signatures_take_n_and_one_questions() {
        let (asked, end, found) = ask(&lookaside(), files(2));
        let expected = [1, 2, 3].map(|index| format!("https://sigs.example/base/team/app@sha256=…/signature-{index}"));
        assert_eq!((asked, end, found), (expected.to_vec(), End::Files, 2));
        assert_eq!(ask(&lookaside(), files(0)).0.len(), 1);
    }

    #[test]
    fn this_machines_places_are_the_extension_and_else_the_lookaside() {
        let (asked, end, found) = ask(&[], files(1));
        assert_eq!((asked.len(), end, found), (3, End::Files, 1));
        let extension = |what: &What| match what {
            What::SignatureList(_) => Ok(vec![Blob::new("{}")]),
            _ => Err(StoreError::unavailable("must not be asked")),
        };
        assert_eq!(ask(&[], extension), (vec!["signature list of team/app@sha256:… at r.example".to_owned()], End::Extension, 1));
        let openshift = [Store::Openshift(Place::Store("https://r.example".to_owned()))];
        assert_eq!(ask(&openshift, files(1)).1, End::Files);
    }

    #[test]
    fn only_absence_ends_a_list() {
        let broken = |what: &What| match what {
            What::Lookaside { index: 1, .. } => Ok(vec![Blob::new(vec![0xa3])]),
            _ => Err(StoreError::new(StoreErrorKind::Unauthorized, "403")),
        };
        assert_eq!(ask(&lookaside(), broken).1, End::Failed);
        assert_eq!(ask(&lookaside(), |_| Ok(Vec::new())).1, End::Failed);
    }

    #[test]
    fn a_file_of_no_known_form_ends_a_list() {
        let (asked, end, _) = ask(&lookaside(), |_| Ok(vec![Blob::new("<html>")]));
        assert_eq!(asked.len(), 1);
        assert!(matches!(end, End::Unreadable(reason) if reason.contains("0x3c")));
    }

    #[test]
    fn lists_are_bounded() {
        let (asked, end, _) = ask(&lookaside(), files(u32::MAX));
        assert_eq!((asked.len(), end), (128, End::TooMany(127)));
        assert_eq!(ask(&lookaside(), files(127)).1, End::Files);
    }
}
