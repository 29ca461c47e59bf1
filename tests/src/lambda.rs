//! Direct invocation of functions.

use crate::portal::Portal;
use serde_json::Value;

impl Portal {
    /// Invokes a function with an event. Returns its result, or `None` if it failed.
    pub async fn invoke(&self, function: &str, event: &Value) -> Option<Value> {
        let lambda = self.stack()["lambda"].as_str().expect("the address of Lambda").to_owned();
        let url = format!("{lambda}/2015-03-31/functions/{function}/invocations");
        let response = reqwest::Client::new().post(url).body(event.to_string()).send().await.expect("Lambda responses");
        if response.status().is_success() { Some(response.json().await.expect("JSON")) } else { None }
    }
}
