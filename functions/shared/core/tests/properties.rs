//! What holds for any account name, password, address and moment.

use guichet_core::account::AccountName;
use guichet_core::class::{Class, ManagedNetworks, Whereabouts};
use guichet_core::clock::UnixTime;
use guichet_core::password::{MAX_LENGTH, Password, PasswordPolicy, Violation};
use guichet_core::person::PersonName;
use guichet_core::quota::{DEAD_LINKS, MAILS_FROM_AN_ADDRESS, MAILS_OF_A_NAME, SEARCHES};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;
use std::net::{Ipv4Addr, Ipv6Addr};
use unicode_normalization::UnicodeNormalization;

/// The same cases in every run; what fails is told, and no file is left.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_account_name_has_one_form_however_it_is_dressed(
        name in "[a-z0-9._@-]{1,64}", domain in "([A-Za-z0-9._@-]{1,64}\\\\)?", space in "[ \t\r\n]{0,3}", capitals: u64,
    ) {
        let capital = |(at, c): (usize, char)| if capitals >> (at % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c };
        let spelled: String = name.chars().enumerate().map(capital).collect();
        let read = AccountName::parse(&format!("{space}{domain}{spelled}{space}"));
        prop_assert_eq!(read.as_ref().map(AccountName::as_str), Ok(name.as_str()));
    }

    #[test]
    fn no_sign_beyond_the_alphabet_can_stand_in_an_account_name(
        before in "[a-z0-9]{0,3}", odd in "[^A-Za-z0-9._@\\\\-]", after in "[a-z0-9]{1,3}",
    ) {
        prop_assume!(!(before.is_empty() && odd.trim_ascii().is_empty()));
        let (text, domain) = (format!("{before}{odd}{after}"), format!("{before}{odd}\\{after}"));
        prop_assert!(AccountName::parse(&text).is_err() && AccountName::parse(&domain).is_err());
    }

    #[test]
    fn a_password_is_the_same_in_every_normal_form_and_another_with_anything_more(typed in any::<String>(), more in any::<char>()) {
        let password = Password::typed(&typed);
        let forms = [typed.nfc().collect::<String>(), typed.nfd().collect(), typed.nfkc().collect(), typed.nfkd().collect()];
        for form in &forms {
            prop_assert!(Password::typed(form) == password);
        }
        // Never trimmed and never cut: what is typed besides counts, at either end and however long it is.
        let long = typed.repeat(200 / typed.len().max(1) + 1);
        for text in [&typed, &long] {
            let (after, before) = (format!("{text}{more}"), format!("{more}{text}"));
            prop_assert!(Password::typed(&after) != Password::typed(text));
            prop_assert!(Password::typed(&before) != Password::typed(text));
        }
    }

    #[test]
    fn length_is_counted_in_characters_as_they_are_hashed(typed in "\\PC{0,140}", min in 1_usize..40) {
        let length = typed.nfkc().count();
        let bytes: usize = typed.nfkc().map(char::len_utf8).sum();
        let account = AccountName::parse(&"z".repeat(64)).unwrap();
        let nobody = PersonName { given_name: String::new(), family_name: String::new() };
        let policy = json!({ "min_length": min, "needs_letter": false, "needs_digit": false });
        let policy: PasswordPolicy = serde_json::from_value(policy).unwrap();
        let found = policy.violations(&Password::typed(&typed), &account, &nobody);
        prop_assert_eq!(found.contains(&Violation::TooShort), length < min);
        prop_assert_eq!(found.contains(&Violation::TooLong), length > MAX_LENGTH || bytes > 512);
    }

    #[test]
    fn an_ipv4_address_is_one_place_and_one_class_however_it_is_written(address: u32, network: u32, bits in 0_u8..=32) {
        let address = Ipv4Addr::from_bits(address);
        let mapped = [address.to_ipv6_mapped().to_string(), format!("::ffff:{:x}:{:x}", address.to_bits() >> 16, address.to_bits() & 0xffff)];
        let networks = ManagedNetworks::parse(&format!("{}/{bits}", Ipv4Addr::from_bits(network))).unwrap();
        let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
        let inside = address.to_bits() & mask == network & mask;
        let class = if inside { Class::M } else { Class::U };
        prop_assert_eq!(networks.class_of(&address.to_string()), class);
        for text in mapped {
            prop_assert_eq!(Whereabouts::of(&text), Whereabouts::of(&address.to_string()));
            prop_assert_eq!(networks.class_of(&text), class);
        }
    }

    #[test]
    fn an_ipv6_client_is_its_network_of_64_bits(network: u64, host: u64, other: u64, elsewhere: u64) {
        let at = |network: u64, host: u64| Ipv6Addr::from_bits(u128::from(network) << 64 | u128::from(host)).to_string();
        // Below ::ffff:0:0/96 are the IPv4 addresses.
        prop_assume!(network != 0 && elsewhere != 0);
        prop_assert_eq!(Whereabouts::of(&at(network, host)), Whereabouts::of(&at(network, other)));
        prop_assert_eq!(Whereabouts::of(&at(network, host)) == Whereabouts::of(&at(elsewhere, host)), network == elsewhere);
    }

    #[test]
    fn what_is_no_address_is_outside_and_nowhere(text in "\\PC{0,20}") {
        prop_assume!(text.parse::<std::net::IpAddr>().is_err());
        prop_assert_eq!(ManagedNetworks::parse("0.0.0.0/0,::/0").unwrap().class_of(&text), Class::U);
        prop_assert_eq!(Whereabouts::of(&text), Whereabouts::of(""));
    }

    #[test]
    fn two_moments_share_a_quota_just_where_one_stretch_holds_both(now in -4_000_000_000_i64..4_000_000_000, later in 0_i64..200_000) {
        for quota in MAILS_OF_A_NAME.into_iter().chain(MAILS_FROM_AN_ADDRESS).chain([DEAD_LINKS]).chain(SEARCHES) {
            let length = i64::try_from(quota.length.as_secs()).unwrap();
            let spending = |moment| format!("{:?}", quota.spending("x", UnixTime(moment)));
            let begins = now - now.rem_euclid(length);
            prop_assert_eq!(spending(now), spending(begins));
            prop_assert_eq!(spending(now) == spending(now + later), now + later < begins + length);
            prop_assert_ne!(spending(now), spending(begins - 1));
        }
    }
}
