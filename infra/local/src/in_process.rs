//! Runs the functions inside this process, for tests: no builds, no child processes, no cargo-lambda.

use crate::data_folder::DataFolder;
use crate::process_log::ProcessLog;
use crate::supervisor::FunctionEnv;
use anyhow::{Context, anyhow};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use futures_util::future::BoxFuture;
use guichet_cfn::template::Function;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Handles events, as an instance of a function does.
pub type Handler = Arc<dyn Fn(Value) -> BoxFuture<'static, anyhow::Result<Bytes>> + Send + Sync>;
/// Starts an instance.
pub type StartInstance = Arc<dyn Fn(InstanceContext) -> BoxFuture<'static, anyhow::Result<Handler>> + Send + Sync>;

/// What an instance has instead of a process.
#[derive(Clone)]
pub struct InstanceContext {
    pub function: String,
    pub variables: Arc<BTreeMap<String, String>>,
    pub log: Arc<ProcessLog>,
}

/// One instance of each function. It handles events concurrently.
pub struct InProcess {
    start: StartInstance,
    instances: BTreeMap<String, (InstanceContext, Mutex<Handler>)>,
}

impl InProcess {
    pub async fn start(
        start: StartInstance,
        functions: &[Function],
        env: &FunctionEnv,
        data: &DataFolder,
    ) -> anyhow::Result<Self> {
        let mut instances = BTreeMap::new();
        for function in functions {
            let context = InstanceContext {
                function: function.name.clone(),
                variables: Arc::new(env.variables(function)),
                log: ProcessLog::open(data, &function.name)?,
            };
            let handler = start(context.clone()).await.with_context(|| format!("cannot start {}", function.name))?;
            instances.insert(function.name.clone(), (context, Mutex::new(handler)));
        }
        Ok(Self { start, instances })
    }

    pub async fn invoke(&self, function: &str, event: Value) -> anyhow::Result<Bytes> {
        let (_, handler) = self.instance(function)?;
        let handle = handler.lock().unwrap_or_else(PoisonError::into_inner).clone();
        handle(event).await
    }

    /// Replaces the instance, whose caches are lost.
    async fn restart(&self, function: &str) -> anyhow::Result<()> {
        let (context, handler) = self.instance(function)?;
        let new = (self.start)(context.clone()).await?;
        *handler.lock().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    fn instance(&self, function: &str) -> anyhow::Result<&(InstanceContext, Mutex<Handler>)> {
        self.instances.get(function).ok_or_else(|| anyhow!("there is no function {function}"))
    }
}

/// Lambda's `Invoke`, and a restart of the instance of a function.
pub fn router(functions: Arc<InProcess>) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{function}/invocations", post(invoke))
        .route("/_local/functions/{function}/restart", post(restart))
        .with_state(functions)
}

async fn invoke(
    State(functions): State<Arc<InProcess>>,
    Path(function): Path<String>,
    body: Bytes,
) -> Result<Bytes, (StatusCode, String)> {
    let event = serde_json::from_slice(&body).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    // A panic of the function must not close the connection.
    let invocation = tokio::spawn(async move { functions.invoke(&function, event).await });
    let result = invocation.await.unwrap_or_else(|panic| Err(panic.into()));
    result.map_err(|error| (StatusCode::BAD_GATEWAY, format!("{error:#}")))
}

async fn restart(State(functions): State<Arc<InProcess>>, Path(function): Path<String>) -> impl IntoResponse {
    match functions.restart(&function).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(error) => {
            console!("{function}: {error:#}");
            StatusCode::BAD_GATEWAY
        }
    }
}
