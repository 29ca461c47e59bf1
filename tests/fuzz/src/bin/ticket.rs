//! libFuzzer on [`guichet_fuzz::ticket`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guichet_fuzz::ticket(data));
