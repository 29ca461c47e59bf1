//! Where a client connects from, and the class that selects its limits.

use crate::keys::KeyRing;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv6Addr};

/// How much a client is trusted. Each class has attempt limits of its own, so that a stranger cannot lock out a user
/// who signs in from a known device or a managed network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientClass {
    /// A device that the account knows, on any network.
    #[serde(rename = "D")]
    KnownDevice,
    /// An address in one of the organization's own networks.
    #[serde(rename = "M")]
    ManagedNetwork,
    #[serde(rename = "U")]
    Untrusted,
}

impl ClientClass {
    /// One letter, used in table keys, stored items, and logs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::KnownDevice => "D",
            Self::ManagedNetwork => "M",
            Self::Untrusted => "U",
        }
    }

    /// `network` in the API's security events: `managed` or `outside`.
    #[must_use]
    pub fn network(self) -> &'static str {
        match self {
            Self::ManagedNetwork => "managed",
            Self::KnownDevice | Self::Untrusted => "outside",
        }
    }
}

/// A client address as the limits count it: an IPv4 address, or an IPv6 /64, because one client usually controls all of
/// its /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSource(IpAddr);

impl ClientSource {
    /// Parses an address. An unparsable one becomes `::`, so all such clients share one counter.
    #[must_use]
    pub fn parse(address: &str) -> Self {
        let unspecified = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        Self(match address.parse::<IpAddr>().map_or(unspecified, |address| address.to_canonical()) {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address @ IpAddr::V4(_) => address,
        })
    }

    /// HMAC of the source, 43 characters of base64url. Counter keys contain it instead of the address.
    #[must_use]
    pub fn pseudonym(&self, pseudonym_keys: &KeyRing) -> String {
        let text = self.0.to_string();
        URL_SAFE_NO_PAD.encode(pseudonym_keys.current().mac(&[b"address", text.as_bytes()]))
    }
}

/// The organization's own networks.
#[derive(Clone, Debug, Default)]
pub struct ManagedNetworks(Vec<IpNet>);

impl ManagedNetworks {
    /// Parses CIDRs separated by commas; an empty list is valid.
    pub fn parse(list: &str) -> Result<Self, ipnet::AddrParseError> {
        list.split(',')
            .map(str::trim)
            .filter(|cidr| !cidr.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// `ManagedNetwork` or `Untrusted`. A missing or unparsable address is untrusted.
    #[must_use]
    pub fn classify(&self, address: &str) -> ClientClass {
        match address.parse::<IpAddr>() {
            // An IPv4-mapped IPv6 address is matched as the IPv4 address.
            Ok(address) if self.0.iter().any(|network| network.contains(&address.to_canonical())) => {
                ClientClass::ManagedNetwork
            }
            _ => ClientClass::Untrusted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_counted_by_its_address_or_its_network_of_64_bits() {
        assert_eq!(ClientSource::parse("::ffff:10.1.2.3"), ClientSource::parse("10.1.2.3"));
        assert_ne!(ClientSource::parse("10.1.2.3"), ClientSource::parse("10.1.2.4"));
        assert_eq!(ClientSource::parse("2001:db8:1:2::1"), ClientSource::parse("2001:db8:1:2:ffff::9"));
        assert_ne!(ClientSource::parse("2001:db8:1:2::1"), ClientSource::parse("2001:db8:1:3::1"));
        assert_eq!(ClientSource::parse("nonsense"), ClientSource::parse(""));
    }

    #[test]
    fn only_a_listed_network_is_managed() {
        let networks = ManagedNetworks::parse("10.0.0.0/8, 127.0.0.1/32,::1/128").unwrap();
        for address in ["10.1.2.3", "127.0.0.1", "::1", "::ffff:10.9.9.9"] {
            assert_eq!(networks.classify(address), ClientClass::ManagedNetwork, "{address}");
        }
        for address in ["11.0.0.1", "127.9.0.1", "::2", "", "10.1.2.3, 8.8.8.8", "10.1.2.3:443", "nonsense"] {
            assert_eq!(networks.classify(address), ClientClass::Untrusted, "{address}");
        }
        assert_eq!(ManagedNetworks::parse("").unwrap().classify("127.0.0.1"), ClientClass::Untrusted);
        assert!(ManagedNetworks::parse("10.0.0.0/40").is_err());
    }
}
