//! What a function has of its process: environment variables and standard output. In debug builds, tests run many functions
//! in one process, each in a scope of its own.

#[cfg(debug_assertions)]
pub use scoped::{Scope, is_scoped};

#[must_use]
pub(crate) fn variable(name: &str) -> Option<String> {
    #[cfg(debug_assertions)]
    if let Some(variable) = scoped::variable(name) {
        return variable;
    }
    #[expect(clippy::disallowed_methods, reason = "this is the entry point")]
    std::env::var(name).ok()
}

/// Prints a line that Lambda sends to CloudWatch.
pub(crate) fn print_line(line: &str) {
    #[cfg(debug_assertions)]
    if scoped::print_line(line) {
        return;
    }
    println!("{line}");
}

#[cfg(debug_assertions)]
mod scoped {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    /// The variables and the output of one function.
    #[derive(Clone)]
    pub struct Scope {
        pub variables: Arc<BTreeMap<String, String>>,
        pub print_line: Arc<dyn Fn(&str) + Send + Sync>,
    }

    tokio::task_local! { static CURRENT: Scope; }

    impl Scope {
        pub async fn run<T>(self, future: impl Future<Output = T>) -> T {
            CURRENT.scope(self, future).await
        }
    }

    #[must_use]
    pub fn is_scoped() -> bool {
        CURRENT.try_with(|_| ()).is_ok()
    }

    /// `None` outside of a scope.
    pub(super) fn variable(name: &str) -> Option<Option<String>> {
        CURRENT.try_with(|scope| scope.variables.get(name).cloned()).ok()
    }

    /// Whether a scope printed the line.
    pub(super) fn print_line(line: &str) -> bool {
        CURRENT.try_with(|scope| (scope.print_line)(line)).is_ok()
    }
}
