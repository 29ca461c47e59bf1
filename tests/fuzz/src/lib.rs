//! Fuzz targets: properties of each parser for any input. A function panics if its property does not hold.
//!
//! The reference implementations here are independent of the parsers. `run` fuzzes with libFuzzer; `cargo test` checks
//! the seeds.

#![expect(clippy::missing_panics_doc, reason = "a panic is the finding")]

mod account;
mod cookie;
mod event;
mod json;
mod secrets;

pub use account::account;
pub use cookie::cookie;
pub use event::event;
pub use json::json;
pub use secrets::secrets;

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn check_seeds(seeds: &str, property: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(seeds);
        let seeds: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!seeds.is_empty());
        for seed in seeds {
            property(&std::fs::read(seed).unwrap());
        }
    }

    #[test]
    fn every_fuzz_seed_passes() {
        check_seeds("account", super::account);
        check_seeds("cookie", super::cookie);
        check_seeds("event", super::event);
        check_seeds("json", super::json);
        check_seeds("secrets", super::secrets);
    }
}
