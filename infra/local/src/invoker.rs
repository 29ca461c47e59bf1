//! Invokes functions.

use crate::faults::Faults;
use crate::in_process::InProcess;
use axum::body::Bytes;
use guichet_cfn::template::Function;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The function's error, or why it could not be invoked.
    #[error("{0}")]
    Failed(String),
    #[error("no response within the timeout")]
    TimedOut,
}

/// Where the functions run.
#[derive(Clone)]
pub enum Backend {
    /// Behind cargo-lambda's API at this address.
    Lambda(reqwest::Client, SocketAddr),
    InProcess(Arc<InProcess>),
}

#[derive(Clone)]
pub struct Invoker {
    backend: Backend,
    targets: Arc<BTreeMap<String, Target>>,
    faults: Arc<Faults>,
}

struct Target {
    timeout: Duration,
    /// One permit for each instance. Further invocations wait here, since cargo-lambda deadlocks with 100 in its queue.
    permits: Arc<Semaphore>,
}

impl Invoker {
    /// `concurrency` is the number of instances of each function.
    #[must_use]
    pub fn new(backend: Backend, functions: &[Function], concurrency: usize, faults: Arc<Faults>) -> Self {
        let target =
            |function: &Function| Target { timeout: function.timeout, permits: Arc::new(Semaphore::new(concurrency)) };
        let targets = functions.iter().map(|function| (function.name.clone(), target(function))).collect();
        Self { backend, targets: Arc::new(targets), faults }
    }

    /// Invokes a function with its own timeout. The invocation completes even if the returned future is dropped.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Bytes, InvokeError> {
        self.invoke_within(None, function, event).await
    }

    pub async fn invoke_within(
        &self,
        timeout: Option<Duration>,
        function: &str,
        event: Value,
    ) -> Result<Bytes, InvokeError> {
        let Some(target) = self.targets.get(function) else {
            return Err(InvokeError::Failed(format!("there is no function {function}")));
        };
        if self.faults.hit("lambda", function, b"").is_some() {
            return Err(InvokeError::Failed("Rate exceeded".into()));
        }
        let Ok(permit) = Arc::clone(&target.permits).acquire_owned().await else {
            return Err(InvokeError::Failed("the stack is stopping".into()));
        };
        let timeout = timeout.unwrap_or(target.timeout);
        let (backend, function) = (self.backend.clone(), function.to_owned());
        let invocation = tokio::spawn(async move {
            let result = tokio::time::timeout(timeout, backend.invoke(&function, event)).await;
            drop(permit);
            result.unwrap_or(Err(InvokeError::TimedOut))
        });
        invocation.await.unwrap_or_else(|error| Err(InvokeError::Failed(error.to_string())))
    }
}

impl Backend {
    async fn invoke(&self, function: &str, event: Value) -> Result<Bytes, InvokeError> {
        match self {
            Self::Lambda(client, address) => {
                let url = format!("http://{address}/2015-03-31/functions/{function}/invocations");
                send(client.post(url).json(&event)).await
            }
            Self::InProcess(functions) => {
                functions.invoke(function, event).await.map_err(|error| InvokeError::Failed(format!("{error:#}")))
            }
        }
    }
}

async fn send(request: reqwest::RequestBuilder) -> Result<Bytes, InvokeError> {
    let response = async {
        let response = request.send().await?;
        Ok::<_, reqwest::Error>((response.status(), response.bytes().await?))
    };
    match response.await {
        Ok((status, bytes)) if status.is_success() => Ok(bytes),
        Ok((_, bytes)) => Err(InvokeError::Failed(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) => Err(InvokeError::Failed(format!("cargo-lambda does not respond: {error}"))),
    }
}
