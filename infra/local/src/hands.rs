//! What each instance has in its hands. Instances ask cargo-lambda for work through here, so that what one had as it died
//! fails at once, as on Lambda; cargo-lambda itself would wait for the time limit.

use crate::machine;
use crate::wire::OF_THE_CONNECTION;
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

/// The header in which Lambda names an invocation.
const INVOCATION: &str = "lambda-runtime-aws-request-id";
/// The path of Lambda's Runtime API, below each function's own.
const RUNTIME: &str = "2018-06-01/runtime/invocation";

/// The way of the instances to the Runtime API.
pub struct Hands {
    client: reqwest::Client,
    lambda: SocketAddr,
    /// The invocation that each instance works at.
    held: Mutex<HashMap<usize, String>>,
    /// The place of each instance, which the one that is started after its death takes over.
    places: Mutex<HashMap<usize, Arc<Place>>>,
    /// Where the instances find it.
    pub address: SocketAddr,
}

/// What cargo-lambda answers.
type Answer = Option<(StatusCode, HeaderMap, Bytes)>;

#[derive(Default)]
struct Place {
    /// How many instances have died in it.
    deaths: AtomicU64,
    /// The question for work that is under way. It outlives who asked it: cargo-lambda may be answering.
    question: tokio::sync::Mutex<Option<JoinHandle<Answer>>>,
}

impl Hands {
    /// Opens the way to cargo-lambda's address.
    pub async fn open(client: reqwest::Client, lambda: SocketAddr) -> anyhow::Result<Arc<Self>> {
        let (address, listener) = machine::free_port("the functions").await?;
        let hands = Arc::new(Self { client, lambda, held: Mutex::default(), places: Mutex::default(), address });
        let router = Router::new()
            .route("/{instance}/{function}/{*path}", any(pass_on))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&hands));
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok(hands)
    }

    /// An instance died: what it had in its hands has failed.
    pub async fn let_go(&self, instance: usize, function: &str) {
        self.place(instance).deaths.fetch_add(1, Ordering::Relaxed);
        let Some(invocation) = self.held().remove(&instance) else { return };
        let url = format!("http://{}/.rt/{function}/{RUNTIME}/{invocation}/error", self.lambda);
        let error = json!({ "errorType": "Runtime.ExitError", "errorMessage": "the instance died" });
        // Where cargo-lambda has ended, nobody waits any more.
        let _ = self.client.post(url).json(&error).send().await;
    }

    fn held(&self) -> MutexGuard<'_, HashMap<usize, String>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, instance: usize) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry(instance).or_default())
    }

    /// Asks cargo-lambda.
    async fn ask(self: Arc<Self>, method: Method, url: String, headers: HeaderMap, body: Bytes) -> Answer {
        let response = self.client.request(method, url).headers(headers).body(body).send().await.ok()?;
        let (status, headers) = (response.status(), response.headers().clone());
        Some((status, headers, response.bytes().await.ok()?))
    }

    /// Work for an instance. What comes once it has died is for who comes after it.
    async fn work(self: &Arc<Self>, instance: usize, url: String, headers: HeaderMap) -> Answer {
        let place = self.place(instance);
        let deaths = place.deaths.load(Ordering::Relaxed);
        let mut question = place.question.lock().await;
        let asked =
            question.get_or_insert_with(|| tokio::spawn(Arc::clone(self).ask(Method::GET, url, headers, Bytes::new())));
        let answer = asked.await.ok().flatten();
        *question = None;
        if place.deaths.load(Ordering::Relaxed) != deaths {
            *question = Some(tokio::spawn(async { answer }));
            return None;
        }
        let (_, headers, _) = answer.as_ref()?;
        if let Some(invocation) = headers.get(INVOCATION).and_then(|id| id.to_str().ok()) {
            self.held().insert(instance, invocation.to_owned());
        }
        answer
    }
}

async fn pass_on(
    State(hands): State<Arc<Hands>>,
    Path((instance, function, path)): Path<(usize, String, String)>,
    method: Method,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    headers.remove(header::HOST);
    let url = format!("http://{}/.rt/{function}/{path}", hands.lambda);
    let answer = if path.ends_with("/next") {
        hands.work(instance, url, headers).await
    } else {
        hands.held().remove(&instance);
        Arc::clone(&hands).ask(method, url, headers, body).await
    };
    let Some((status, mut headers, body)) = answer else { return StatusCode::BAD_GATEWAY.into_response() };
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
    (status, headers, Body::from(body)).into_response()
}
