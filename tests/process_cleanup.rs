//! Searches the data of the shared stack for secrets after all tests. The other stacks are searched when they stop.

use guichet_tests::{Setup, process_cleanup};

#[test]
fn leftover_tables_and_logs_leak_no_secrets() {
    let folders = process_cleanup();
    assert!(!folders.is_empty(), "run after cargo test --test it");
    for folder in folders {
        // When the copy stops, its tables and the logs of the run are searched.
        drop(Setup::from_copy_of(&folder).start());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
