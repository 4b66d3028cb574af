//! `Link` (RFC 8288, section 3): where the next page is.

/// The first target whose relation is `next`, if there is one. [`None`] if the header is not what it must be.
#[expect(clippy::option_option, reason = "no next page is one thing, a header that cannot be read another")]
pub(crate) fn next_link(header: &str) -> Option<Option<String>> {
    let (mut next, mut rest) = (None, skip_commas(header));
    while !rest.is_empty() {
        let (target, after) = rest.strip_prefix('<')?.split_once('>')?;
        let (relation, after) = relation(after)?;
        if next.is_none() && relation.split_ascii_whitespace().any(|name| name.eq_ignore_ascii_case("next")) {
            next = Some(target.to_owned());
        }
        rest = skip_commas(after);
    }
    Some(next)
}

/// The first `rel` among the parameters of a link, and what stands behind them: nothing, or a comma.
fn relation(text: &str) -> Option<(String, &str)> {
    let (mut found, mut rest) = (None, text.trim_ascii_start());
    while let Some(parameter) = rest.strip_prefix(';') {
        let (name, value, after) = split_parameter(parameter.trim_ascii_start())?;
        if name.eq_ignore_ascii_case("rel") && found.is_none() {
            found = Some(value);
        }
        rest = after.trim_ascii_start();
    }
    (rest.is_empty() || rest.starts_with(',')).then(|| (found.unwrap_or_default(), rest))
}

/// A name, its value if it has one, and the rest. The name may be empty: a semicolon with nothing behind it does no harm.
fn split_parameter(text: &str) -> Option<(&str, String, &str)> {
    let end = text.find([' ', '\t', ';', ',', '=']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let Some(value) = rest.trim_ascii_start().strip_prefix('=') else { return Some((name, String::new(), rest)) };
    let value = value.trim_ascii_start();
    if let Some(quoted) = value.strip_prefix('"') {
        let (value, rest) = split_quoted(quoted)?;
        return Some((name, value, rest));
    }
    let end = value.find([' ', '\t', ';', ',']).unwrap_or(value.len());
    let (value, rest) = value.split_at_checked(end)?;
    Some((name, value.to_owned(), rest))
}

/// A quoted text without its quotes, and the rest. [`None`] if it does not end.
fn split_quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut symbols) = (String::new(), text.chars());
    loop {
        match symbols.next()? {
            '"' => return Some((value, symbols.as_str())),
            '\\' => value.push(symbols.next()?),
            symbol => value.push(symbol),
        }
    }
}

fn skip_commas(text: &str) -> &str {
    text.trim_start_matches([',', ' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_next_link() {
        for (header, expected) in [
            (r#"</v2/a/referrers/x?n=1>; rel="next""#, Some("/v2/a/referrers/x?n=1")),
            (r#"</1>; rel=prev, </2>; title="t"; rel=next"#, Some("/2")),
            (r#"</2>; rel="next", </1>; rel="prev""#, Some("/2")),
            (r#"</1>; REL="Next""#, Some("/1")),
            ("</1> ; rel = next ;", Some("/1")),
            (r#"</1>;rel="next last""#, Some("/1")),
            (r#"</1,2;3>; title="a, <b>; rel=\"no\""; rel=next"#, Some("/1,2;3")),
            (r#"</1>; rel="prev""#, None),
            (r#"</1>; rel="prev"; rel="next""#, None),
            (r#"</1>; title="rel=next"; rel=nextish"#, None),
            ("", None),
        ] {
            assert_eq!(next_link(header), Some(expected.map(str::to_owned)), "{header}");
        }
    }

    #[test]
    fn a_header_that_cannot_be_read_is_not_one_without_a_next_page() {
        for header in
            ["<", "</1", "/1; rel=next", r#"</1>; rel="next"#, "</1> rel=next", "</2>; rel=prev, /1; rel=next", r#"</1>; rel="next"x"#]
        {
            assert_eq!(next_link(header), None, "{header}");
        }
    }
}
