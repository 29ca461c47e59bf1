//! From where a client comes, and the class that chooses its budgets.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The class of a client (SECURITY-MODEL, "Three classes of client, three budgets").
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
