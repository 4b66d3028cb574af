//! Descriptors in manifests and lists. The fuzz targets use this file, too.

use serde_json::Value;

/// Puts another digest and its size into every descriptor that has the old one; whether there was any.
pub fn rename(value: &mut Value, old: &str, new: &str, size: usize) -> bool {
    match value {
        Value::Array(items) => items.iter_mut().fold(false, |any, item| rename(item, old, new, size) | any),
        Value::Object(members) => {
            let names = members.get("digest").is_some_and(|digest| digest == old);
            if names {
                members.insert("digest".to_owned(), new.into());
                members.insert("size".to_owned(), size.into());
            }
            members.values_mut().fold(names, |any, member| rename(member, old, new, size) | any)
        }
        _ => false,
    }
}
