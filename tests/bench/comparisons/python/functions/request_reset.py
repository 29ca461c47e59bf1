"""Accepts a request for a link. The work and the response are the same for every name."""

import os

from .shared import (
    DAY,
    HOUR,
    MINUTE,
    ApiError,
    dynamodb,
    log,
    number,
    parse_request,
    read_secrets,
    response,
    text,
    with_error_responses,
)

KIND = "request-reset"
# Requests for the same name within this time are one request.
DEDUP_WINDOW = 2 * MINUTE
REQUESTS_PER_ACCOUNT = [(3, HOUR), (6, DAY)]
REQUESTS_PER_SOURCE = [(60, 10 * MINUTE), (1000, DAY)]

EDGE, NAMES = read_secrets("EDGE_SECRET", "PSEUDONYM_SECRET")


def charge(subject, max_events, length, now):
    window = now // length
    resets_at = (window + 1) * length
    update = {
        "TableName": os.environ["THROTTLES_TABLE"],
        "Key": {"counter": text(f"{subject}#{length}#{window}")},
        "UpdateExpression": "SET #ttl = :ttl ADD spent :one",
        "ConditionExpression": "attribute_not_exists(spent) OR spent < :max",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": {":ttl": number(resets_at), ":one": number(1), ":max": number(max_events)},
    }
    return resets_at, {"Update": update}


@with_error_responses
def handler(event):
    caller = parse_request(event, edge=EDGE, names=NAMES, fields={"account"})
    queue = "U" if caller.client_class == "U" else "T"
    account = f"{KIND}#name#{queue}#{caller.account_key}"
    charges = [charge(account, max_events, length, caller.now) for max_events, length in REQUESTS_PER_ACCOUNT]
    if caller.client_class == "U":
        source = f"{KIND}#address#{caller.source_key}"
        charges += [charge(source, max_events, length, caller.now) for max_events, length in REQUESTS_PER_SOURCE]
    resets, updates = zip(*charges, strict=True)
    request = {
        "account_key": text(caller.account_key),
        "request": text(f"{KIND}#{queue}#{caller.now // DEDUP_WINDOW}"),
        "requested_account": text(caller.account),
        "kind": text(KIND),
        "client_class": text(caller.client_class),
        "device": text(caller.device),
        "created_at": number(caller.now),
        "attempts": number(0),
        "mailbox_charged": {"BOOL": False},
        "schema_version": number(1),
        "status": text("pending"),
        "queue": text("untrusted" if queue == "U" else "trusted"),
        "next_attempt_at": number(caller.now),
        "ttl": number(caller.now + 30 * DAY),
    }
    put = {
        "TableName": os.environ["MAIL_REQUESTS_TABLE"],
        "Item": request,
        "ConditionExpression": "attribute_not_exists(account_key)",
    }
    try:
        dynamodb.transact_write_items(TransactItems=[*updates, {"Put": put}])
    except dynamodb.exceptions.TransactionCanceledException as error:
        reasons = error.response["CancellationReasons"]
        failed = [at for at, reason in enumerate(reasons) if reason["Code"] == "ConditionalCheckFailed"]
        if not failed:
            raise
        # If the request exists already, this is a duplicate, and nothing is charged.
        if len(resets) not in failed:
            raise ApiError(429, max(resets[at] for at in failed) - caller.now) from None
    log(level="INFO", message="link requested", account=caller.account_key[:12], client_class=caller.client_class)
    return response(202, {})
