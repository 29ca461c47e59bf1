//! Messages for the developer, on standard error. A stack that runs on a thread of a test has its own sink.

use std::cell::RefCell;
use std::fmt::Arguments;
use std::sync::{Arc, Mutex, PoisonError};

pub type Sink = Arc<Mutex<String>>;

thread_local! {
    static SINK: RefCell<Option<Sink>> = const { RefCell::new(None) };
}

/// Redirects the messages of this thread.
pub fn redirect(sink: Sink) {
    SINK.replace(Some(sink));
}

pub fn print(message: Arguments<'_>) {
    SINK.with_borrow(|sink| match sink {
        Some(sink) => {
            let mut text = sink.lock().unwrap_or_else(PoisonError::into_inner);
            text.push_str(&message.to_string());
            text.push('\n');
        }
        None => eprintln!("{message}"),
    });
}

macro_rules! console {
    ($($argument:tt)*) => { $crate::console::print(format_args!($($argument)*)) };
}
