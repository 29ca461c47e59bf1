//! Calls functions through the Lambda API that cargo-lambda plays.

use crate::aws::Faults;
use axum::body::Bytes;
use guichet_cfn::template::Function;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Why a function gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It failed, or could not be reached; what it said.
    #[error("{0}")]
    Failed(String),
    /// Its time limit passed.
    #[error("no answer within its time limit")]
    TimedOut,
}

/// The way to the functions.
#[derive(Clone)]
pub struct Invoker {
    client: reqwest::Client,
    lambda: SocketAddr,
    functions: Arc<BTreeMap<String, Slots>>,
    faults: Arc<Faults>,
}

struct Slots {
    timeout: Duration,
    /// One for each instance: what more there is waits here, since cargo-lambda locks up with 100 in its queue.
    free: Arc<Semaphore>,
}

impl Invoker {
    /// A way to these functions, each with `concurrency` instances, at cargo-lambda's address.
    #[must_use]
    pub fn new(
        client: reqwest::Client,
        lambda: SocketAddr,
        functions: &[Function],
        concurrency: usize,
        faults: Arc<Faults>,
    ) -> Self {
        let slots =
            |function: &Function| Slots { timeout: function.timeout, free: Arc::new(Semaphore::new(concurrency)) };
        let functions = functions.iter().map(|function| (function.name.clone(), slots(function))).collect();
        Self { client, lambda, functions: Arc::new(functions), faults }
    }

    /// Calls a function with an event, for as long as the template lets it run. The call goes to its end even when nobody waits for it.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Bytes, NoAnswer> {
        self.call(None, function, event).await
    }

    /// The same with another time limit.
    pub async fn invoke_within(&self, limit: Duration, function: &str, event: Value) -> Result<Bytes, NoAnswer> {
        self.call(Some(limit), function, event).await
    }

    async fn call(&self, limit: Option<Duration>, function: &str, event: Value) -> Result<Bytes, NoAnswer> {
        let Some(slots) = self.functions.get(function) else {
            return Err(NoAnswer::Failed(format!("there is no function {function}")));
        };
        if self.faults.hit("lambda", function, b"").is_some() {
            return Err(NoAnswer::Failed("Rate exceeded".into()));
        }
        let Ok(slot) = Arc::clone(&slots.free).acquire_owned().await else {
            return Err(NoAnswer::Failed("the stack is stopping".into()));
        };
        let limit = limit.unwrap_or(slots.timeout);
        let url = format!("http://{}/2015-03-31/functions/{function}/invocations", self.lambda);
        let request = self.client.post(url).json(&event);
        let call = tokio::spawn(async move {
            let outcome = tokio::time::timeout(limit, send(request)).await;
            drop(slot);
            outcome.unwrap_or(Err(NoAnswer::TimedOut))
        });
        call.await.unwrap_or_else(|error| Err(NoAnswer::Failed(error.to_string())))
    }
}

async fn send(request: reqwest::RequestBuilder) -> Result<Bytes, NoAnswer> {
    let answer = async {
        let response = request.send().await?;
        Ok::<_, reqwest::Error>((response.status(), response.bytes().await?))
    };
    match answer.await {
        Ok((status, bytes)) if status.is_success() => Ok(bytes),
        Ok((_, bytes)) => Err(NoAnswer::Failed(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) => Err(NoAnswer::Failed(format!("cargo-lambda does not answer: {error}"))),
    }
}
