//! Name constraints (RFC 5280, section 4.2.1.10).

use std::mem::discriminant;

use super::{Certificate, GeneralName, NameConstraints, PathFault, budget::Budget, oid};

/// Whether all names of a certificate are within the constraints of one above it.
///
/// A name of a kind that is constrained but cannot be compared is refused.
pub(super) fn check(certificate: &Certificate, constraints: &NameConstraints, budget: &Budget) -> Result<(), PathFault> {
    let subject = (!certificate.subject().is_empty()).then(|| GeneralName::Directory(certificate.subject().clone()));
    let names = subject.iter().chain(certificate.alternative_names());
    names.chain(&emails_of_subject(certificate)).try_for_each(|name| check_name(name, constraints, budget))
}

/// Email addresses in the subject count if there are none in the alternative names.
fn emails_of_subject(certificate: &Certificate) -> Vec<GeneralName> {
    let has_email = certificate.alternative_names().iter().any(|name| matches!(name, GeneralName::Email(_)));
    if has_email {
        return Vec::new();
    }
    certificate.subject().texts(oid::EMAIL_ADDRESS).map(|text| GeneralName::Email(text.to_owned())).collect()
}

fn check_name(name: &GeneralName, constraints: &NameConstraints, budget: &Budget) -> Result<(), PathFault> {
    let of_this_kind = |base: &&GeneralName| match (*base, name) {
        (GeneralName::Other { kind, .. }, GeneralName::Other { kind: other, .. }) => kind == other,
        (base, name) => discriminant(base) == discriminant(name),
    };
    for base in constraints.excluded.iter().filter(of_this_kind) {
        budget.compare_names()?;
        if is_within(name, base, Subtree::Excluded) {
            return Err(PathFault::NameConstraint);
        }
    }
    let mut constrained = false;
    for base in constraints.permitted.iter().filter(of_this_kind) {
        budget.compare_names()?;
        if is_within(name, base, Subtree::Permitted) {
            return Ok(());
        }
        constrained = true;
    }
    if constrained { Err(PathFault::NameConstraint) } else { Ok(()) }
}

/// What a subtree is for. In doubt a name is in an excluded one, and in no permitted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subtree {
    Permitted,
    Excluded,
}

fn is_within(name: &GeneralName, base: &GeneralName, subtree: Subtree) -> bool {
    let in_doubt = subtree == Subtree::Excluded;
    match (name, base) {
        (GeneralName::Directory(name), GeneralName::Directory(base)) => name.is_within(base),
        (GeneralName::Dns(name), GeneralName::Dns(base)) => is_dns_within(name, base, subtree),
        (GeneralName::Email(name), GeneralName::Email(base)) => is_email_within(name, base).unwrap_or(in_doubt),
        (GeneralName::Uri(name), GeneralName::Uri(base)) => host_of(name).map_or(in_doubt, |host| is_host_within(host, base)),
        (GeneralName::Ip(name), GeneralName::Ip(base)) => is_ip_within(name, base),
        _ => in_doubt,
    }
}

/// Labels are added to the left of the base; a base with a dot in front wants at least one.
fn is_dns_within(name: &str, base: &str, subtree: Subtree) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    if let Some(parent) = name.strip_prefix("*.").filter(|_| subtree == Subtree::Excluded) {
        // A wildcard stands for every name below its parent, so also for those in a subtree one label below.
        let below = base.split_once('.').is_some_and(|(_, of_base)| of_base.eq_ignore_ascii_case(parent));
        return below || is_domain_within(name, base) || is_domain_within(parent, base);
    }
    is_domain_within(name, base)
}

fn is_domain_within(name: &str, base: &str) -> bool {
    match base.strip_prefix('.') {
        Some(domain) => is_below(name, domain),
        None => base.is_empty() || name.eq_ignore_ascii_case(base) || is_below(name, base),
    }
}

/// Whether a name has labels before a domain.
fn is_below(name: &str, domain: &str) -> bool {
    let split = name.len().checked_sub(domain.len()).and_then(|at| name.split_at_checked(at));
    split.is_some_and(|(front, end)| end.eq_ignore_ascii_case(domain) && front.strip_suffix('.').is_some_and(|labels| !labels.is_empty()))
}

/// A mailbox, all mailboxes of a host, or all of the hosts below a domain. Nothing if the address is none.
fn is_email_within(name: &str, base: &str) -> Option<bool> {
    let (local, host) = name.rsplit_once('@').filter(|(local, host)| !local.is_empty() && !host.is_empty())?;
    Some(match base.rsplit_once('@') {
        Some((base_local, base_host)) => local == base_local && host.eq_ignore_ascii_case(base_host),
        None => is_host_within(host, base),
    })
}

/// A host is itself only; with a dot in front, it is all hosts below.
fn is_host_within(host: &str, base: &str) -> bool {
    match base.strip_prefix('.') {
        Some(domain) => is_below(host, domain),
        None => base.is_empty() || host.eq_ignore_ascii_case(base),
    }
}

/// The host of a URI with an authority (RFC 3986, section 3.2), if it is a name.
fn host_of(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host_and_port.split_once(':').map_or(host_and_port, |(host, _)| host);
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_address = host.starts_with('[') || host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (!is_address).then_some(host)
}

