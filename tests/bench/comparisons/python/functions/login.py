"""Sign-in. Counts the attempt before it checks the password; known and unknown accounts cost the same."""

import os
import secrets
import time
import unicodedata
from contextlib import suppress
from datetime import UTC, datetime

from . import counters
from .hashing import verify
from .shared import (
    DAY,
    HOUR,
    ApiError,
    base64url,
    dynamodb,
    log,
    mac,
    number,
    parse_request,
    pool,
    read_secrets,
    response,
    sha256,
    text,
    with_error_responses,
)

CREDENTIALS = os.environ["CREDENTIALS_TABLE"]
THROTTLES = os.environ["THROTTLES_TABLE"]
SESSIONS = os.environ["SESSIONS_TABLE"]

MAX_SESSIONS = 10
DEVICE_LIFETIME = 180 * DAY
# Absolute and idle timeout.
LIFETIMES = {"me": (30 * DAY, 14 * DAY), "name": (12 * HOUR, HOUR), "none": (12 * HOUR, HOUR)}
# Accounts without a password cost the same work.
PARAMS = f"m={os.environ['HASH_MEMORY_KIB']},t={os.environ['HASH_PASSES']},p=1"
DECOY = f"$argon2id$v=19${PARAMS}${'A' * 22}${'A' * 43}"

EDGE, NAMES, PEPPER = read_secrets("EDGE_SECRET", "PSEUDONYM_SECRET", "PEPPER_SECRET")


def password_matches(password, credential):
    pepper = PEPPER["key"].encode()
    if "phc" not in credential or "key_id" not in credential:
        return verify(DECOY, password, pepper)
    if credential["key_id"]["S"] != PEPPER["id"]:
        raise LookupError(f"no pepper with the id {credential['key_id']['S']}")
    return verify(credential["phc"]["S"], password, pepper)


def reserve(caller):
    """Counts the attempt before the password is checked: on the account's limits and, for untrusted clients, on those
    of the source and on the circuit breaker."""
    now, log_id, is_untrusted = caller.now, caller.account_key[:12], caller.client_class == "U"
    account_counter = f"login#{caller.client_class}#{caller.account_key}"
    source_counter = f"login#address#{caller.source_key}"
    names = [account_counter, source_counter, counters.BREAKER]
    found = dynamodb.batch_get_item(
        RequestItems={
            CREDENTIALS: {"Keys": [{"account": text(caller.account)}], "ConsistentRead": True},
            THROTTLES: {"Keys": [{"counter": text(name)} for name in names], "ConsistentRead": True},
        }
    )
    if found["UnprocessedKeys"]:
        raise RuntimeError("a part of the batch was not processed")
    credential = next(iter(found["Responses"][CREDENTIALS]), {})
    items = {item["counter"]["S"]: item for item in found["Responses"][THROTTLES]}
    seen = counters.AttemptHistory.read(account_counter, caller.client_class, items.get(account_counter))
    source = counters.SourceFailures.read(source_counter, items.get(source_counter))
    breaker = counters.read_breaker(items.get(counters.BREAKER))
    retry_after = seen.retry_after(now)
    if is_untrusted:
        retry_after = max(retry_after, source.retry_after(log_id, now), breaker["open_until"] - now)
    if retry_after > 0:
        raise ApiError(429, retry_after)

    history = seen.record_failure(now)
    transaction = [seen.compare_and_set(history, now)]
    if not is_untrusted:
        dynamodb.transact_write_items(TransactItems=transaction)
        return credential, history, []
    transaction.append(source.add_failure(log_id, now))
    breaker_state = counters.record_breaker_failure(breaker, now)
    charged = pool.submit(dynamodb.update_item, **counters.update_breaker(breaker, breaker_state, now))
    dynamodb.transact_write_items(TransactItems=transaction)
    charged.result()
    own = source.of_account(log_id, now)
    on_success = [
        counters.remove_source_failures(source_counter, own),
        counters.refund_breaker(breaker_state, own.values()),
    ]
    return credential, history, on_success


