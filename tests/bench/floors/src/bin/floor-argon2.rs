//! The bare hash: `floor-argon2 kept|fresh THREADS HASHES` makes so many on each thread, in memory that is kept or in new
//! memory for each, and tells the nanoseconds of processor time of one and those by the clock of all.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::time::Instant;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [how, threads, hashes] = words.as_slice() else { return usage() };
    let (Ok(threads), Ok(hashes)) = (threads.parse::<u64>(), hashes.parse::<u64>()) else { return usage() };
    let kept = how == "kept";
    let begun = Instant::now();
    let workers: Vec<_> = (0..threads).map(|_| std::thread::spawn(move || work(kept, hashes))).collect();
    let spent: u64 = workers.into_iter().filter_map(|worker| worker.join().ok()).sum();
    println!("{} {}", spent / (threads * hashes), begun.elapsed().as_nanos());
}

fn usage() {
    eprintln!("floor-argon2 kept|fresh THREADS HASHES");
}

/// The processor time of this thread, in nanoseconds.
fn work(kept: bool, hashes: u64) -> u64 {
    // As a function hashes by default: 19 MiB, two passes, one lane, a pepper.
    let params = Params::new(19_456, 2, 1, Some(32));
    let argon2 = params.and_then(|params| {
        Argon2::new_with_secret(b"a pepper of 32 bytes, or nearly.", Algorithm::Argon2id, Version::V0x13, params)
    });
    let Ok(argon2) = argon2 else { return 0 };
    let mut memory = vec![Block::default(); argon2.params().block_count()];
    let mut hash = [0; 32];
    let before = spent();
    for _ in 0..hashes {
        let made = if kept {
            argon2.hash_password_into_with_memory(b"oie7", &[7; 16], &mut hash, &mut memory)
        } else {
            argon2.hash_password_into(b"oie7", &[7; 16], &mut hash)
        };
        assert!(made.is_ok() && std::hint::black_box(hash) != [0; 32], "a hash is made");
    }
    spent() - before
}

fn spent() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}
