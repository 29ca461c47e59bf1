//! Properties of account names, passwords, addresses, and rate limits.

use guichet_domain::account::AccountName;
use guichet_domain::client::{ClientClass, ClientSource, ManagedNetworks};
use guichet_domain::password::{MAX_LENGTH, Password, PasswordPolicy, Violation};
use guichet_domain::person::PersonName;
use guichet_domain::rate_limit::{
    INVALID_TOKENS_PER_SOURCE, REQUESTS_PER_ACCOUNT, REQUESTS_PER_SOURCE, SEARCHES_PER_SOURCE,
};
use guichet_domain::time::UnixTime;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;
use std::net::{Ipv4Addr, Ipv6Addr};
use unicode_normalization::UnicodeNormalization;

/// The same cases in every run; failures leave no file behind.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() }
}

fn password(input: &str) -> Password {
    Password::from_input(&input.into())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn account_name_normalization_ignores_case_domain_and_space(
        name in "[a-z0-9._@-]{1,64}", domain in "([A-Za-z0-9._@-]{1,64}\\\\)?", space in "[ \t\r\n]{0,3}", capitals: u64,
    ) {
        let capital = |(at, c): (usize, char)| if capitals >> (at % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c };
        let spelled: String = name.chars().enumerate().map(capital).collect();
        let read = AccountName::parse(&format!("{space}{domain}{spelled}{space}"));
        prop_assert_eq!(read.as_ref().map(AccountName::as_str), Ok(name.as_str()));
    }

    #[test]
    fn account_name_refuses_other_characters(
        before in "[a-z0-9]{0,3}", odd in "[^A-Za-z0-9._@\\\\-]", after in "[a-z0-9]{1,3}",
    ) {
        prop_assume!(!(before.is_empty() && odd.trim_ascii().is_empty()));
        let (text, domain) = (format!("{before}{odd}{after}"), format!("{before}{odd}\\{after}"));
        prop_assert!(AccountName::parse(&text).is_err() && AccountName::parse(&domain).is_err());
    }

    #[test]
    fn password_is_equal_in_every_unicode_form_and_never_trimmed(input in any::<String>(), more in any::<char>()) {
        let original = password(&input);
        let forms = [input.nfc().collect::<String>(), input.nfd().collect(), input.nfkc().collect(), input.nfkd().collect()];
        for form in &forms {
            prop_assert!(password(form) == original);
        }
        // Additional input counts at either end, however long the password is.
        let long = input.repeat(200 / input.len().max(1) + 1);
        for text in [&input, &long] {
            let (after, before) = (format!("{text}{more}"), format!("{more}{text}"));
            prop_assert!(password(&after) != password(text));
            prop_assert!(password(&before) != password(text));
        }
    }

    #[test]
    fn password_length_counts_nfkc_code_points(input in "\\PC{0,140}", min in 1_usize..40) {
        let length = input.nfkc().count();
        let bytes: usize = input.nfkc().map(char::len_utf8).sum();
        let account = AccountName::parse(&"z".repeat(64)).unwrap();
        let name = PersonName { given_name: String::new(), family_name: String::new() };
        let policy = json!({ "min_length": min, "needs_letter": false, "needs_digit": false });
        let policy: PasswordPolicy = serde_json::from_value(policy).unwrap();
        let found = policy.violations(&password(&input), &account, &name);
        prop_assert_eq!(found.contains(&Violation::TooShort), length < min);
        prop_assert_eq!(found.contains(&Violation::TooLong), length > MAX_LENGTH || bytes > 512);
    }

    #[test]
    fn ipv4_mapped_address_equals_ipv4_address(address: u32, network: u32, bits in 0_u8..=32) {
        let address = Ipv4Addr::from_bits(address);
        let mapped = [address.to_ipv6_mapped().to_string(), format!("::ffff:{:x}:{:x}", address.to_bits() >> 16, address.to_bits() & 0xffff)];
        let networks = ManagedNetworks::parse(&format!("{}/{bits}", Ipv4Addr::from_bits(network))).unwrap();
        let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
        let inside = address.to_bits() & mask == network & mask;
        let class = if inside { ClientClass::ManagedNetwork } else { ClientClass::Untrusted };
        prop_assert_eq!(networks.classify(&address.to_string()), class);
        for text in mapped {
            prop_assert_eq!(ClientSource::parse(&text), ClientSource::parse(&address.to_string()));
            prop_assert_eq!(networks.classify(&text), class);
        }
    }

    #[test]
    fn ipv6_source_is_its_64_bit_prefix(network: u64, host: u64, other: u64, elsewhere: u64) {
        let at = |network: u64, host: u64| Ipv6Addr::from_bits(u128::from(network) << 64 | u128::from(host)).to_string();
        // ::ffff:0:0/96 contains the IPv4 addresses.
        prop_assume!(network != 0 && elsewhere != 0);
        prop_assert_eq!(ClientSource::parse(&at(network, host)), ClientSource::parse(&at(network, other)));
        prop_assert_eq!(ClientSource::parse(&at(network, host)) == ClientSource::parse(&at(elsewhere, host)), network == elsewhere);
    }

    #[test]
    fn unparsable_address_is_untrusted_and_unspecified(text in "\\PC{0,20}") {
        prop_assume!(text.parse::<std::net::IpAddr>().is_err());
        prop_assert_eq!(ManagedNetworks::parse("0.0.0.0/0,::/0").unwrap().classify(&text), ClientClass::Untrusted);
        prop_assert_eq!(ClientSource::parse(&text), ClientSource::parse(""));
    }

    #[test]
    fn rate_limit_charges_share_a_counter_within_one_window(now in -4_000_000_000_i64..4_000_000_000, later in 0_i64..200_000) {
        for limit in REQUESTS_PER_ACCOUNT.into_iter().chain(REQUESTS_PER_SOURCE).chain([INVALID_TOKENS_PER_SOURCE]).chain(SEARCHES_PER_SOURCE) {
            let length = i64::try_from(limit.window.as_secs()).unwrap();
            let charge = |moment| format!("{:?}", limit.new_charge("x", UnixTime(moment)));
            let begins = now - now.rem_euclid(length);
            prop_assert_eq!(charge(now), charge(begins));
            prop_assert_eq!(charge(now) == charge(now + later), now + later < begins + length);
            prop_assert_ne!(charge(now), charge(begins - 1));
        }
    }
}
