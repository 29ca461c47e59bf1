//! libFuzzer on [`guichet_fuzz::json`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guichet_fuzz::json(data));
