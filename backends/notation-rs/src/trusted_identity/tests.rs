use super::*;

fn parse(text: &str) -> Result<BTreeMap<String, String>, DnError> {
    DistinguishedName::parse(text).map(|name| name.attributes)
}

fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(kind, value)| (kind.to_owned(), value.to_owned())).collect()
}

#[test]
fn names_are_read_as_rfc_4514_writes_them() {
    let base = [("C", "US"), ("ST", "WA"), ("O", "acme")];
    for (text, more) in [
        ("C=US,ST=WA,O=acme", None),
        (" C = US ; S=WA ;O=acme ", None),
        ("2.5.4.6=US,ST=WA,O=acme", None),
        (r"C=US,ST=WA,O=acme,CN=a\,b", Some(("CN", "a,b"))),
        (r"C=US,ST=WA,O=acme,CN=\ a\ ", Some(("CN", " a "))),
        (r"C=US,ST=WA,O=acme,CN=a\\", Some(("CN", "a\\"))),
        (r"C=US,ST=WA,O=acme,CN=\C3\A4\2C", Some(("CN", "ä,"))),
        (r"C=US,ST=WA,O=acme,CN=a=b", Some(("CN", "a=b"))),
        (r"C=US,ST=WA,O=acme,CN=\#a", Some(("CN", "#a"))),
        (r#"C=US,ST=WA,O=acme,CN=\"a\+\<\>\;\="#, Some(("CN", r#""a+<>;="#))),
        ("C=US,ST=WA,O=acme,1.2.3=x", Some(("1.2.3", "x"))),
    ] {
        let expected: BTreeMap<_, _> = map(base).into_iter().chain(more.map(|(kind, value)| (kind.to_owned(), value.to_owned()))).collect();
        assert_eq!(parse(text), Ok(expected), "{text}");
    }
}

#[test]
fn attack_names_that_are_not_one_thing() {
    use DnError::{Duplicate, HexValue, Malformed, Mandatory, MultiValued, TooLong};
    for (text, expected) in [
        ("C=US,ST=WA,O=#04024869", HexValue { name: String::new() }),
        ("C=US,ST=WA,O= #04024869", Malformed { name: String::new(), what: "" }),
        ("C=US,ST=WA,O=a+OU=b", MultiValued { name: String::new() }),
        ("C=US,ST=WA,O=a,O=b", Duplicate { name: String::new(), kind: String::new() }),
        ("C=US,ST=WA,S=WA,O=b", Duplicate { name: String::new(), kind: String::new() }),
        ("C=US,ST=WA,O=b,2.5.4.10=c", Duplicate { name: String::new(), kind: String::new() }),
        ("ST=WA,O=a", Mandatory { name: String::new(), kind: "C" }),
        ("C=US,O=a", Mandatory { name: String::new(), kind: "ST" }),
        ("C=US,ST=WA", Mandatory { name: String::new(), kind: "O" }),
        ("c=US,ST=WA,O=a", Mandatory { name: String::new(), kind: "C" }),
    ] {
        let found = parse(text).expect_err(text);
        assert_eq!(std::mem::discriminant(&found), std::mem::discriminant(&expected), "{text}: {found}");
    }
    for malformed in [
        "",
        "C",
        "=US",
        "C=US,",
        "C=US,ST=,O=a",
        "C=US,ST=WA,O=a\\",
        "C=US,ST=WA,O=a\\x",
        "C=US,ST=WA,O=\\ff",
        "C=US,ST=WA,O=a\\00",
        "C=US,ST=WA,O=\"a\"",
        "C=US,ST=WA,O=a\u{7}",
        "C D=US,ST=WA,O=a",
        "C=US,ST=WA,O=a\\4",
        "C=US,ST=WA,O=a\\é",
    ] {
        assert!(matches!(parse(malformed), Err(Malformed { .. })), "{malformed}: {:?}", parse(malformed));
    }
    let long = format!("C=US,ST=WA,O={}", "a".repeat(DistinguishedName::MAX_SIZE));
    assert!(matches!(parse(&long), Err(TooLong { .. })));
}

#[test]
fn identities_have_a_kind_and_a_value() {
    let kind = |text: &str| TrustedIdentity::parse(text);
    assert!(matches!(kind("x509.subject: C=US, ST=WA, O=a"), Ok(TrustedIdentity::X509Subject(_))));
    assert!(matches!(kind("plugin.id: x"), Ok(TrustedIdentity::Other(_))));
    assert_eq!(kind(""), Err(IdentityError::Empty));
    assert!(matches!(kind("x509.subject C=US"), Err(IdentityError::NoSeparator { .. })));
    assert!(matches!(kind("x509.subject: "), Err(IdentityError::NoValue { .. })));
    assert!(matches!(kind("x509.subject: O=a"), Err(IdentityError::Name { .. })));
}

#[test]
fn a_name_implies_its_parts() {
    let identity = |text: &str| TrustedIdentity::parse(&format!("x509.subject:{text}")).expect("a good identity");
    let (wide, narrow) = (identity("C=US,ST=WA,O=a"), identity("O=a, CN=b, S=WA, C=US"));
    assert!(wide.is_implied_by(&narrow) && !narrow.is_implied_by(&wide) && wide.is_implied_by(&wide));
}
