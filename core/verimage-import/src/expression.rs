//! Regular expressions of other tools.

use verimage_core::PolicyError;
use verimage_core::policy::{Lint, Pattern, go};

use crate::native::Native;
use crate::part::Part;

/// Names that have nothing in common.
const STRANGERS: [&str; 3] = ["https://issuer.invalid", "someone@example.invalid", "-"];
const HINT: &str = "write it with what Go's expressions and those of this library have in common";

/// An expression that matches anywhere, as one for the whole text. It must be one by itself: else it could close what is put
/// around it, and match anything. Where it is not anchored itself, that is remarked upon.
pub(crate) fn anywhere(part: &Part<'_>, text: &str, native: &mut Native) -> Result<String, PolicyError> {
    let native_text = go::anywhere(text).map_err(|message| part.unsupported(format!("this regular expression {message}"), HINT))?;
    if STRANGERS.iter().all(|stranger| Pattern::regex(&native_text).is_ok_and(|pattern| pattern.matches(stranger))) {
        any_identity(part, text, native);
    } else if !is_anchored(text) {
        let message = format!("`{}` matches anywhere in a name: write `^` before it and `$` behind it", text.escape_debug());
        native.remark(Lint::UnanchoredRegex, part, message);
    }
    Ok(native_text)
}

/// Remarks that anybody has a name of this form.
pub(crate) fn any_identity(part: &Part<'_>, text: &str, native: &mut Native) {
    let message = format!("`{}` fits anybody's name: say whose signatures are wanted", text.escape_debug());
    native.remark(Lint::AnyIdentity, part, message);
}

/// Whether it says itself where a name begins and ends.
fn is_anchored(text: &str) -> bool {
    let text = text.strip_prefix("(?i)").unwrap_or(text);
    text.starts_with('^') && text.ends_with('$') && !text.ends_with("\\$") && !text.contains('|')
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn an_expression_cannot_close_what_is_put_around_it() {
        let value = Value::Null;
        let part = Part::whole(&value);
        let mut native = Native::default();
        assert_eq!(anywhere(&part, "^a|b$", &mut native).unwrap(), "(?s:.*)(?:^a|b$)(?s:.*)");
        assert!(native.finish("deny").unwrap().remarks.iter().all(|remark| remark.lint == Lint::UnanchoredRegex));
        let mut native = Native::default();
        for text in [".*", "^.*$", "x?", "^(.+)$"] {
            anywhere(&part, text, &mut native).unwrap();
        }
        assert_eq!(native.finish("deny").unwrap().remarks.iter().filter(|remark| remark.lint == Lint::AnyIdentity).count(), 4);
        let mut native = Native::default();
        for text in ["x)|(?:", "(", ""] {
            assert!(anywhere(&part, text, &mut native).is_err(), "{text}");
        }
    }
}