def update_if_present(update):
    """The item may have expired."""
    with suppress(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.update_item(**update)


def event(caller, kind):
    item = {
        "account_key": text(caller.account_key),
        "at_id": text(f"{time.time_ns() // 1_000_000:015}#{secrets.token_hex(4)}"),
        "ttl": number(caller.now + 90 * DAY),
        "happened_at": number(caller.now),
        "what": text(kind),
        "client_class": text(caller.client_class),
        "device": text(caller.device),
    }
    return {"TableName": os.environ["EVENTS_TABLE"], "Item": item}


def start_session(caller, credential, history, on_success, remember, transport):
    resolved = [pool.submit(update_if_present, update) for update in on_success]
    sessions = dynamodb.query(
        TableName=SESSIONS,
        ConsistentRead=True,
        KeyConditionExpression="account = :value",
        ExpressionAttributeValues={":value": text(caller.account)},
    )
    for future in resolved:
        future.result()
    newest_first = sorted(sessions["Items"], key=lambda session: int(session["created_at"]["N"]), reverse=True)
    surplus = newest_first[MAX_SESSIONS - 1 : 2 * MAX_SESSIONS - 1]

    now, account, version = caller.now, text(caller.account), credential["version"]
    session_key, device_key = secrets.token_bytes(32), secrets.token_bytes(16)
    absolute, idle = LIFETIMES[remember]
    session = {
        "account": account,
        "secret_hash": text(sha256(session_key)),
        "version": version,
        "remember": text(remember),
        "transport": text(transport),
        "created_at": number(now),
        "last_used_at": number(now),
        "idle_ends_at": number(now + idle),
        "ends_at": number(now + absolute),
        "device": text(caller.device),
        "ttl": number(now + absolute),
    }
    device = {
        "account": account,
        "cookie_hash": text(sha256(device_key)),
        "version": version,
        "issued_at": number(now),
        "ttl": number(now + DEVICE_LIFETIME),
    }
    condition = "attribute_not_exists(account)"
    items = [
        {"Put": {"TableName": SESSIONS, "Item": session, "ConditionExpression": condition}},
        {"Put": event(caller, "signed-in")},
    ]
    # A bearer client cannot store a device cookie.
    if transport == "cookie":
        items.append({"Put": {"TableName": os.environ["DEVICES_TABLE"], "Item": device}})
    for old in surplus:
        key = {"account": account, "secret_hash": old["secret_hash"]}
        items.append({"Delete": {"TableName": SESSIONS, "Key": key}})
    items.append(history.refund())
    dynamodb.transact_write_items(TransactItems=items)

    expires_at = datetime.fromtimestamp(now + min(idle, absolute), UTC)
    body = {
        "account": caller.account,
        "name": f"{credential['given_name']['S']} {credential['family_name']['S']}".strip(),
        "expires_at": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    language = credential.get("preferred_language", text("fr"))["S"]
    headers = {"content-language": f"{language}-CA"}
    token = f"{caller.account}.{base64url(session_key)}"
    if transport == "bearer":
        return response(200, body | {"token": token}, headers=headers)
    suffix = mac(NAMES["key"], "device", caller.account)[:4].hex()
    max_age = f"; Max-Age={absolute}" if remember == "me" else ""
    cookies = [
        f"__Host-session={token}; Secure; HttpOnly; SameSite=Lax; Path=/{max_age}",
        f"__Host-device-{suffix}={base64url(device_key)}; Secure; HttpOnly; SameSite=Strict; Path=/; "
        f"Max-Age={DEVICE_LIFETIME}",
    ]
    return response(200, body, headers=headers, cookies=cookies)


@with_error_responses
def handler(request):
    caller = parse_request(request, edge=EDGE, names=NAMES, fields={"account", "password", "remember", "transport"})
    password, remember = caller.form.get("password"), caller.form.get("remember", "none")
    transport = caller.form.get("transport", "cookie")
    if not isinstance(password, str) or remember not in tuple(LIFETIMES) or transport not in ("cookie", "bearer"):
        raise ApiError(400)
    try:
        password = unicodedata.normalize("NFKC", password).encode()
    except UnicodeEncodeError:
        raise ApiError(400) from None

    credential, history, on_success = reserve(caller)
    is_success = password_matches(password, credential) and credential["active"]["BOOL"]
    outcome = "success" if is_success else "refused"
    account, client_class = caller.account_key[:12], caller.client_class
    log(level="INFO", message="sign-in", account=account, client_class=client_class, outcome=outcome)
    if not is_success:
        dynamodb.put_item(**event(caller, "sign-in-refused"))
        raise ApiError(401)
    return start_session(caller, credential, history, on_success, remember, transport)
