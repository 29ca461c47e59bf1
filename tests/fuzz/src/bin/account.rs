//! libFuzzer on [`guichet_fuzz::account`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guichet_fuzz::account(data));
