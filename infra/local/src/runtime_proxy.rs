//! A proxy between the instances and the Runtime API of cargo-lambda. When an instance dies, its invocation fails
//! immediately, as on Lambda; cargo-lambda alone would wait for the timeout.

use crate::host;
use crate::http_proxy::remove_hop_by_hop_headers;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::json;
use std::collections::HashMap;
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;

const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
const INVOCATION_PATH: &str = "2018-06-01/runtime/invocation";

pub struct RuntimeProxy {
    client: reqwest::Client,
    lambda: SocketAddr,
    /// The request id of each instance's current invocation.
    in_flight: Mutex<HashMap<usize, String>>,
    slots: Mutex<HashMap<usize, Arc<Slot>>>,
    /// Where instances find the Runtime API, under `/INSTANCE/FUNCTION`.
    pub address: SocketAddr,
}

/// Status, headers, and body from cargo-lambda; `None` if it does not respond.
type Answer = Option<(StatusCode, HeaderMap, Bytes)>;

/// An instance's number, which its successor takes over.
#[derive(Default)]
struct Slot {
    deaths: AtomicU64,
    /// A pending request to cargo-lambda. It outlives the instance, since cargo-lambda may be answering it already.
    next_invocation: tokio::sync::Mutex<Option<JoinHandle<Answer>>>,
}

impl RuntimeProxy {
    /// `lambda` is the address of cargo-lambda.
    pub async fn open(client: reqwest::Client, lambda: SocketAddr) -> anyhow::Result<Arc<Self>> {
        let (address, listener) = host::free_port("the functions").await?;
        let proxy = Arc::new(Self { client, lambda, in_flight: Mutex::default(), slots: Mutex::default(), address });
        let router = Router::new()
            .route("/{instance}/{function}/{*path}", any(handle))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&proxy));
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok(proxy)
    }

    /// Reports the failure of what a dead instance was working on.
    pub async fn fail_in_flight(&self, instance: usize, function: &str) {
        self.slot(instance).deaths.fetch_add(1, Ordering::Relaxed);
        let Some(invocation) = self.in_flight().remove(&instance) else { return };
        let url = format!("http://{}/.rt/{function}/{INVOCATION_PATH}/{invocation}/error", self.lambda);
        let error = json!({ "errorType": "Runtime.ExitError", "errorMessage": "the instance died" });
        // If cargo-lambda has ended, nobody waits for the invocation.
        let _ = self.client.post(url).json(&error).send().await;
    }

    fn in_flight(&self) -> MutexGuard<'_, HashMap<usize, String>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, instance: usize) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(instance).or_default())
    }

    async fn forward(self: Arc<Self>, method: Method, url: String, headers: HeaderMap, body: Bytes) -> Answer {
        let response = self.client.request(method, url).headers(headers).body(body).send().await.ok()?;
        let (status, headers) = (response.status(), response.headers().clone());
        Some((status, headers, response.bytes().await.ok()?))
    }

    /// The next invocation for an instance. If the instance dies meanwhile, its successor gets it.
    async fn next(self: &Arc<Self>, instance: usize, url: String, headers: HeaderMap) -> Answer {
        let slot = self.slot(instance);
        let deaths = slot.deaths.load(Ordering::Relaxed);
        let mut pending = slot.next_invocation.lock().await;
        let request = pending
            .get_or_insert_with(|| tokio::spawn(Arc::clone(self).forward(Method::GET, url, headers, Bytes::new())));
        let answer = request.await.ok().flatten();
        *pending = None;
        if slot.deaths.load(Ordering::Relaxed) != deaths {
            *pending = Some(tokio::spawn(async { answer }));
            return None;
        }
        let (_, headers, _) = answer.as_ref()?;
        if let Some(invocation) = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()) {
            self.in_flight().insert(instance, invocation.to_owned());
        }
        answer
    }
}

async fn handle(
    State(proxy): State<Arc<RuntimeProxy>>,
    Path((instance, function, path)): Path<(usize, String, String)>,
    method: Method,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    headers.remove(header::HOST);
    let url = format!("http://{}/.rt/{function}/{path}", proxy.lambda);
    let answer = if path.ends_with("/next") {
        proxy.next(instance, url, headers).await
    } else {
        proxy.in_flight().remove(&instance);
        Arc::clone(&proxy).forward(method, url, headers, body).await
    };
    let Some((status, mut headers, body)) = answer else { return StatusCode::BAD_GATEWAY.into_response() };
    remove_hop_by_hop_headers(&mut headers);
    (status, headers, Body::from(body)).into_response()
}
