//! The portal's port emulates CloudFront: it serves the site, the API, and the stack's own pages. The gateway has
//! another port, on which HTTP clients reach the API without the edge.

use crate::aws::SecretStore;
use crate::gateway::Gateway;
use crate::pages::Pages;
use crate::static_site::StaticSite;
use anyhow::{Context, anyhow};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use axum::response::Response;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tower_http::compression::CompressionLayer;

/// A free port of IPv4 may be taken for IPv6.
const MAX_ATTEMPTS: u32 = 10;

pub struct PortalState {
    /// Serves `/api/`.
    pub gateway: Arc<Gateway>,
    /// What CloudFront adds to the API's responses.
    pub api_headers: HeaderMap,
    pub secrets: Arc<SecretStore>,
    /// Serves `/_local/`.
    pub pages: Pages,
    /// Serves everything else.
    pub site: StaticSite,
}

/// The portal's port on 127.0.0.1 and `::1`.
pub struct Listeners {
    pub port: u16,
    listeners: Vec<TcpListener>,
}

impl Listeners {
    /// Port 0 means any free one.
    pub async fn open(port: u16) -> anyhow::Result<Self> {
        let mut opened = Self::try_open(port).await;
        for _ in 1..MAX_ATTEMPTS {
            if port != 0 || opened.is_ok() {
                break;
            }
            opened = Self::try_open(port).await;
        }
        opened.map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => anyhow!(
                "another program uses port {port}; stop it, or choose another port: --port {}",
                port.checked_add(1).unwrap_or(3000)
            ),
            _ => anyhow::Error::new(error).context(format!("cannot use port {port}")),
        })
    }

    async fn try_open(port: u16) -> io::Result<Self> {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = v4.local_addr()?.port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(v6) => Ok(Self { port, listeners: vec![v4, v6] }),
            Err(error) if error.kind() == ErrorKind::AddrInUse => Err(error),
            // A machine without IPv6.
            Err(_) => Ok(Self { port, listeners: vec![v4] }),
        }
    }

    pub async fn serve(self, state: PortalState) -> anyhow::Result<()> {
        let compression = CompressionLayer::new().compress_when(is_static);
        let router = axum::Router::new().fallback(respond).with_state(Arc::new(state)).layer(compression);
        let servers = self.listeners.into_iter().map(|listener| {
            let service = router.clone().into_make_service_with_connect_info::<SocketAddr>();
            Box::pin(axum::serve(listener, service).into_future())
        });
        futures_util::future::try_join_all(servers).await.map(drop).context("cannot serve the portal's port")
    }
}

/// Its id in the template.
const EDGE_SECRET: &str = "EdgeSecret";
const ORIGIN_SECRET: HeaderName = HeaderName::from_static("x-guichet-origin-secret");
const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("x-viewer-address");

async fn respond(
    State(state): State<Arc<PortalState>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    if request.uri().path().starts_with("/api/") {
        state.add_edge_headers(peer, request.headers_mut());
        let mut response = state.gateway.respond(peer, request).await;
        response.headers_mut().extend(state.api_headers.clone());
        return response;
    }
    if let Some(page) = state.pages.respond(request.method(), request.uri()) {
        return page;
    }
    state.site.respond(request.method(), request.uri().path()).await
}

/// As at CloudFront, the API's responses are not compressed: their length could reveal their content.
fn is_static(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    headers.get(header::CACHE_CONTROL).is_some_and(|value| value == "no-cache")
}

impl PortalState {
    /// Replaces what a client sends under these names.
    fn add_edge_headers(&self, peer: SocketAddr, headers: &mut HeaderMap) {
        headers.remove(ORIGIN_SECRET);
        headers.remove(VIEWER_ADDRESS);
        let secret = self.secrets.key(EDGE_SECRET).and_then(|key| HeaderValue::try_from(key).ok());
        headers.extend(secret.map(|secret| (ORIGIN_SECRET, secret)));
        headers.extend(HeaderValue::try_from(peer.ip().to_string()).ok().map(|address| (VIEWER_ADDRESS, address)));
    }
}

pub async fn serve_gateway(listener: TcpListener, gateway: Arc<Gateway>) -> anyhow::Result<()> {
    let respond = |State(gateway): State<Arc<Gateway>>,
                   ConnectInfo(peer): ConnectInfo<SocketAddr>,
                   request: Request| async move { gateway.respond(peer, request).await };
    let router = axum::Router::new().fallback(respond).with_state(gateway);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await.context("cannot serve the gateway's port")
}
