//! What a function has of its process: environment variables and standard output. In debug builds, tests run many functions
//! in one process, each in a scope of its own.

#[cfg(debug_assertions)]
pub use scoped::Scope;
#[cfg(debug_assertions)]
pub(crate) use scoped::current;

#[must_use]
pub(crate) fn variable(name: &str) -> Option<String> {
    #[cfg(debug_assertions)]
    if let Some(scope) = current() {
        return scope.variables.get(name).cloned();
    }
    #[expect(clippy::disallowed_methods, reason = "this is the entry point")]
    std::env::var(name).ok()
}

/// Prints a line that Lambda sends to CloudWatch.
pub(crate) fn print_line(line: &str) {
    #[cfg(debug_assertions)]
    if let Some(scope) = current() {
        return (scope.print_line)(line);
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

    pub(crate) fn current() -> Option<Scope> {
        CURRENT.try_with(Clone::clone).ok()
    }
}
