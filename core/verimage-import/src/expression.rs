//! Regular expressions of other tools.

use verimage_core::PolicyError;
use verimage_core::policy::{Lint, Pattern};

use crate::native::Native;
use crate::part::Part;

/// An expression that matches anywhere, as one for the whole text. It must be one by itself: else it could close what is put
/// around it, and match anything. Where it is not anchored itself, that is remarked upon.
pub(crate) fn anywhere(part: &Part<'_>, text: &str, native: &mut Native) -> Result<String, PolicyError> {
    Pattern::regex(text).map_err(|message| part.invalid(format!("this regular expression {message}")))?;
    if !(text.starts_with('^') && text.ends_with('$')) || text.contains('|') {
        let message = format!("`{}` matches anywhere in a name: write `^` before it and `$` behind it", text.escape_debug());
        native.remark(Lint::UnanchoredRegex, part, message);
    }
    Ok(format!("(?s:.*)(?:{text})(?s:.*)"))
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
        for text in ["x)|(?:", "(", ""] {
            assert!(anywhere(&part, text, &mut native).is_err(), "{text}");
        }
    }
}
