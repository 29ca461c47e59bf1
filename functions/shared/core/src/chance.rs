//! The only door to the system's random numbers.

/// `N` bytes from the system's generator.
///
/// # Panics
/// Where the system has no randomness to give: nothing can be made safely then, so nothing goes on.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    #[expect(clippy::expect_used, reason = "without randomness nothing may go on")]
    getrandom::fill(&mut bytes).expect("the system's random number generator answers");
    bytes
}
