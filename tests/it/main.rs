//! What Guichet does, told by the people who use it.

#![expect(clippy::expect_used, reason = "what is unwrapped here is held by the test")]

mod accessibility;
mod attempts;
mod authorizer;
mod browser;
mod cargo_dev;
mod crash;
mod crowd;
mod dead_ends;
mod delivery;
mod desk;
mod edge;
mod enumeration;
mod find_account;
mod forgery;
mod import;
mod keys;
mod languages;
mod link;
mod mail_caps;
mod mails;
mod my_account;
mod one_description;
mod openapi;
mod operations;
mod outages;
mod outside;
mod pages;
mod permissions;
mod quotas;
mod refusals;
mod register;
mod sign_in;
mod smuggling;
mod traces;
mod workstation;
