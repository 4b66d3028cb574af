//! Which addresses remote data may send us to, decided after name resolution.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// What kind of neighbourhood an address is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Neighbourhood {
    /// Everybody's.
    Public,
    /// An organisation's own network.
    Private,
    /// This machine.
    Loopback,
    /// Link-local, cloud metadata, multicast, unspecified and reserved addresses: no registry lives there.
    Forbidden,
}

/// Where a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reach {
    /// The caller named the host: everywhere but the forbidden addresses.
    Named,
    /// A registry in this neighbourhood named the host: public addresses and those of the same neighbourhood.
    From(Neighbourhood),
}

impl Neighbourhood {
    /// The neighbourhood of an address, whatever clothes IPv6 puts on it.
    pub fn of(address: IpAddr) -> Self {
        neighbourhood(address)
    }

    /// The neighbourhood of a URL whose host is written as an address.
    pub fn of_literal(url: &Url) -> Option<Self> {
        match url.host()? {
            Host::Ipv4(address) => Some(neighbourhood(address.into())),
            Host::Ipv6(address) => Some(neighbourhood(address.into())),
            Host::Domain(_) => None,
        }
    }
}

impl Reach {
    /// Whether a request may go to an address there.
    pub fn admits(self, target: Neighbourhood) -> bool {
        match (self, target) {
            (_, Neighbourhood::Forbidden) => false,
            (_, Neighbourhood::Public) | (Self::Named, _) => true,
            (Self::From(own), target) => own == target,
        }
    }

    /// Checks an address that stands in the URL as a number; names are checked by [`Guard`].
    pub fn admits_literal(self, url: &Url) -> bool {
        url.has_host() && Neighbourhood::of_literal(url).is_none_or(|target| self.admits(target))
    }
}

/// Whether the host of this URL is a loopback host by its spelling alone.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => neighbourhood(IpAddr::V6(address)) == Neighbourhood::Loopback,
        None => false,
    }
}

/// Whether a host of image references, with its port, is this machine by its spelling alone.
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    Url::parse(&format!("http://{host}")).is_ok_and(|url| is_loopback(&url))
}

pub(crate) fn neighbourhood(address: IpAddr) -> Neighbourhood {
    match address {
        IpAddr::V4(address) => neighbourhood_v4(address),
        IpAddr::V6(address) => neighbourhood_v6(address),
    }
}

fn neighbourhood_v4(address: Ipv4Addr) -> Neighbourhood {
    const METADATA: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];
    match address.octets() {
        [127, ..] => Neighbourhood::Loopback,
        [0 | 224..=255, ..] | [169, 254, ..] | [192, 0, 0, _] => Neighbourhood::Forbidden,
        _ if METADATA.contains(&address) => Neighbourhood::Forbidden,
        [100, 64..=127, ..] | [198, 18 | 19, ..] => Neighbourhood::Private,
        _ if address.is_private() => Neighbourhood::Private,
        _ => Neighbourhood::Public,
    }
}

fn neighbourhood_v6(address: Ipv6Addr) -> Neighbourhood {
    const METADATA: [Ipv6Addr; 2] =
        [Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254), Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)];
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Neighbourhood::Loopback,
        [0, 0, 0, 0, 0, 0, 0, 0] => Neighbourhood::Forbidden,
        // IPv4 in other clothes: compatible, mapped, translated (SIIT), NAT64 and 6to4 addresses.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => embedded(high, low),
        [0x64, 0xff9b, 0 | 1, 0, 0, 0, high, low] => embedded(high, low),
        // RFC 6052, section 2.2: behind a prefix of 48 bits, the address goes around the ninth byte. What else may be below
        // this prefix (RFC 8215) nobody can tell.
        [0x64, 0xff9b, 1, high, around @ 0..=0xff, low, 0, 0] => embedded(high, around << 8 | low >> 8),
        [0x64, 0xff9b, 1, ..] => Neighbourhood::Forbidden,
        [0x2002, high, low, ..] => embedded(high, low),
        _ if METADATA.contains(&address) => Neighbourhood::Forbidden,
        [0xfe80..=0xfebf | 0xff00..=0xffff, ..] => Neighbourhood::Forbidden,
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Neighbourhood::Private,
        _ => Neighbourhood::Public,
    }
}

