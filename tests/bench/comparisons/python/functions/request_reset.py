"""The door at which mails are asked for: the same work and the same answer for every name."""

import os

from .shared import DAY, HOUR, MINUTE, Refusal, answer, answering, dynamodb, log, number, read, read_secrets, text

KIND = "request-reset"
# Requests of one kind for a name within two minutes are one.
BUCKET = 2 * MINUTE
OF_A_NAME = [(3, HOUR), (6, DAY)]
FROM_AN_ADDRESS = [(60, 10 * MINUTE), (1000, DAY)]

EDGE, NAMES = read_secrets("EDGE_SECRET", "NAMES_SECRET")


def spend(subject, count, length, now):
    stretch = now // length
    ends_at = (stretch + 1) * length
    update = {
        "TableName": os.environ["THROTTLES_TABLE"],
        "Key": {"counter": text(f"{subject}#{length}#{stretch}")},
        "UpdateExpression": "SET #ttl = :ttl ADD spent :one",
        "ConditionExpression": "attribute_not_exists(spent) OR spent < :count",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": {":ttl": number(ends_at), ":one": number(1), ":count": number(count)},
    }
    return ends_at, {"Update": update}


@answering
def handler(event):
    caller = read(event, edge=EDGE, names=NAMES, fields={"account"})
    queue = "U" if caller.network == "U" else "T"
    spendings = [
        spend(f"{KIND}#name#{queue}#{caller.account_key}", count, length, caller.now) for count, length in OF_A_NAME
    ]
    if caller.network == "U":
        subject = f"{KIND}#address#{caller.address_key}"
        spendings += [spend(subject, count, length, caller.now) for count, length in FROM_AN_ADDRESS]
    ends, updates = zip(*spendings, strict=True)
    request = {
        "account_key": text(caller.account_key),
        "request": text(f"{KIND}#{queue}#{caller.now // BUCKET}"),
        "requested_account": text(caller.account),
        "kind": text(KIND),
        "client_class": text(caller.network),
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
        refused = [at for at, reason in enumerate(reasons) if reason["Code"] == "ConditionalCheckFailed"]
        if not refused:
            raise
        # What is there already is this very request, and spends nothing.
        if len(ends) not in refused:
            raise Refusal(429, max(ends[at] for at in refused) - caller.now) from None
    log(level="INFO", message="asked", account=caller.account_key[:12], client_class=caller.network)
    return answer(202, {})
