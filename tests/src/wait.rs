//! Waiting for what comes.

use crate::Portal;
use std::time::{Duration, Instant};

/// A mail takes less than a second by the bell, a minute by the sweep, and three where a fault came in between (promise
/// 6 of `.github/ASSURANCE.md`). All else that is waited for takes less.
const PATIENCE: Duration = Duration::from_mins(3);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

impl Portal {
    /// Looks until there is what is looked for, and gives it; `what` says what that is, where it does not come.
    pub async fn until<T, Looking>(&self, what: &str, mut look: impl FnMut() -> Looking) -> T
    where
        Looking: Future<Output = Option<T>>,
    {
        let start = Instant::now();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}\n{}", self.log());
            tokio::time::sleep(PAUSE).await;
        }
    }
}
