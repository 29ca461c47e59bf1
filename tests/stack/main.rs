//! Tests of `cargo dev` and of functions as processes.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod cargo_dev;
mod crash;
mod timing;
