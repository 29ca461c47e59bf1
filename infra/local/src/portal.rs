//! The portal's own port, where CloudFront would be: the edge, the gateway behind it, and its own pages. And the gateway's
//! port, where HTTP clients find it without the edge.

use crate::aws::Secrets;
use crate::gateway::Gateway;
use crate::pages::Pages;
use crate::site::Site;
use anyhow::{Context, anyhow};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use axum::response::Response;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tower_http::compression::CompressionLayer;

/// With a port of the system's choice, the other protocol may have it taken.
const ATTEMPTS: u32 = 10;

/// What answers on the portal's port.
pub struct Portal {
    /// Everything below `/api/`.
    pub gateway: Arc<Gateway>,
    /// The headers that CloudFront puts on what the gateway answers.
    pub api_headers: HeaderMap,
    /// Among them the key with which the edge proves itself.
    pub secrets: Arc<Secrets>,
    /// Everything below `/_local/`.
    pub pages: Pages,
    /// Everything else.
    pub site: Site,
}

/// The port on 127.0.0.1 and on `::1`, and never beyond.
pub struct Doors {
    /// The port's number.
    pub port: u16,
    listeners: Vec<TcpListener>,
}

impl Doors {
    /// Takes the port; 0 for any that is free.
    pub async fn open(port: u16) -> anyhow::Result<Self> {
        let mut opened = Self::try_open(port).await;
        for _ in 1..ATTEMPTS {
            if port != 0 || opened.is_ok() {
                break;
            }
            opened = Self::try_open(port).await;
        }
        opened.map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => anyhow!(
                "port {port} is taken by another program; stop that, or start with another: --port {}",
                port.checked_add(1).unwrap_or(3000)
            ),
            _ => anyhow::Error::new(error).context(format!("port {port} cannot be used")),
        })
    }

    async fn try_open(port: u16) -> io::Result<Self> {
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = four.local_addr()?.port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(six) => Ok(Self { port, listeners: vec![four, six] }),
            Err(error) if error.kind() == ErrorKind::AddrInUse => Err(error),
            // A machine without IPv6.
            Err(_) => Ok(Self { port, listeners: vec![four] }),
        }
    }

    /// Answers on it, for ever.
    pub async fn serve(self, portal: Portal) -> anyhow::Result<()> {
        let smaller = CompressionLayer::new().compress_when(is_of_the_site);
        let router = axum::Router::new().fallback(answer).with_state(Arc::new(portal)).layer(smaller);
        let serving = self.listeners.into_iter().map(|listener| {
            let service = router.clone().into_make_service_with_connect_info::<SocketAddr>();
            Box::pin(axum::serve(listener, service).into_future())
        });
        futures_util::future::try_join_all(serving).await.map(drop).context("the portal's port is lost")
    }
}

/// The template's name of the edge's secret.
const EDGE_SECRET: &str = "EdgeSecret";
/// The headers that CloudFront sets towards the gateway, whatever a client sends under these names.
const PROOF: HeaderName = HeaderName::from_static("x-guichet-origin-secret");
const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("x-viewer-address");

async fn answer(
    State(portal): State<Arc<Portal>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    if request.uri().path().starts_with("/api/") {
        portal.mark(peer, request.headers_mut());
        let mut response = portal.gateway.answer(peer, request).await;
        response.headers_mut().extend(portal.api_headers.clone());
        return response;
    }
    if let Some(page) = portal.pages.answer(request.method(), request.uri()) {
        return page;
    }
    portal.site.answer(request.method(), request.uri().path()).await
}

/// As at CloudFront, the site's files are compressed, and no answer of the API: its length would tell of what is in it.
fn is_of_the_site(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    headers.get(header::CACHE_CONTROL).is_some_and(|value| value == "no-cache")
}

impl Portal {
    fn mark(&self, peer: SocketAddr, headers: &mut HeaderMap) {
        headers.remove(PROOF);
        headers.remove(VIEWER_ADDRESS);
        let proof = self.secrets.key(EDGE_SECRET).and_then(|key| HeaderValue::try_from(key).ok());
        headers.extend(proof.map(|proof| (PROOF, proof)));
        headers.extend(HeaderValue::try_from(peer.ip().to_string()).ok().map(|address| (VIEWER_ADDRESS, address)));
    }
}

/// Lets HTTP clients come straight to the gateway, for ever.
pub async fn serve_gateway(listener: TcpListener, gateway: Arc<Gateway>) -> anyhow::Result<()> {
    let straight = |State(gateway): State<Arc<Gateway>>,
                    ConnectInfo(peer): ConnectInfo<SocketAddr>,
                    request: Request| async move { gateway.answer(peer, request).await };
    let router = axum::Router::new().fallback(straight).with_state(gateway);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await.context("the gateway's port is lost")
}
