//! Account enumeration by timing: known, unknown, and inactive accounts take the same time.

use futures_util::future::join_all;
use guichet_tests::{Person, Portal, Setup, Visitor};
use std::time::{Duration, Instant};

const ROUTES: [&str; 3] = ["register", "request-reset", "login"];

async fn send(visitor: &Visitor, route: &str, account: &str) {
    match route {
        "register" => visitor.register(account).await,
        "request-reset" => visitor.request_reset(account).await,
        _ => visitor.sign_in(account, "faux1").await,
    };
}

/// Measures each kind of name, in an order that is shuffled in each round, so that background load affects all kinds
/// alike.
async fn times<const KINDS: usize>(
    portal: &Portal,
    visitor: &Visitor,
    route: &str,
    kinds: &[Vec<String>; KINDS],
    shuffle: &mut Shuffle,
) -> [Vec<Duration>; KINDS] {
    let mut times = [const { Vec::new() }; KINDS];
    // The first requests open connections.
    for round in 0..=ROUNDS {
        let mut order: Vec<_> = (0..KINDS).flat_map(|kind| kinds[kind].iter().map(move |name| (kind, name))).collect();
        shuffle.shuffle(&mut order);
        for (kind, name) in order {
            let start = Instant::now();
            send(visitor, route, name).await;
            if round > 0 {
                times[kind].push(start.elapsed());
            }
        }
        portal.clear_limits().await;
    }
    times
}

/// Names of each kind, and requests per name: 200 samples of each kind.
const NAMES: usize = 10;
const ROUNDS: usize = 20;
/// Maximum measurements of a route; on a busy machine the first ones may be too noisy.
const ATTEMPTS: usize = 3;
/// The inverse probability that noise alone counts as a difference.
const SHUFFLES: usize = 1000;

/// A permutation test: whether the difference of the medians exceeds that of every random reassignment of the samples.
fn differ(one: &[Duration], other: &[Duration], shuffle: &mut Shuffle) -> bool {
    let difference = |one: &[Duration], other: &[Duration]| median(one).abs_diff(median(other));
    let mut all = [one, other].concat();
    let random = (0..SHUFFLES).map(|_| {
        shuffle.shuffle(&mut all);
        difference(&all[..one.len()], &all[one.len()..])
    });
    difference(one, other) > random.max().expect("some")
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    let middle = times.len() / 2;
    *times.select_nth_unstable(middle).1
}

/// A deterministic shuffle (xorshift, Fisher–Yates).
struct Shuffle(u64);

impl Shuffle {
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            items.swap(last, usize::try_from(self.0 % (last as u64 + 1)).expect("an index"));
        }
    }
}

#[tokio::test]
async fn enumeration_by_timing_is_impossible() {
    let setup = Setup::new().as_processes();
    let inactive: Vec<_> = (0..NAMES).map(|n| format!("inactif{n}")).collect();
    let people: Vec<_> = (0..2 * NAMES).map(|_| Person::new()).collect();
    let lines = inactive.iter().map(|name| format!("{name},{name}@sante.example,Ines,Actif,fr,non\n"));
    let file = setup.data().join("directory.csv");
    let directory = std::fs::read_to_string(&file).unwrap() + &lines.collect::<String>();
    std::fs::write(file, directory).unwrap();
    let portal = setup.clone().start();
    let visitor = portal.visitor();
    join_all(people.iter().map(|person| visitor.sign_up(&portal, person, "oie7"))).await;
    drop(portal);
    // Without streams, so that the mailer does not run between measurements. The hash cost is raised, so that hashes of
    // both costs exist.
    let dearer = ["--no-streams", "--set=HashPasses=3", "--set=PreviousHashParams=19456,2"];
    let portal = dearer.into_iter().fold(setup, Setup::with).start();
    portal.clear_limits().await;

    let visitor = portal.visitor();
    let (of_before, of_today) = people.split_at(NAMES);
    for person in of_today {
        // With another client, or the measured one would become a known device.
        portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
    }
    let accounts = |people: &[Person]| people.iter().map(|person| person.account.clone()).collect();
    let unknown = (0..NAMES).map(|n| format!("personne{n}")).collect();
    let kinds: [Vec<String>; 4] = [accounts(of_before), accounts(of_today), unknown, inactive];
    let shuffle = &mut Shuffle(0x9e37_79b9_7f4a_7c15);
    let mut valid_runs = Vec::new();
    for (at, route) in ROUTES.into_iter().enumerate() {
        // A real difference appears in every measurement. A measurement too noisy to detect one does not count.
        let mut measurements = Vec::new();
        for _ in 0..ATTEMPTS {
            let times = times(&portal, &visitor, route, &kinds, shuffle).await;
            let slower: Vec<_> = times[0].iter().map(|time| *time + *time / 2).collect();
            let detected = differ(&times[0], &slower, shuffle);
            let differing = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
                .map(|(one, other)| differ(&times[one], &times[other], shuffle));
            measurements.push((times.each_ref().map(|times| median(times)), detected, differing));
            if detected && differing == [false; 6] {
                valid_runs.push(times);
                break;
            }
        }
        assert!(
            valid_runs.len() > at,
            "{route}: medians of known accounts (previous and current hash cost), unknown, and inactive; whether +50 % is detected; which pairs differ: {measurements:?}"
        );
    }
    assert!(differ(&valid_runs[0][0], &valid_runs[2][0], shuffle), "the test detects the time of a password hash");
}