/// Address and mask of the same family.
fn is_ip_within(address: &[u8], base: &[u8]) -> bool {
    let Some((network, mask)) = base.split_at_checked(address.len()) else { return false };
    mask.len() == address.len() && address.iter().zip(network).zip(mask).all(|((byte, network), mask)| byte & mask == network & mask)
}

#[cfg(test)]
mod tests {
    use const_oid::ObjectIdentifier;

    use super::*;

    fn dns(name: &str, base: &str) -> [bool; 2] {
        let within = |subtree| is_within(&GeneralName::Dns(name.into()), &GeneralName::Dns(base.into()), subtree);
        [within(Subtree::Permitted), within(Subtree::Excluded)]
    }

    fn email(name: &str, base: &str) -> [bool; 2] {
        let within = |subtree| is_within(&GeneralName::Email(name.into()), &GeneralName::Email(base.into()), subtree);
        [within(Subtree::Permitted), within(Subtree::Excluded)]
    }

    fn uri(name: &str, base: &str) -> [bool; 2] {
        let within = |subtree| is_within(&GeneralName::Uri(name.into()), &GeneralName::Uri(base.into()), subtree);
        [within(Subtree::Permitted), within(Subtree::Excluded)]
    }

    const YES: [bool; 2] = [true, true];
    const NO: [bool; 2] = [false, false];
    /// In an excluded subtree, in no permitted one.
    const REFUSED: [bool; 2] = [false, true];

    #[test]
    fn domains_grow_to_the_left() {
        assert_eq!(dns("example.com", "example.com"), YES);
        assert_eq!(dns("EXAMPLE.com.", "example.COM"), YES);
        assert_eq!(dns("a.b.example.com", "example.com"), YES);
        assert_eq!(dns("badexample.com", "example.com"), NO);
        assert_eq!(dns("example.com.evil", "example.com"), NO);
        assert_eq!(dns("example.com", ".example.com"), NO);
        assert_eq!(dns("a.example.com", ".example.com"), YES);
        assert_eq!(dns("anything", ""), YES);
    }

    #[test]
    fn wildcards_cover_what_they_may_stand_for() {
        assert_eq!(dns("*.example.com", "example.com"), YES);
        assert_eq!(dns("*.example.com", "secret.example.com"), REFUSED);
        assert_eq!(dns("*.example.com", "other.com"), NO);
    }

    #[test]
    fn mailboxes_have_exact_local_parts() {
        assert_eq!(email("a@example.com", "a@EXAMPLE.com"), YES);
        assert_eq!(email("A@example.com", "a@example.com"), NO);
        assert_eq!(email("a@example.com", "example.com"), YES);
        assert_eq!(email("a@b.example.com", "example.com"), NO);
        assert_eq!(email("a@b.example.com", ".example.com"), YES);
        assert_eq!(email("a@example.com", ".example.com"), NO);
        assert_eq!(email("no mailbox", "example.com"), REFUSED);
    }

    #[test]
    fn uris_are_compared_by_their_host() {
        assert_eq!(uri("https://host.example/x?y=@other", "host.example"), YES);
        assert_eq!(uri("https://user@host.example:8443", "host.example"), YES);
        assert_eq!(uri("https://a.host.example", "host.example"), NO);
        assert_eq!(uri("https://a.host.example", ".host.example"), YES);
        assert_eq!(uri("https://host.example@evil/", "host.example"), NO);
        assert_eq!(uri("urn:name", "host.example"), REFUSED);
        assert_eq!(uri("https://127.0.0.1/", "host.example"), REFUSED);
        assert_eq!(uri("https://[::1]/", "host.example"), REFUSED);
    }

    /// Whichever of two kinds of `otherName` stands first among the permitted: the one that is constrained cannot be compared.
    #[test]
    fn other_names_are_constrained_kind_by_kind() {
        let other = |kind: &str| GeneralName::Other { kind: ObjectIdentifier::new_unwrap(kind), value: vec![0x0c, 1, b'a'] };
        let (one, two, three) = (other("1.2.3"), other("1.2.4"), other("1.2.5"));
        let constraints = |permitted: &[&GeneralName], excluded: &[&GeneralName]| NameConstraints {
            permitted: permitted.iter().map(|name| (*name).clone()).collect(),
            excluded: excluded.iter().map(|name| (*name).clone()).collect(),
        };
        let is_good = |constraints: NameConstraints| check_name(&two, &constraints, &Budget::new()).is_ok();
        assert!(is_good(constraints(&[&one, &three], &[&one, &three])));
        assert!(!is_good(constraints(&[&two, &one], &[])) && !is_good(constraints(&[&one, &two], &[])));
        assert!(!is_good(constraints(&[], &[&two])));
    }

    #[test]
    fn addresses_are_masked() {
        assert!(is_ip_within(&[10, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0]));
        assert!(!is_ip_within(&[11, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0]));
        assert!(!is_ip_within(&[0; 16], &[0; 8]));
        assert!(!is_ip_within(&[0; 4], &[0; 32]));
    }
}
