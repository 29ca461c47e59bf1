//! What a client sees of a fault.

use super::protocol::{self, JSON, bad_request, error, error_with_body};
use crate::faults::FaultMode;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::time::Duration;

const READS: [&str; 4] = ["GetItem", "BatchGetItem", "Query", "Scan"];
/// Longer than any client waits.
const SILENCE: Duration = Duration::from_secs(30);

impl FaultMode {
    /// The response to a call with this fault. `perform` carries the call out.
    pub async fn respond(
        self,
        service: &str,
        operation: &str,
        body: &Bytes,
        perform: impl Future<Output = Response>,
    ) -> Response {
        match self {
            Self::Throttle => throttled(service),
            Self::Broken => error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", ""),
            Self::Unavailable => error(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", ""),
            Self::Slow(milliseconds) => {
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                perform.await
            }
            Self::DropBefore => silence().await,
            Self::DropAfter => {
                drop(perform.await);
                silence().await
            }
            Self::Reset => connection_reset(),
            Self::Malformed => {
                let status = perform.await.status();
                (status, [("content-type", JSON)], "{\"").into_response()
            }
            Self::Conflict => conflict(operation, body),
            Self::Stale if READS.contains(&operation) && is_eventually_consistent(body) => empty_read(operation, body),
            Self::Error { status, kind, message } => {
                error(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &kind, &message)
            }
            Self::Refuse | Self::Stale | Self::Drop | Self::Duplicate(_) | Self::Delay(_) | Self::Reorder => {
                perform.await
            }
        }
    }
}

fn throttled(service: &str) -> Response {
    match service {
        "ses" => error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Maximum sending rate exceeded."),
        "dynamodb" => bad_request("ProvisionedThroughputExceededException", "The rate of requests is too high."),
        _ => bad_request("ThrottlingException", "Rate exceeded"),
    }
}

async fn silence() -> Response {
    tokio::time::sleep(SILENCE).await;
    connection_reset()
}

fn connection_reset() -> Response {
    let reset = || Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    Body::from_stream(futures_util::stream::once(async move { reset() })).into_response()
}

fn conflict(operation: &str, body: &[u8]) -> Response {
    if operation != "TransactWriteItems" {
        return bad_request("TransactionConflictException", "Transaction is ongoing for the item");
    }
    let call: Value = serde_json::from_slice(body).unwrap_or_default();
    let items = call["TransactItems"].as_array().map_or(1, Vec::len);
    let reason = |n| json!({ "Code": if n == 0 { "TransactionConflict" } else { "None" } });
    let kind = "TransactionCanceledException";
    let response = json!({
        "__type": kind,
        "message": "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]",
        "CancellationReasons": (0..items).map(reason).collect::<Vec<_>>(),
    });
    error_with_body(StatusCode::BAD_REQUEST, kind, &response)
}

fn is_eventually_consistent(body: &[u8]) -> bool {
    let call: Value = serde_json::from_slice(body).unwrap_or_default();
    let is_consistent = |read: &Value| read["ConsistentRead"] == true;
    match call["RequestItems"].as_object() {
        Some(tables) => !tables.values().all(is_consistent),
        None => !is_consistent(&call),
    }
}

fn empty_read(operation: &str, body: &[u8]) -> Response {
    let call: Value = serde_json::from_slice(body).unwrap_or_default();
    let tables = call["RequestItems"].as_object().into_iter().flatten().map(|(name, _)| (name.clone(), json!([])));
    protocol::ok(&match operation {
        "Query" | "Scan" => json!({ "Items": [], "Count": 0, "ScannedCount": 0 }),
        "BatchGetItem" => json!({ "Responses": tables.collect::<serde_json::Map<_, _>>(), "UnprocessedKeys": {} }),
        _ => json!({}),
    })
}

#[cfg(test)]
mod tests {
    use super::is_eventually_consistent;

    #[test]
    fn stale_read_fault_spares_consistent_reads() {
        assert!(is_eventually_consistent(br#"{"Key": {}}"#));
        assert!(!is_eventually_consistent(br#"{"ConsistentRead": true}"#));
        assert!(is_eventually_consistent(br#"{"RequestItems": {"a": {"ConsistentRead": true}, "b": {}}}"#));
        assert!(!is_eventually_consistent(br#"{"RequestItems": {"a": {"ConsistentRead": true}}}"#));
    }
}
