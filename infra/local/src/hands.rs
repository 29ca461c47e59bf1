//! What each instance has in its hands. Instances ask cargo-lambda for work through here, so that what one had as it died
//! fails at once, as on Lambda; cargo-lambda itself would wait for the time limit.

use crate::failure::{Failure, OrFail};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::json;
use std::collections::HashMap;
use std::future::IntoFuture;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;

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
    /// Where the instances find it.
    pub address: SocketAddr,
}

impl Hands {
    /// Opens the way to cargo-lambda's address.
    pub async fn open(client: reqwest::Client, lambda: SocketAddr) -> Result<Arc<Self>, Failure> {
        let bind = async || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            Ok::<_, std::io::Error>((listener.local_addr()?, listener))
        };
        let (address, listener) = bind().await.or_fail(|| "no free port for the functions")?;
        let hands = Arc::new(Self { client, lambda, held: Mutex::default(), address });
        let router = Router::new()
            .route("/{instance}/{function}/{*path}", any(pass_on))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&hands));
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok(hands)
    }

    /// An instance died: what it had in its hands has failed.
    pub async fn let_go(&self, instance: usize, function: &str) {
        let Some(invocation) = self.held().remove(&instance) else { return };
        let url = format!("http://{}/.rt/{function}/{RUNTIME}/{invocation}/error", self.lambda);
        let error = json!({ "errorType": "Runtime.ExitError", "errorMessage": "the instance died" });
        // Where cargo-lambda has ended, nobody waits any more.
        let _ = self.client.post(url).json(&error).send().await;
    }

    fn held(&self) -> MutexGuard<'_, HashMap<usize, String>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn pass_on(
    State(hands): State<Arc<Hands>>,
    Path((instance, function, path)): Path<(usize, String, String)>,
    method: Method,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asks = path.ends_with("/next");
    if !asks {
        hands.held().remove(&instance);
    }
    headers.remove(header::HOST);
    let url = format!("http://{}/.rt/{function}/{path}", hands.lambda);
    let answer = async {
        let response = hands.client.request(method, url).headers(headers).body(body).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok::<_, reqwest::Error>((status, headers, response.bytes().await?))
    };
    let Ok((status, mut headers, body)) = answer.await else { return StatusCode::BAD_GATEWAY.into_response() };
    if let Some(invocation) = headers.get(INVOCATION).and_then(|id| id.to_str().ok()).filter(|_| asks) {
        hands.held().insert(instance, invocation.to_owned());
    }
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
        headers.remove(name);
    }
    (status, headers, Body::from(body)).into_response()
}
