//! After the stories: what the stack that they shared leaves behind. Those that had a stack of their own have looked
//! through it as it stopped.

use guichet_tests::{Setup, process_cleanup};

#[test]
fn leftover_tables_and_logs_leak_no_secrets() {
    let folders = process_cleanup();
    assert!(!folders.is_empty(), "the stories come first: cargo test --test it");
    for folder in folders {
        // As it stops, it looks through all tables, and through all logs, those of the run among them.
        drop(Setup::on_a_copy_of(&folder).start());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