fn embedded(high: u16, low: u16) -> Neighbourhood {
    neighbourhood_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

/// Resolves names and keeps only the addresses that a request may go to.
#[derive(Clone, Debug)]
pub struct Guard {
    pub(crate) reach: Reach,
    pub(crate) known: Arc<BTreeMap<String, Vec<IpAddr>>>,
}

impl Guard {
    /// A guard that asks this machine's resolver.
    pub fn new(reach: Reach) -> Self {
        Self { reach, known: Arc::default() }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, known) = (self.reach, Arc::clone(&self.known));
        Box::pin(async move {
            let addresses = lookup(name.as_str(), &known).await?;
            let admitted: Vec<SocketAddr> = addresses.into_iter().filter(|address| reach.admits(neighbourhood(address.ip()))).collect();
            if admitted.is_empty() {
                return Err(AddressRefused.into());
            }
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

/// Port 0 stands for the port of the URL.
async fn lookup(name: &str, known: &BTreeMap<String, Vec<IpAddr>>) -> std::io::Result<Vec<SocketAddr>> {
    if let Some(addresses) = known.get(&name.to_ascii_lowercase()) {
        return Ok(addresses.iter().map(|address| SocketAddr::new(*address, 0)).collect());
    }
    Ok(tokio::net::lookup_host((name, 0)).await?.collect())
}

/// The name leads only to addresses that a request must not go to.
#[derive(Debug)]
pub(crate) struct AddressRefused;

impl fmt::Display for AddressRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("its address is private, loopback or link-local, where this request must not go")
    }
}

impl std::error::Error for AddressRefused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_neighbourhoods() {
        for (address, expected) in [
            ("8.8.8.8", Neighbourhood::Public),
            ("10.1.2.3", Neighbourhood::Private),
            ("172.31.0.1", Neighbourhood::Private),
            ("100.64.0.1", Neighbourhood::Private),
            ("100.100.100.200", Neighbourhood::Forbidden),
            ("127.8.0.1", Neighbourhood::Loopback),
            ("0.0.0.0", Neighbourhood::Forbidden),
            ("169.254.169.254", Neighbourhood::Forbidden),
            ("168.63.129.16", Neighbourhood::Forbidden),
            ("168.63.129.17", Neighbourhood::Public),
            ("::1", Neighbourhood::Loopback),
            ("::", Neighbourhood::Forbidden),
            ("::ffff:169.254.169.254", Neighbourhood::Forbidden),
            ("::ffff:10.0.0.1", Neighbourhood::Private),
            ("64:ff9b::7f00:1", Neighbourhood::Loopback),
            ("64:ff9b:1::7f00:1", Neighbourhood::Loopback),
            ("64:ff9b:1::a9fe:a9fe", Neighbourhood::Forbidden),
            ("64:ff9b:1::808:808", Neighbourhood::Public),
            ("64:ff9b:1:a9fe:a9:fe00::", Neighbourhood::Forbidden),
            ("64:ff9b:1:a00:0:100::", Neighbourhood::Private),
            ("64:ff9b:1:808:8:800::", Neighbourhood::Public),
            ("64:ff9b:1:2::808:808", Neighbourhood::Forbidden),
            ("::ffff:0:127.0.0.1", Neighbourhood::Loopback),
            ("::ffff:0:169.254.169.254", Neighbourhood::Forbidden),
            ("::ffff:0:10.0.0.1", Neighbourhood::Private),
            ("2002:a9fe:a9fe::1", Neighbourhood::Forbidden),
            ("fd20:ce::254", Neighbourhood::Forbidden),
            ("fd00:ec2::254", Neighbourhood::Forbidden),
            ("fd00::1", Neighbourhood::Private),
            ("fe80::1", Neighbourhood::Forbidden),
            ("2606:4700::1111", Neighbourhood::Public),
        ] {
            assert_eq!(neighbourhood(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn remote_data_stays_in_its_neighbourhood() {
        let reach = Reach::From(Neighbourhood::Public);
        for hidden in ["http://2130706433/", "http://0x7f.1/", "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/"] {
            assert!(!reach.admits_literal(&Url::parse(hidden).unwrap()), "{hidden}");
        }
        assert!(Reach::From(Neighbourhood::Private).admits(Neighbourhood::Private));
        assert!(!Reach::From(Neighbourhood::Private).admits(Neighbourhood::Loopback));
        assert!(!Reach::Named.admits(Neighbourhood::Forbidden));
    }
}
