//! Tests in Chromium, against a stack that runs in this process.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod accessibility;
mod languages;
mod main_flows;
mod ui_recovery;
mod ui_shared_workstation;
