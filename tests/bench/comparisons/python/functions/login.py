"""Sign-in: the attempt is counted before it is made, and known and unknown accounts cost the same."""

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
    Refusal,
    answer,
    answering,
    base64url,
    dynamodb,
    log,
    mac,
    number,
    pool,
    read,
    read_secrets,
    sha256,
    text,
)

CREDENTIALS = os.environ["CREDENTIALS_TABLE"]
THROTTLES = os.environ["THROTTLES_TABLE"]
SESSIONS = os.environ["SESSIONS_TABLE"]

MAX_SESSIONS = 10
DEVICE_LIFETIME = 180 * DAY
# How long a session lasts at most, and unused.
LIFETIMES = {"me": (30 * DAY, 14 * DAY), "name": (12 * HOUR, HOUR), "none": (12 * HOUR, HOUR)}
# Who has no password costs the same work.
COST = f"m={os.environ['HASH_MEMORY_KIB']},t={os.environ['HASH_PASSES']},p=1"
DECOY = f"$argon2id$v=19${COST}${'A' * 22}${'A' * 43}"

EDGE, NAMES, PEPPER = read_secrets("EDGE_SECRET", "NAMES_SECRET", "PEPPER_SECRET")


def is_right(password, credential):
    pepper = PEPPER["key"].encode()
    if "phc" not in credential or "key_id" not in credential:
        return verify(DECOY, password, pepper)
    if credential["key_id"]["S"] != PEPPER["id"]:
        raise LookupError(f"no pepper with the id {credential['key_id']['S']}")
    return verify(credential["phc"]["S"], password, pepper)


def count(caller):
    """Counts the attempt before it is made: on the account's budget and, from outside, on the address and the brake."""
    now, brief, is_outside = caller.now, caller.account_key[:12], caller.network == "U"
    names = [f"login#{caller.network}#{caller.account_key}", f"login#address#{caller.address_key}", counters.BRAKE]
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
    seen = counters.Tries.read(names[0], caller.network, items.get(names[0]))
    there = counters.Address.read(names[1], items.get(names[1]))
    brake = counters.read_brake(items.get(names[2]))
    wait = max(seen.wait(now), there.wait(brief, now) if is_outside else 0, brake["until"] - now if is_outside else 0)
    if wait > 0:
        raise Refusal(429, wait)

    tries = seen.with_one_more(now)
    reserved = [seen.advance(tries, now)]
    if not is_outside:
        dynamodb.transact_write_items(TransactItems=reserved)
        return credential, tries, []
    reserved.append(there.advance(brief, now))
    braking = counters.brake_with_one_more(brake, now)
    braked = pool.submit(dynamodb.update_item, **counters.advance_brake(brake, braking, now))
    dynamodb.transact_write_items(TransactItems=reserved)
    braked.result()
    own = there.own(brief, now)
    return credential, tries, [counters.take_away(names[1], own), counters.release_brake(braking, own.values())]


def resolve(update):
    """What the account failed at this address counts no more, unless it is gone already."""
    with suppress(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.update_item(**update)


def event(caller, what):
    item = {
        "account_key": text(caller.account_key),
        "at_id": text(f"{time.time_ns() // 1_000_000:015}#{secrets.token_hex(4)}"),
        "ttl": number(caller.now + 90 * DAY),
        "happened_at": number(caller.now),
        "what": text(what),
        "client_class": text(caller.network),
        "device": text(caller.device),
    }
    return {"TableName": os.environ["EVENTS_TABLE"], "Item": item}


def open_session(caller, credential, tries, failed_outside, remember, transport):
    resolved = [pool.submit(resolve, update) for update in failed_outside]
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
    # A client without cookies has no place to keep a device's.
    if transport == "cookie":
        items.append({"Put": {"TableName": os.environ["DEVICES_TABLE"], "Item": device}})
    for old in surplus:
        key = {"account": account, "secret_hash": old["secret_hash"]}
        items.append({"Delete": {"TableName": SESSIONS, "Key": key}})
    items.append(tries.give_back())
    dynamodb.transact_write_items(TransactItems=items)

    expires_at = datetime.fromtimestamp(now + min(idle, absolute), UTC)
    body = {
        "account": caller.account,
        "name": f"{credential['given_name']['S']} {credential['family_name']['S']}".strip(),
        "expires_at": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    speaks = credential.get("preferred_language", text("fr"))["S"]
    headers = {"content-language": f"{speaks}-CA"}
    ticket = f"{caller.account}.{base64url(session_key)}"
    if transport == "bearer":
        return answer(200, body | {"token": ticket}, headers=headers)
    tag = mac(NAMES["key"], "device", caller.account)[:4].hex()
    max_age = f"; Max-Age={absolute}" if remember == "me" else ""
    cookies = [
        f"__Host-session={ticket}; Secure; HttpOnly; SameSite=Lax; Path=/{max_age}",
        f"__Host-device-{tag}={base64url(device_key)}; Secure; HttpOnly; SameSite=Strict; Path=/; "
        f"Max-Age={DEVICE_LIFETIME}",
    ]
    return answer(200, body, headers=headers, cookies=cookies)


@answering
def handler(request):
    caller = read(request, edge=EDGE, names=NAMES, fields={"account", "password", "remember", "transport"})
    password, remember = caller.form.get("password"), caller.form.get("remember", "none")
    transport = caller.form.get("transport", "cookie")
    if not isinstance(password, str) or remember not in tuple(LIFETIMES) or transport not in ("cookie", "bearer"):
        raise Refusal(400)
    try:
        password = unicodedata.normalize("NFKC", password).encode()
    except UnicodeEncodeError:
        raise Refusal(400) from None

    credential, tries, failed_outside = count(caller)
    ok = is_right(password, credential) and credential["active"]["BOOL"]
    log(level="INFO", message="sign-in", account=caller.account_key[:12], client_class=caller.network, ok=ok)
    if not ok:
        dynamodb.put_item(**event(caller, "sign-in-refused"))
        raise Refusal(401)
    return open_session(caller, credential, tries, failed_outside, remember, transport)
