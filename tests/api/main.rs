//! Tests over HTTP, against a stack that runs in this process.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod account_lockout;
mod authorizer;
mod concurrency;
mod csrf_and_session_fixation;
mod delivery;
mod desk;
mod edge;
mod email_limits;
mod enumeration;
mod find_account;
mod import;
mod input_validation;
mod keys;
mod link;
mod mails;
mod my_account;
mod openapi;
mod operations;
mod outages;
mod pages;
mod permissions;
mod rate_limits;
mod register;
mod request_smuggling;
mod secret_leaks;
mod sign_in;
mod source_rate_limits;
mod template_contract;
