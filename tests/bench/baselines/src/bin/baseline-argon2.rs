//! Argon2id alone. `baseline-argon2 reused|fresh THREADS HASHES` computes HASHES hashes on each thread, in memory that is
//! reused or allocated for each hash. It prints the CPU nanoseconds per hash and the wall nanoseconds of all.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [memory, threads, hashes] = arguments.as_slice() else { return usage() };
    let (Ok(threads), Ok(hashes)) = (threads.parse::<u64>(), hashes.parse::<u64>()) else { return usage() };
    let reuse_memory = memory == "reused";
    let started = Instant::now();
    let workers: Vec<_> = (0..threads).map(|_| std::thread::spawn(move || work(reuse_memory, hashes))).collect();
    let cpu: u64 = workers.into_iter().filter_map(|worker| worker.join().ok()).sum();
    println!("{} {}", cpu / (threads * hashes), started.elapsed().as_nanos());
}

fn usage() {
    eprintln!("baseline-argon2 reused|fresh THREADS HASHES");
}

/// CPU nanoseconds of all hashes.
fn work(reuse_memory: bool, hashes: u64) -> u64 {
    // The functions' defaults: 19 MiB, two passes, one lane, a pepper.
    let params = Params::new(19_456, 2, 1, Some(32));
    let argon2 = params.and_then(|params| {
        Argon2::new_with_secret(b"a pepper of 32 bytes, or nearly.", Algorithm::Argon2id, Version::V0x13, params)
    });
    let Ok(argon2) = argon2 else { return 0 };
    let mut memory = vec![Block::default(); argon2.params().block_count()];
    let mut hash = [0; 32];
    let before = thread_cpu();
    for _ in 0..hashes {
        let result = if reuse_memory {
            argon2.hash_password_into_with_memory(b"oie7", &[7; 16], &mut hash, &mut memory)
        } else {
            argon2.hash_password_into(b"oie7", &[7; 16], &mut hash)
        };
        assert!(result.is_ok() && std::hint::black_box(hash) != [0; 32], "a hash");
    }
    thread_cpu() - before
}

/// CPU nanoseconds of this thread.
fn thread_cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}
