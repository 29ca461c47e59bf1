//! Failpoints: debug builds can be ended at a named point, and their clock can be moved. Tests ask for it with files in
//! the folder `GUICHET_FAILPOINTS`. A release contains none of it (OWASP ASVS 5.0, 15.2.3).

/// A point at which a test can end the process. The file with the point's name contains `kill` or `panic`, optionally
/// followed by a part of `about` that must match. The process deletes the file when it triggers, unless it starts with
/// `always`.
#[cfg(not(debug_assertions))]
#[inline]
pub fn fail_point(_name: &str, _about: &str) {}

/// Seconds added to the system's time: the content of the file `clock.FUNCTION`, or of `clock`.
#[cfg(not(debug_assertions))]
#[inline]
#[must_use]
pub fn clock_offset() -> i64 {
    0
}

#[cfg(debug_assertions)]
pub use enabled::{clock_offset, fail_point};

#[cfg(debug_assertions)]
mod enabled {
    use crate::{env, process};
    use std::path::PathBuf;
    use std::process::Command;

    fn file(name: &str) -> Option<PathBuf> {
        Some(PathBuf::from(env::optional("GUICHET_FAILPOINTS")?).join(name))
    }

    fn read(name: &str) -> Option<String> {
        std::fs::read_to_string(file(name)?).ok()
    }

    /// # Panics
    /// If the file says `panic`.
    pub fn fail_point(name: &str, about: &str) {
        let Some(request) = read(name) else { return };
        let always = request.strip_prefix("always ");
        let (action, part) = always.unwrap_or(&request).split_once(' ').unwrap_or((always.unwrap_or(&request), ""));
        let delete = || file(name).is_some_and(|file| std::fs::remove_file(file).is_ok());
        if !about.contains(part.trim()) || (always.is_none() && !delete()) {
            return;
        }
        assert!(action.trim() != "panic", "failpoint {name}");
        assert!(process::current().is_none(), "failpoint {name}: this process runs more than the function");
        let _ = Command::new("kill").args(["-KILL", &std::process::id().to_string()]).status();
        // The signal arrives asynchronously; nothing may run until then.
        loop {
            std::thread::park();
        }
    }

    #[must_use]
    pub fn clock_offset() -> i64 {
        let function = env::optional("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
        read(&format!("clock.{function}"))
            .or_else(|| read("clock"))
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or_default()
    }
}
