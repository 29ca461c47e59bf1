//! The HTTP API of API Gateway: a request becomes an event, the function's answer becomes a response.

mod answer;
mod event;
mod routes;

pub use event::Call;
pub use routes::Routes;

use crate::invoke::{Invoker, NoAnswer};
use crate::machine;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// API Gateway's own limit on a payload.
const MAX_BODY: usize = 10 * 1024 * 1024;
/// The route key by which a function is asked whether it answers; no route of a template can have it.
const PROBE: &str = "GET /_ready";

/// The gateway: the template's routes, and the way to their functions.
pub struct Gateway {
    routes: Routes,
    invoker: Invoker,
    port: u16,
}

impl Gateway {
    /// A gateway for these routes on the portal's port.
    #[must_use]
    pub const fn new(routes: Routes, invoker: Invoker, port: u16) -> Self {
        Self { routes, invoker, port }
    }

    /// Answers a request to the API.
    pub async fn answer(&self, peer: SocketAddr, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let Some(found) = self.routes.find(parts.method.as_str(), parts.uri.path()) else {
            return gateways_own(StatusCode::NOT_FOUND, "Not Found");
        };
        let Some(body) = whole(body).await else {
            return gateways_own(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        let Ok(request_id) = machine::random_id() else { return internal_error() };
        let event = event::build(&Call {
            parts: &parts,
            body: &body,
            route_key: &found.key,
            path_parameters: &found.parameters,
            peer: peer.ip(),
            port: self.port,
            request_id: &request_id,
            now: machine::now(),
        });
        match self.invoker.invoke(&found.function, event).await {
            Ok(bytes) => answer::response(&bytes).unwrap_or_else(|problem| {
                eprintln!("{}: its answer is not one that API Gateway takes: {problem:#}", found.function);
                internal_error()
            }),
            Err(problem) => {
                eprintln!("{}: {problem}", found.function);
                match problem {
                    NoAnswer::Failed(_) => internal_error(),
                    NoAnswer::TimedOut => gateways_own(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
                }
            }
        }
    }
}

/// The body, unless it is over the limit. That one is read to its end as well, unkept: a sender who is cut off in the
/// middle does not come to read why.
async fn whole(body: Body) -> Option<Bytes> {
    let kept = body.into_data_stream().try_fold(Some(Vec::new()), async |kept, chunk| {
        let mut kept = kept.filter(|kept| kept.len() + chunk.len() <= MAX_BODY);
        if let Some(kept) = &mut kept {
            kept.extend_from_slice(&chunk);
        }
        Ok(kept)
    });
    kept.await.ok()?.map(Bytes::from)
}

/// An event that asks an HTTP function whether it answers at all: it has no such route.
pub fn probe(port: u16) -> anyhow::Result<Value> {
    let (parts, ()) = axum::http::Request::new(()).into_parts();
    Ok(event::build(&Call {
        parts: &parts,
        body: b"",
        route_key: PROBE,
        path_parameters: &[],
        peer: std::net::Ipv4Addr::LOCALHOST.into(),
        port,
        request_id: &machine::random_id()?,
        now: machine::now(),
    }))
}

fn internal_error() -> Response {
    gateways_own(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

fn gateways_own(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({"message": message}))).into_response()
}
