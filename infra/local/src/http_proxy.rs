use axum::http::{HeaderMap, HeaderName, header};

pub const HOP_BY_HOP_HEADERS: [HeaderName; 3] = [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH];

/// The server or client of the next connection writes them itself.
pub fn remove_hop_by_hop_headers(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP_HEADERS {
        headers.remove(name);
    }
}
