//! What ends `cargo dev`: a sentence for the person who started it.

use std::error::Error;

/// A sentence, with what caused it where something did.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct Failure {
    sentence: String,
    #[source]
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure that needs no other cause.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), cause: None }
    }

    /// A failure with the error that caused it.
    pub fn because(sentence: impl Into<String>, cause: impl Error + Send + Sync + 'static) -> Self {
        Self { sentence: sentence.into(), cause: Some(Box::new(cause)) }
    }

    /// The sentence and its causes, each after a colon.
    #[must_use]
    pub fn in_full(&self) -> String {
        in_full(self)
    }
}

/// What an error says, and its causes, each after a colon.
#[must_use]
pub fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Says in a sentence what could not be done when something failed.
pub trait OrFail<T> {
    /// The value, or a failure that says `sentence` and keeps the error as its cause.
    fn or_fail<S: Into<String>>(self, sentence: impl FnOnce() -> S) -> Result<T, Failure>;
}

impl<T, E: Error + Send + Sync + 'static> OrFail<T> for Result<T, E> {
    fn or_fail<S: Into<String>>(self, sentence: impl FnOnce() -> S) -> Result<T, Failure> {
        self.map_err(|error| Failure::because(sentence(), error))
    }
}
