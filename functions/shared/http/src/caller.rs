//! The client of a request: its source, its class, its device, and its session token.

use crate::csrf::reject_cross_origin;
use crate::request::require_json;
use crate::{ApiError, Response, cookie, user_agent, with_cookie};
use guichet_domain::client::{ClientClass, ClientSource, ManagedNetworks};
use guichet_domain::device;
use guichet_domain::event::{ClientInfo, Event, EventKind};
use guichet_domain::secret::PlainDeviceKey;
use guichet_domain::session::{SessionToken, Transport};
use guichet_domain::time::UnixTime;
use guichet_platform::aws::Aws;
use guichet_platform::env::{self, ConfigError};
use guichet_platform::log::error_chain;
use guichet_platform::metrics::{self, Metric};
use guichet_platform::secrets::{KeySecret, REFRESH_INTERVAL};
use guichet_platform::{clock, settings};
use lambda_http::http::{HeaderName, Method, header};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt, tracing};

/// The edge authenticates itself with this header.
const ORIGIN_SECRET: HeaderName = HeaderName::from_static("x-guichet-origin-secret");
/// The client's address as the edge sees it.
const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("x-viewer-address");

/// What the functions know about the site they serve.
pub struct Site {
    origin: String,
    networks: ManagedNetworks,
    edge_secret: KeySecret,
}

impl Site {
    /// `PORTAL_URL`, `MANAGED_NETWORKS`, and `EDGE_SECRET`.
    pub async fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let edge_secret = KeySecret::from_env(aws, "EDGE_SECRET", REFRESH_INTERVAL).await?;
        Ok(Self { origin: env::required("PORTAL_URL")?, networks: settings::managed_networks()?, edge_secret })
    }

    /// The client's address: what CloudFront reports, if the request carries the origin secret. Other clients reach the
    /// gateway directly; for them it is what the gateway reports. Empty, which is untrusted, if neither is known.
    async fn client_address<'a>(&self, request: &'a Request, now: UnixTime) -> Result<&'a str, ApiError> {
        let Some(secret) = request.headers().get(ORIGIN_SECRET) else {
            return Ok(match request.request_context_ref() {
                Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref().unwrap_or_default(),
                _ => "",
            });
        };
        match self.edge_secret.get_or_refresh(|ring| ring.contains(secret.as_bytes()), now).await {
            Ok(ring) if ring.contains(secret.as_bytes()) => Ok(text_header(request, &VIEWER_ADDRESS)),
            Ok(_) => {
                tracing::error!("edge secret wrong");
                metrics::increment(Metric::EdgeSecretWrong);
                Err(ApiError::CrossSite)
            }
            Err(error) => {
                tracing::error!(error.chain = error_chain(&error), "secret unavailable");
                Ok("")
            }
        }
    }
}

pub struct Caller {
    /// When the request was received.
    pub now: UnixTime,
    /// Derived from the client's address: `ManagedNetwork` or `Untrusted`.
    pub address_class: ClientClass,
    pub source: ClientSource,
    /// Browser and system, such as `Firefox · Windows`.
    pub device: String,
    session_token: Option<(SessionToken, Transport)>,
    cookies: String,
}

impl Caller {
    /// Checks a request, cheapest check first: size and content type of the body, CSRF, and the edge's secret.
    pub async fn from_request(request: &Request, site: &Site) -> Result<Self, ApiError> {
        if request.method() == Method::POST {
            require_json(request)?;
        }
        reject_cross_origin(request, &site.origin)?;
        let now = clock::now();
        let address = site.client_address(request, now).await?;
        Ok(Self {
            now,
            address_class: site.networks.classify(address),
            source: ClientSource::parse(address),
            device: user_agent::summarize(text_header(request, &header::USER_AGENT)),
            session_token: session_token(request),
            cookies: text_header(request, &header::COOKIE).to_owned(),
        })
    }

    /// The session token of the request and its transport.
    pub fn require_session_token(&self) -> Result<(&SessionToken, Transport), ApiError> {
        self.session_token().ok_or(ApiError::NotSignedIn)
    }

    #[must_use]
    pub fn session_token(&self) -> Option<(&SessionToken, Transport)> {
        self.session_token.as_ref().map(|(token, transport)| (token, *transport))
    }

    /// The device that the client claims to be, for the account with this [`device::cookie_suffix`].
    #[must_use]
    pub fn device_key(&self, cookie_suffix: &str) -> Option<PlainDeviceKey> {
        PlainDeviceKey::parse(cookie::value(&self.cookies, &cookie::device_name(cookie_suffix))?)
    }

    /// Adds the cookie of a known device, and deletes the oldest ones of a browser that has too many.
    #[must_use]
    pub fn set_device_cookie(&self, response: Response, cookie_suffix: &str, key: &PlainDeviceKey) -> Response {
        let surplus = cookie::surplus_devices(&self.cookies, cookie_suffix);
        let known = cookie::device(cookie_suffix, &key.expose(), device::MAX_AGE);
        surplus.into_iter().chain([known]).fold(response, |response, cookie| with_cookie(response, &cookie))
    }

    #[must_use]
    pub fn client_info(&self) -> ClientInfo {
        ClientInfo { client_class: self.address_class, device: self.device.clone() }
    }

    /// An event of this client, now.
    #[must_use]
    pub fn event(&self, kind: EventKind) -> Event {
        Event { happened_at: self.now, kind, client: self.client_info() }
    }
}

fn session_token(request: &Request) -> Option<(SessionToken, Transport)> {
    if let Some(token) = bearer_token(text_header(request, &header::AUTHORIZATION)) {
        return Some((SessionToken::parse(token)?, Transport::Bearer));
    }
    let value = cookie::value(text_header(request, &header::COOKIE), cookie::SESSION)?;
    Some((SessionToken::parse(value)?, Transport::Cookie))
}

/// The token of an `Authorization: Bearer` header (RFC 6750, 2.1).
#[must_use]
pub fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn text_header<'a>(request: &'a Request, name: &HeaderName) -> &'a str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
