//! What belongs to a connection, and not to what is passed on through it.

use axum::http::{HeaderName, header};

/// Each server writes these itself.
pub const OF_THE_CONNECTION: [HeaderName; 3] = [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH];
