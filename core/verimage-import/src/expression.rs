//! Regular expressions of other tools.

use verimage_core::PolicyError;
use verimage_core::policy::Pattern;

use crate::part::Part;

/// An expression that matches anywhere, as one for the whole text. It must be one by itself: else it could close what is put
/// around it, and match anything.
pub(crate) fn anywhere(part: &Part<'_>, text: &str) -> Result<String, PolicyError> {
    Pattern::regex(text).map_err(|message| part.invalid(format!("this regular expression {message}")))?;
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
        assert_eq!(anywhere(&part, "^a|b$").unwrap(), "(?s:.*)(?:^a|b$)(?s:.*)");
        for text in ["x)|(?:", "(", ""] {
            assert!(anywhere(&part, text).is_err(), "{text}");
        }
    }
}
