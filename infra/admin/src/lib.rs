//! The desk's commands.
//!
//! Knows the tables through `guichet-core`, where a stack's tables are, and the CSV that the directory exports. Works
//! with the rights of the person who runs it.

mod csv_file;
mod import;
mod stack;

pub use import::{ImportError, Report, import};
pub use stack::{Directions, StackError};
