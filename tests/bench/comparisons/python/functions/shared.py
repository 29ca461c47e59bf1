"""Who calls and what they send, the answers, and the clients of AWS."""

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
        answer = _secrets_manager.get_secret_value(SecretId=os.environ[variable])
        return json.loads(answer["SecretString"])

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
    # With its length before each field, no two lists of fields are the same text.
    message = b"".join(len(field).to_bytes(8, "big") + field for field in (field.encode() for field in fields))
    return hmac.digest(key.encode(), message, "sha256")


_TITLES = {
    400: ("invalid-request", "the request is not what this route takes"),
    401: ("invalid-credentials", "the account or the password is wrong"),
    403: ("cross-site", "the request comes from another site"),
    413: ("too-large", "the body is too large"),
    415: ("not-json", "the body is not application/json"),
    429: ("too-many-attempts", "too many attempts"),
    503: ("unavailable", "something that is needed does not answer"),
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


class Refusal(Exception):
    def __init__(self, status, wait=None):
        super().__init__(_TITLES[status][1])
        self.status = status
        self.wait = wait


def answer(status, body, *, cookies=(), headers=None, kind="json"):
    return {
        "statusCode": status,
        "headers": {**_HEADERS, "content-type": f"application/{kind}; charset=utf-8", **(headers or {})},
        "cookies": list(cookies),
        "body": json.dumps(body, ensure_ascii=False),
        "isBase64Encoded": False,
    }


def answering(handle):
    """A refusal becomes its answer; whatever else is raised is a fault of ours."""

    @functools.wraps(handle)
    def handler(event, context):
        try:
            return handle(event)
        except Exception as error:
            refusal = error if isinstance(error, Refusal) else Refusal(503, wait=5)
            if refusal.status == 503:
                log(level="ERROR", message="unavailable", error=traceback.format_exc())
            code, title = _TITLES[refusal.status]
            problem = {"type": f"urn:guichet:problem:{code}", "title": title, "status": refusal.status, "code": code}
            headers = {} if refusal.wait is None else {"retry-after": str(min(max(refusal.wait, 1), DAY))}
            return answer(refusal.status, problem, headers=headers, kind="problem+json")

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


def _whereabouts(address):
    """An IPv4 address, or the IPv6 network of 64 bits, which one client has to itself."""
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


def _coarse_device(user_agent):
    def first(table):
        return next((name for mark, name in table if mark in user_agent), "-")

    return f"{first(_BROWSERS)} · {first(_SYSTEMS)}"


def _address_of(event, edge):
    headers = event["headers"]
    proof = headers.get("x-guichet-origin-secret")
    if proof is None:
        return event["requestContext"]["http"]["sourceIp"]
    keys = [ring["key"] for ring in (edge, edge.get("previous")) if ring]
    if not any(hmac.compare_digest(proof.encode(), key.encode()) for key in keys):
        raise Refusal(403)
    return headers.get("x-viewer-address", "")


@dataclass(frozen=True, slots=True)
class Caller:
    form: dict
    account: str
    account_key: str
    address_key: str
    network: str
    device: str
    now: int


_ACCOUNT = re.compile(r"[ \t\n\f\r]*(?:[\w.@-]{1,64}\\)?([\w.@-]{1,64})[ \t\n\f\r]*", re.ASCII)


def read(event, *, edge, names, fields):
    """Who calls and what they send: JSON with none but these fields, from our own page or no browser."""
    headers = event["headers"]
    body = event.get("body", "")
    body = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    if len(body) > 4096:
        raise Refusal(413)
    if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Refusal(415)
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if (origin not in (None, os.environ["PORTAL_URL"])) if site is None else (site != "same-origin"):
        raise Refusal(403)
    address = _parse_address(_address_of(event, edge))

    try:
        form = json.loads(body.decode())
    except ValueError:
        raise Refusal(400) from None
    if not isinstance(form, dict) or not form.keys() <= fields or not isinstance(form.get("account"), str):
        raise Refusal(400)
    spelled = _ACCOUNT.fullmatch(form["account"])
    if spelled is None:
        raise Refusal(400)
    account = spelled[1].lower()
    is_managed = address is not None and any(address in network for network in _MANAGED)
    return Caller(
        form=form,
        account=account,
        account_key=base64url(mac(names["key"], "account", account)),
        address_key=base64url(mac(names["key"], "address", _whereabouts(address))),
        network="M" if is_managed else "U",
        device=_coarse_device(headers.get("user-agent", "")),
        now=int(time.time()),
    )
