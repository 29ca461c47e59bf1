"""Requests, responses, and AWS clients."""

import base64
import functools
import hashlib
import hmac
import json
import os
import re
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network

import boto3
from botocore.config import Config

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_config = Config(
    region_name=os.environ["AWS_REGION"],
    connect_timeout=1,
    read_timeout=1,
    retries={"mode": "standard", "total_max_attempts": 3},
)
dynamodb = boto3.client("dynamodb", config=_config)
_secrets_manager = boto3.client("secretsmanager", config=_config)
pool = ThreadPoolExecutor(max_workers=3)


def read_secrets(*variables):
    def read(variable):
        secret = _secrets_manager.get_secret_value(SecretId=os.environ[variable])
        return json.loads(secret["SecretString"])

    return list(pool.map(read, variables))


def text(value):
    return {"S": value}


def number(value):
    return {"N": str(value)}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sha256(data):
    return base64url(hashlib.sha256(data).digest())


def mac(key, *fields):
    # Each field is preceded by its length, so that different lists of fields never form the same message.
    message = b"".join(len(field).to_bytes(8, "big") + field for field in (field.encode() for field in fields))
    return hmac.digest(key.encode(), message, "sha256")


_TITLES = {
    400: ("invalid-request", "The request body is invalid"),
    401: ("invalid-credentials", "Wrong account or password"),
    403: ("cross-site", "The request comes from another site"),
    413: ("too-large", "The request body is larger than 4 KiB"),
    415: ("not-json", "The content type must be application/json"),
    429: ("too-many-attempts", "Too many attempts; retry later"),
    503: ("unavailable", "A required service is unavailable; retry later"),
}

_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-frame-options": "DENY",
}


class ApiError(Exception):
    def __init__(self, status, retry_after=None):
        super().__init__(_TITLES[status][1])
        self.status = status
        self.retry_after = retry_after


def response(status, body, *, cookies=(), headers=None, kind="json"):
    return {
        "statusCode": status,
        "headers": {**_HEADERS, "content-type": f"application/{kind}; charset=utf-8", **(headers or {})},
        "cookies": list(cookies),
        "body": json.dumps(body, ensure_ascii=False),
        "isBase64Encoded": False,
    }


def with_error_responses(handle):
    """Answers an `ApiError` with its problem details, and any other error with 503."""

    @functools.wraps(handle)
    def handler(event, context):
        try:
            return handle(event)
        except Exception as error:
            api_error = error if isinstance(error, ApiError) else ApiError(503, retry_after=5)
            if api_error.status == 503:
                log(level="ERROR", message="dependency unavailable", error=traceback.format_exc())
            code, title = _TITLES[api_error.status]
            problem = {"type": f"urn:guichet:problem:{code}", "title": title, "status": api_error.status, "code": code}
            wait = api_error.retry_after
            headers = {} if wait is None else {"retry-after": str(min(max(wait, 1), DAY))}
            return response(api_error.status, problem, headers=headers, kind="problem+json")

    return handler


def log(**fields):
    print(json.dumps(fields, ensure_ascii=False))


_MANAGED = [ip_network(cidr.strip()) for cidr in os.environ["MANAGED_NETWORKS"].split(",") if cidr.strip()]


def _parse_address(address):
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _client_source(address):
    """An IPv4 address, or an IPv6 /64, because one client usually controls all of its /64."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(ip_address((int(address) >> 64 << 64).to_bytes(16, "big"))) if address else "::"


_BROWSERS = [
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"), ("Safari/", "Safari"),
]  # fmt: skip
_SYSTEMS = [
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
]  # fmt: skip


def _summarize_user_agent(user_agent):
    def first(table):
        return next((name for mark, name in table if mark in user_agent), "-")

    return f"{first(_BROWSERS)} · {first(_SYSTEMS)}"


def _client_address(event, edge):
    headers = event["headers"]
    origin_secret = headers.get("x-guichet-origin-secret")
    if origin_secret is None:
        return event["requestContext"]["http"]["sourceIp"]
    keys = [secret["key"] for secret in (edge, edge.get("previous")) if secret]
    if not any(hmac.compare_digest(origin_secret.encode(), key.encode()) for key in keys):
        raise ApiError(403)
    return headers.get("x-viewer-address", "")


@dataclass(frozen=True, slots=True)
class Caller:
    form: dict
    account: str
    account_key: str
    source_key: str
    client_class: str
    device: str
    now: int


_ACCOUNT = re.compile(r"[ \t\n\f\r]*(?:[\w.@-]{1,64}\\)?([\w.@-]{1,64})[ \t\n\f\r]*", re.ASCII)


def parse_request(event, *, edge, names, fields):
    """Checks and parses a request: JSON with these fields only, not from another site's page."""
    headers = event["headers"]
    body = event.get("body", "")
    body = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    if len(body) > 4096:
        raise ApiError(413)
    if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise ApiError(415)
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if (origin not in (None, os.environ["PORTAL_URL"])) if site is None else (site != "same-origin"):
        raise ApiError(403)
    address = _parse_address(_client_address(event, edge))

    try:
        form = json.loads(body.decode())
    except ValueError:
        raise ApiError(400) from None
    if not isinstance(form, dict) or not form.keys() <= fields or not isinstance(form.get("account"), str):
        raise ApiError(400)
    match = _ACCOUNT.fullmatch(form["account"])
    if match is None:
        raise ApiError(400)
    account = match[1].lower()
    is_managed = address is not None and any(address in network for network in _MANAGED)
    return Caller(
        form=form,
        account=account,
        account_key=base64url(mac(names["key"], "account", account)),
        source_key=base64url(mac(names["key"], "address", _client_source(address))),
        client_class="M" if is_managed else "U",
        device=_summarize_user_agent(headers.get("user-agent", "")),
        now=int(time.time()),
    )
