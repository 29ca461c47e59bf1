//! Who calls: from which network and device, for which site, with which ticket.

use crate::read::refuse_other_bodies;
use crate::{ApiError, Response, cookie, user_agent, with_cookie};
use guichet_core::aws::Aws;
use guichet_core::class::{Class, ManagedNetworks, Whereabouts};
use guichet_core::clock::{self, UnixTime};
use guichet_core::config::{self, ConfigError};
use guichet_core::device;
use guichet_core::keys::{ROTATED, Secret};
use guichet_core::log::chain;
use guichet_core::metrics::{self, Metric};
use guichet_core::secret::PlainDeviceKey;
use guichet_core::session::{SessionTicket, Transport};
use guichet_core::store::events::{Event, Origin, What};
use lambda_http::http::{HeaderName, Method, header};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt, tracing};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What the edge proves itself with.
const EDGE_SECRET: HeaderName = HeaderName::from_static("x-guichet-origin-secret");
/// Where the client is, as the edge sees it.
const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("x-viewer-address");

/// What the functions know of the site they serve.
pub struct Site {
    origin: String,
    networks: ManagedNetworks,
    edge: Secret,
}

impl Site {
    /// `PORTAL_URL`, `MANAGED_NETWORKS` and `EDGE_SECRET`.
    pub async fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let edge = Secret::from_env(aws, "EDGE_SECRET", ROTATED).await?;
        Ok(Self { origin: config::text("PORTAL_URL")?, networks: config::managed_networks()?, edge })
    }

    /// The client's address: what the edge says, where it proves that it is the edge; else what the gateway sees, which
    /// clients reach without the edge, too. Empty, which is outside, where that cannot be told.
    async fn address_of<'a>(&self, request: &'a Request, now: UnixTime) -> Result<&'a str, ApiError> {
        let Some(proof) = request.headers().get(EDGE_SECRET) else {
            return Ok(match request.request_context_ref() {
                Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref().unwrap_or_default(),
                _ => "",
            });
        };
        match self.edge.ring_with(|ring| ring.holds(proof.as_bytes()), now).await {
            Ok(ring) if ring.holds(proof.as_bytes()) => Ok(text_header(request, &VIEWER_ADDRESS)),
            Ok(_) => {
                tracing::error!("edge secret wrong");
                metrics::count(Metric::EdgeSecretWrong);
                Err(ApiError::CrossSite)
            }
            Err(error) => {
                tracing::error!(error.chain = chain(&error), "edge secret not at hand");
                Ok("")
            }
        }
    }
}

/// Who calls, and when.
pub struct Caller {
    /// When the request was taken up.
    pub now: UnixTime,
    /// The class of the client, as far as its address tells: M or U.
    pub network: Class,
    /// Where it is, for counting.
    pub whereabouts: Whereabouts,
    /// Its coarse device.
    pub device: String,
    ticket: Option<(SessionTicket, Transport)>,
    cookies: String,
}

impl Caller {
    /// Reads who calls. Refuses, in the order of what the checks cost, a body that no route takes, what another site's
    /// page makes a browser send, and what another edge than ours passes on.
    pub async fn of(request: &Request, site: &Site) -> Result<Self, ApiError> {
        if request.method() == Method::POST {
            refuse_other_bodies(request)?;
        }
        refuse_cross_site(request, &site.origin)?;
        let now = clock::now();
        let address = site.address_of(request, now).await?;
        Ok(Self {
            now,
            network: site.networks.class_of(address),
            whereabouts: Whereabouts::of(address),
            device: user_agent::coarse(text_header(request, &header::USER_AGENT)),
            ticket: ticket(request),
            cookies: text_header(request, &header::COOKIE).to_owned(),
        })
    }

    /// The ticket that the client presents, and the way it came.
    pub fn ticket(&self) -> Result<(&SessionTicket, Transport), ApiError> {
        self.presented().ok_or(ApiError::NotSignedIn)
    }

    /// The ticket that the client presents, if it does.
    #[must_use]
    pub fn presented(&self) -> Option<(&SessionTicket, Transport)> {
        self.ticket.as_ref().map(|(ticket, transport)| (ticket, *transport))
    }

    /// The device that the client claims to be, for the account with this tag ([`device::tag`]).
    #[must_use]
    pub fn device_key(&self, tag: &str) -> Option<PlainDeviceKey> {
        PlainDeviceKey::parse(cookie::value(&self.cookies, &cookie::device_name(tag))?)
    }

    /// Tells the client that it is known from now on, as this device of the account with this tag.
    #[must_use]
    pub fn make_known(&self, response: Response, tag: &str, key: &PlainDeviceKey) -> Response {
        let surplus = cookie::surplus_devices(&self.cookies, tag);
        let known = cookie::device(tag, &key.reveal(), device::LIFETIME);
        surplus.into_iter().chain([known]).fold(response, |response, cookie| with_cookie(response, &cookie))
    }

    /// From where, for an event.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin { client_class: self.network, device: self.device.clone() }
    }

    /// Something that this caller did or met just now.
    #[must_use]
    pub fn event(&self, what: What) -> Event {
        Event { happened_at: self.now, what, origin: self.origin() }
    }
}

/// What changes something must come from our own page: browsers say so in `Sec-Fetch-Site`, older ones in `Origin`.
/// What sends neither is no browser, and nobody can make it send what its user does not want.
fn refuse_cross_site(request: &Request, origin: &str) -> Result<(), ApiError> {
    if request.method() == Method::GET {
        return Ok(());
    }
    let headers = request.headers();
    let ours = match (headers.get(SEC_FETCH_SITE), headers.get(header::ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(sender)) => sender == origin,
        (None, None) => true,
    };
    ours.then_some(()).ok_or(ApiError::CrossSite)
}

fn ticket(request: &Request) -> Option<(SessionTicket, Transport)> {
    if let Some(token) = bearer(text_header(request, &header::AUTHORIZATION)) {
        return Some((SessionTicket::parse(token)?, Transport::Bearer));
    }
    let value = cookie::value(text_header(request, &header::COOKIE), cookie::SESSION)?;
    Some((SessionTicket::parse(value)?, Transport::Cookie))
}

/// The token of an `Authorization` header of the scheme `Bearer` (RFC 6750, 2.1).
#[must_use]
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn text_header<'a>(request: &'a Request, name: &HeaderName) -> &'a str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
