//! What holds for any bytes that a stranger sends, one function per reader: each panics where it does not hold.
//!
//! The references here are written apart from what they check, and in another way. `run` lets libFuzzer look for bytes
//! that break a property; `cargo test` holds the seeds to it.

#![expect(clippy::missing_panics_doc, reason = "a panic is the finding")]

mod account;
mod cookie;
mod event;
mod json;
mod ticket;

pub use account::account;
pub use cookie::cookie;
pub use event::event;
pub use json::json;
pub use ticket::ticket;

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn hold(seeds: &str, property: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(seeds);
        let seeds: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!seeds.is_empty());
        for seed in seeds {
            property(&std::fs::read(seed).unwrap());
        }
    }

    #[test]
    fn every_fuzz_seed_passes() {
        hold("account", super::account);
        hold("cookie", super::cookie);
        hold("event", super::event);
        hold("json", super::json);
        hold("ticket", super::ticket);
    }
}
