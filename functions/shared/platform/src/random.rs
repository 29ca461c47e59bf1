//! The only access to the system's random number generator.

/// # Panics
/// If the generator fails: nothing can be made securely then.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "this is the entry point")]
    #[expect(clippy::expect_used, reason = "no request may be served without randomness")]
    getrandom::fill(&mut bytes).expect("the system's random number generator works");
    bytes
}
