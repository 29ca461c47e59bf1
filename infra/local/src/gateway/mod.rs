//! API Gateway's HTTP API: turns requests into events, and functions' answers into responses.

mod event;
mod response;
mod routes;

pub use routes::Routes;

use crate::host;
use crate::invoker::{InvokeError, Invoker};
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use event::HttpCall;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// API Gateway's payload limit.
const MAX_BODY: usize = 10 * 1024 * 1024;
/// A route that no template has.
const SMOKE_TEST_ROUTE: &str = "GET /_ready";

pub struct Gateway {
    routes: Routes,
    invoker: Invoker,
    port: u16,
}

impl Gateway {
    /// `port` is the portal's.
    #[must_use]
    pub const fn new(routes: Routes, invoker: Invoker, port: u16) -> Self {
        Self { routes, invoker, port }
    }

    pub async fn respond(&self, peer: SocketAddr, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let Some(found) = self.routes.find(parts.method.as_str(), parts.uri.path()) else {
            return error(StatusCode::NOT_FOUND, "Not Found");
        };
        let Some(body) = read_body(body).await else {
            return error(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        let Ok(request_id) = host::random_id() else { return internal_error() };
        let event = event::build(&HttpCall {
            parts: &parts,
            body: &body,
            route_key: &found.key,
            path_parameters: &found.parameters,
            peer: peer.ip(),
            port: self.port,
            request_id: &request_id,
            now: host::now(),
        });
        match self.invoker.invoke(&found.function, event).await {
            Ok(bytes) => response::build(&bytes).unwrap_or_else(|error| {
                console!("{}: API Gateway would not accept this response: {error:#}", found.function);
                internal_error()
            }),
            Err(failure) => {
                console!("{}: {failure}", found.function);
                match failure {
                    InvokeError::Failed(_) => internal_error(),
                    InvokeError::TimedOut => error(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
                }
            }
        }
    }
}

/// `None` if the body exceeds the limit. It is read to its end nevertheless: a client whose connection is reset while
/// it sends does not read the response.
async fn read_body(body: Body) -> Option<Bytes> {
    let kept = body.into_data_stream().try_fold(Some(Vec::new()), async |kept, chunk| {
        let mut kept = kept.filter(|kept| kept.len() + chunk.len() <= MAX_BODY);
        if let Some(kept) = &mut kept {
            kept.extend_from_slice(&chunk);
        }
        Ok(kept)
    });
    kept.await.ok()?.map(Bytes::from)
}

/// An event that any HTTP function answers with 404.
pub fn smoke_test_event(port: u16) -> anyhow::Result<Value> {
    let (parts, ()) = axum::http::Request::new(()).into_parts();
    Ok(event::build(&HttpCall {
        parts: &parts,
        body: b"",
        route_key: SMOKE_TEST_ROUTE,
        path_parameters: &[],
        peer: std::net::Ipv4Addr::LOCALHOST.into(),
        port,
        request_id: &host::random_id()?,
        now: host::now(),
    }))
}

fn internal_error() -> Response {
    error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

fn error(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({"message": message}))).into_response()
}
