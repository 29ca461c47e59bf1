//! What a budget grants, whatever the order and the moments of the attempts.

use guichet_core::class::Class;
use guichet_core::clock::UnixTime;
use guichet_core::throttle::{Budget, Long, Tries, UNTIL_A_LINK, Window};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::time::Duration;

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() }
}

/// Seconds between two attempts: a burst, a patient machine, somebody who comes back, or just as long as they must.
fn pause() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![
        4 => (0_u64..5).prop_map(Some),
        2 => (0_u64..1200).prop_map(Some),
        1 => (0_u64..100_000).prop_map(Some),
        2 => Just(None),
    ]
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![Just(Class::U), Just(Class::M), Just(Class::D)]
}

/// The most of these moments that any stretch of a window's length holds.
fn most_in(window: Window, moments: &[UnixTime]) -> usize {
    let held =
        |from: &UnixTime| moments.iter().filter(|moment| (*from..*from + window.length).contains(moment)).count();
    moments.iter().map(held).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_schedule_of_failures_gets_more_than_the_budget(
        class in class(), min_length in 0_usize..20, pauses in prop::collection::vec(pause(), 1..300),
    ) {
        let budget = Budget::of_sign_in(class, min_length);
        let (mut now, mut tries, mut granted) = (UnixTime(1_700_000_000), Tries::default(), Vec::new());
        for pause in pauses {
            let wait = budget.wait(&tries, now);
            now = now + pause.map_or(wait, Duration::from_secs);
            let spent = budget.is_spent_for_good(&tries);
            prop_assert!(pause.is_some() || spent || budget.wait(&tries, now).is_zero(), "to wait as told is enough");
            prop_assert!(!spent || wait >= UNTIL_A_LINK);
            if budget.wait(&tries, now).is_zero() {
                tries = budget.with_one_more(&tries, now);
                granted.push(now);
            }
        }
        for window in budget.short {
            prop_assert!(most_in(window, &granted) <= window.count, "{window:?}: {granted:?}");
        }
        match budget.long {
            Long::Cumulative(most) => prop_assert!(granted.len() as u64 <= most),
            Long::Window(window) => prop_assert!(most_in(window, &granted) <= window.count),
        }
    }

    #[test]
    fn successes_in_between_give_the_short_windows_back_and_never_the_long_one(
        attempts in prop::collection::vec((pause(), prop::bool::weighted(0.2)), 1..600),
    ) {
        let budget = Budget::of_sign_in(Class::M, 4);
        let (mut now, mut tries) = (UnixTime(1_700_000_000), Tries::default());
        let (mut failures, mut since) = (Vec::new(), 0);
        for (pause, success) in attempts {
            now = now + pause.map_or(budget.wait(&tries, now), Duration::from_secs);
            if !budget.wait(&tries, now).is_zero() {
                continue;
            }
            // Each attempt counts as a failure until it is none.
            tries = budget.with_one_more(&tries, now);
            if success {
                tries = tries.forgiven();
                since = failures.len();
            } else {
                failures.push(now);
            }
            for window in budget.short {
                prop_assert!(most_in(window, &failures[since..]) <= window.count);
            }
        }
        let Long::Window(month) = budget.long else { panic!("M has a long window") };
        prop_assert!(most_in(month, &failures) <= month.count);
    }
}
