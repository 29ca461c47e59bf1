//! Polling.

use crate::Portal;
use std::time::{Duration, Instant};

/// The longest wait is for an email after a fault, which takes up to three minutes (promise 6 of `.github/ASSURANCE.md`).
const TIMEOUT: Duration = Duration::from_mins(3);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

impl Portal {
    /// Polls until `poll` returns a value. `description` names the expected event in the message of a timeout.
    pub async fn until<T, Polling>(&self, description: &str, mut poll: impl FnMut() -> Polling) -> T
    where
        Polling: Future<Output = Option<T>>,
    {
        let start = Instant::now();
        loop {
            if let Some(value) = poll().await {
                return value;
            }
            assert!(start.elapsed() < TIMEOUT, "{description}: not within {TIMEOUT:?}\n{}", self.log_tail());
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}
