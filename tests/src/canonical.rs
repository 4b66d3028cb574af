//! `canonical-json-rfc8785`: the canonical form, byte for byte.

use serde_json::{Map, Value};
use verimage_cosign::log::canonical::rfc8785;

use crate::{Answer, Case, path, read};

pub(crate) fn json(case: &Case) -> Result<Answer, String> {
    let input = read(&path(case, "input")?)?;
    let found = match rfc8785(&input) {
        Ok(found) => found,
        Err(error) => return Ok(Answer::reject("payload-malformed", error)),
    };
    if found != read(&path(case, "output")?)? {
        return Ok(Answer::reject("payload-malformed", "the canonical form is another one"));
    }
    let canonical = String::from_utf8(found).map_err(|error| error.to_string())?;
    Ok(Answer::Accept(Map::from_iter([("canonical".to_owned(), Value::from(canonical))])))
}
