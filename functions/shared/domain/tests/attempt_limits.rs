//! Properties of the attempt limits for any sequence of attempts.

use guichet_domain::attempt_limits::{AttemptHistory, AttemptLimits, LOCKED_RETRY_AFTER, LongLimit, SlidingWindow};
use guichet_domain::client::ClientClass;
use guichet_domain::time::UnixTime;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::time::Duration;

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() }
}

/// Seconds between two attempts: a burst, a slow scan, a return after hours, or exactly `retry_after` (`None`).
fn pause() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![
        4 => (0_u64..5).prop_map(Some),
        2 => (0_u64..1200).prop_map(Some),
        1 => (0_u64..100_000).prop_map(Some),
        2 => Just(None),
    ]
}

fn class() -> impl Strategy<Value = ClientClass> {
    prop_oneof![Just(ClientClass::Untrusted), Just(ClientClass::ManagedNetwork), Just(ClientClass::KnownDevice)]
}

/// The most moments in any interval of the window's length.
fn most_in(window: SlidingWindow, moments: &[UnixTime]) -> usize {
    let inside =
        |from: &UnixTime| moments.iter().filter(|moment| (*from..*from + window.length).contains(moment)).count();
    moments.iter().map(inside).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn lockout_holds_for_any_sequence_of_failures(
        class in class(), min_length in 0_usize..20, pauses in prop::collection::vec(pause(), 1..300),
    ) {
        let limits = AttemptLimits::for_sign_in(class, min_length);
        let (mut now, mut history, mut granted) = (UnixTime(1_700_000_000), AttemptHistory::default(), Vec::new());
        for pause in pauses {
            let wait = limits.retry_after(&history, now);
            now = now + pause.map_or(wait, Duration::from_secs);
            let locked = limits.is_locked(&history);
            prop_assert!(pause.is_some() || locked || limits.retry_after(&history, now).is_zero(), "waiting for retry_after is enough");
            prop_assert!(!locked || wait >= LOCKED_RETRY_AFTER);
            if limits.retry_after(&history, now).is_zero() {
                history = limits.record_failure(&history, now);
                granted.push(now);
            }
        }
        for window in limits.short {
            prop_assert!(most_in(window, &granted) <= window.max_events, "{window:?}: {granted:?}");
        }
        match limits.long {
            LongLimit::Total(most) => prop_assert!(granted.len() as u64 <= most),
            LongLimit::Window(window) => prop_assert!(most_in(window, &granted) <= window.max_events),
        }
    }

    #[test]
    fn successes_clear_short_windows_but_never_the_long_one(
        attempts in prop::collection::vec((pause(), prop::bool::weighted(0.2)), 1..600),
    ) {
        let limits = AttemptLimits::for_sign_in(ClientClass::ManagedNetwork, 4);
        let (mut now, mut history) = (UnixTime(1_700_000_000), AttemptHistory::default());
        let (mut failures, mut since) = (Vec::new(), 0);
        for (pause, success) in attempts {
            now = now + pause.map_or(limits.retry_after(&history, now), Duration::from_secs);
            if !limits.retry_after(&history, now).is_zero() {
                continue;
            }
            // An attempt counts as a failure until it succeeds.
            history = limits.record_failure(&history, now);
            if success {
                history = history.clear_failures();
                since = failures.len();
            } else {
                failures.push(now);
            }
            for window in limits.short {
                prop_assert!(most_in(window, &failures[since..]) <= window.max_events);
            }
        }
        let LongLimit::Window(month) = limits.long else { panic!("managed networks have a long window") };
        prop_assert!(most_in(month, &failures) <= month.max_events);
    }
}
