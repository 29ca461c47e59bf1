//! From where a client comes, and the class that chooses its budgets.

use crate::keys::KeyRing;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv6Addr};

/// The class of a client: each has budgets of its own (`.github/SECURITY.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// On a device that the account knows, wherever it is.
    D,
    /// From a managed network.
    M,
    /// From anywhere else.
    U,
}

impl Class {
    /// The letter that stands for the class in keys and logs.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::D => "D",
            Self::M => "M",
            Self::U => "U",
        }
    }

    /// What the person is told of the network: `managed` or `outside`.
    #[must_use]
    pub fn network(self) -> &'static str {
        match self {
            Self::M => "managed",
            Self::D | Self::U => "outside",
        }
    }
}

/// Where a client is, as far as counting goes: an IPv4 address, or an IPv6 network of 64 bits, which one client has to
/// itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whereabouts(IpAddr);

impl Whereabouts {
    /// Reads an address; what is none is nowhere, and all of nowhere is counted together.
    #[must_use]
    pub fn of(address: &str) -> Self {
        let nowhere = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        Self(match address.parse::<IpAddr>().map_or(nowhere, |address| address.to_canonical()) {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address @ IpAddr::V4(_) => address,
        })
    }

    /// Its keyed hash: what keys of counters carry.
    #[must_use]
    pub fn key(&self, names: &KeyRing) -> String {
        let text = self.0.to_string();
        URL_SAFE_NO_PAD.encode(names.current().mac(&[b"address", text.as_bytes()]))
    }
}

/// The organisation's managed networks.
#[derive(Clone, Debug, Default)]
pub struct ManagedNetworks(Vec<IpNet>);

impl ManagedNetworks {
    /// Reads CIDRs separated by commas; empty for none.
    pub fn parse(list: &str) -> Result<Self, ipnet::AddrParseError> {
        list.split(',')
            .map(str::trim)
            .filter(|cidr| !cidr.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The class of a client at this address, as far as the address tells: M or U. A missing or unreadable address is
    /// outside.
    #[must_use]
    pub fn class_of(&self, address: &str) -> Class {
        match address.parse::<IpAddr>() {
            // An IPv4 address mapped into IPv6 is the IPv4 address.
            Ok(address) if self.0.iter().any(|network| network.contains(&address.to_canonical())) => Class::M,
            _ => Class::U,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_counted_by_its_address_or_its_network_of_64_bits() {
        assert_eq!(Whereabouts::of("::ffff:10.1.2.3"), Whereabouts::of("10.1.2.3"));
        assert_ne!(Whereabouts::of("10.1.2.3"), Whereabouts::of("10.1.2.4"));
        assert_eq!(Whereabouts::of("2001:db8:1:2::1"), Whereabouts::of("2001:db8:1:2:ffff::9"));
        assert_ne!(Whereabouts::of("2001:db8:1:2::1"), Whereabouts::of("2001:db8:1:3::1"));
        assert_eq!(Whereabouts::of("nonsense"), Whereabouts::of(""));
    }

    #[test]
    fn only_a_listed_network_is_managed() {
        let networks = ManagedNetworks::parse("10.0.0.0/8, 127.0.0.1/32,::1/128").unwrap();
        for address in ["10.1.2.3", "127.0.0.1", "::1", "::ffff:10.9.9.9"] {
            assert_eq!(networks.class_of(address), Class::M, "{address}");
        }
        for address in ["11.0.0.1", "127.9.0.1", "::2", "", "10.1.2.3, 8.8.8.8", "10.1.2.3:443", "nonsense"] {
            assert_eq!(networks.class_of(address), Class::U, "{address}");
        }
        assert_eq!(ManagedNetworks::parse("").unwrap().class_of("127.0.0.1"), Class::U);
        assert!(ManagedNetworks::parse("10.0.0.0/40").is_err());
    }
}
