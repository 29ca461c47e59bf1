//! What fails on demand.

use crate::portal::Portal;
use serde_json::{Value, json};

impl Portal {
    /// Lets calls fail as these rules say (`infra/local/src/aws/faults.rs`), until [`Self::mend`].
    pub fn fail(&self, rules: &Value) {
        let (file, part) = (self.setup().data().join("faults.json"), self.setup().data().join("faults.part"));
        std::fs::write(&part, rules.to_string()).expect("the rules are written");
        std::fs::rename(part, file).expect("the rules are there");
    }

    /// Lets the calls of an operation, or all, fail that name this table.
    pub fn fail_table(&self, table: &str, operations: &[&str]) {
        let physical = self.stack()["tables"][table].as_str().expect("a table").to_owned();
        let rule = |operation: Option<&&str>| json!({ "service": "dynamodb", "operation": operation, "match": physical, "status": 500, "kind": "InternalServerError" });
        let rules =
            if operations.is_empty() { vec![rule(None)] } else { operations.iter().map(|it| rule(Some(it))).collect() };
        self.fail(&json!(rules));
    }

    /// All goes on.
    pub fn mend(&self) {
        std::fs::remove_file(self.setup().data().join("faults.json")).expect("what failed");
    }
}
