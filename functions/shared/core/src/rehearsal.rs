//! What tests may do to a process that was built for them: end it at a named point, and move its clock. They ask for it by
//! files in the folder `GUICHET_FAILPOINTS`. A release has none of this (OWASP ASVS 5.0, 15.2.3): there a point is nothing,
//! and the offset 0.

/// A point at which a process can be ended. The file of the point's name says how: `kill` or `panic`, followed by a part of
/// `about` where not every passer-by is meant. It is taken away by the one whom it ends, but where it begins with `always`.
#[cfg(not(debug_assertions))]
#[inline]
pub fn point(_name: &str, _about: &str) {}

/// Seconds by which this process takes it to be later than it is: what stands in the file `clock.` with the function's name
/// behind it, or in `clock`.
#[cfg(not(debug_assertions))]
#[inline]
#[must_use]
pub fn clock_offset() -> i64 {
    0
}

#[cfg(debug_assertions)]
pub use rehearsed::{clock_offset, point};

#[cfg(debug_assertions)]
mod rehearsed {
    use crate::config;
    use std::path::PathBuf;
    use std::process::Command;
    use std::sync::LazyLock;

    static FOLDER: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| config::text("GUICHET_FAILPOINTS").ok().map(PathBuf::from));
    static CLOCK: LazyLock<String> =
        LazyLock::new(|| format!("clock.{}", config::text("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default()));

    fn read(name: &str) -> Option<String> {
        std::fs::read_to_string(FOLDER.as_ref()?.join(name)).ok()
    }

    /// See the release's.
    ///
    /// # Panics
    /// Where it is asked to.
    pub fn point(name: &str, about: &str) {
        let Some(asked) = read(name) else { return };
        let always = asked.strip_prefix("always ");
        let (how, whom) = always.unwrap_or(&asked).split_once(' ').unwrap_or((always.unwrap_or(&asked), ""));
        let taken_away = || FOLDER.as_ref().is_some_and(|folder| std::fs::remove_file(folder.join(name)).is_ok());
        if !about.contains(whom.trim()) || (always.is_none() && !taken_away()) {
            return;
        }
        assert!(how.trim() != "panic", "asked to panic at {name}");
        let _ = Command::new("kill").args(["-KILL", &std::process::id().to_string()]).status();
        // The signal is on its way; nothing goes on until it is there.
        loop {
            std::thread::park();
        }
    }

    /// See the release's.
    #[must_use]
    pub fn clock_offset() -> i64 {
        read(&CLOCK).or_else(|| read("clock")).and_then(|text| text.trim().parse().ok()).unwrap_or_default()
    }
}
