"""Limits on password attempts: of an account, of an untrusted source, and the circuit breaker."""

import json
import os
from dataclasses import dataclass

from .shared import DAY, HOUR, MINUTE, number, text

BREAKER = "login#circuit-breaker"

_TABLE = os.environ["THROTTLES_TABLE"]
_SOURCE_FAILURES = [(10, 10 * MINUTE), (100, DAY)]
_SOURCE_ACCOUNTS = (20, HOUR)
_FAILURES_PER_HOUR = int(os.environ["UNTRUSTED_FAILURES_PER_HOUR"])
_FAILURES_PER_DAY = int(os.environ["UNTRUSTED_FAILURES_PER_DAY"])
_BREAKER_RETENTION = 25 * HOUR
_BREAKER_FIELDS = ("hour_started_at", "failures_in_hour", "day_started_at", "failures_in_day", "open_until")


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Windows are (maximum, length)."""

    short: tuple
    longest_window: int
    retention: int
    long: tuple | None = None
    total: int | None = None


def _total_limit(min_length):
    return 20 if min_length <= 5 else 50 if min_length <= 7 else 100


_ATTEMPT_LIMITS = {
    "M": AttemptLimits(
        short=((5, 15 * MINUTE), (15, DAY)), longest_window=30 * DAY, retention=30 * DAY, long=(80, 30 * DAY)
    ),
    "U": AttemptLimits(
        short=((5, 15 * MINUTE), (10, DAY)),
        longest_window=DAY,
        retention=365 * DAY,
        total=_total_limit(json.loads(os.environ["PASSWORD_POLICY"])["min_length"]),
    ),
}


def _window_retry_after(window, moments, now):
    """Seconds until one more event fits into a sliding window, given the past events in order of time."""
    max_events, length = window
    return max(0, moments[-max_events] + length - now) if len(moments) >= max_events else 0


def _update(counter, update, condition, values, names=None):
    return {
        "TableName": _TABLE,
        "Key": {"counter": text(counter)},
        "UpdateExpression": update,
        "ConditionExpression": condition,
        "ExpressionAttributeValues": values,
        **({"ExpressionAttributeNames": names} if names else {}),
    }


def _moments(moments):
    return {"L": [number(moment) for moment in moments]}


@dataclass(frozen=True, slots=True)
class AttemptHistory:
    """The failures of an account."""

    counter: str
    limits: AttemptLimits
    failures: list
    total: int
    cleared: int

    @classmethod
    def read(cls, counter, client_class, item):
        if item is None:
            return cls(counter, _ATTEMPT_LIMITS[client_class], [], 0, 0)
        failures = [int(moment["N"]) for moment in item["failures"]["L"]]
        cleared = int(item["cleared"]["N"]) if "cleared" in item else 0
        return cls(counter, _ATTEMPT_LIMITS[client_class], failures, int(item["total"]["N"]), cleared)

    def retry_after(self, now):
        uncleared = self.failures[max(0, len(self.failures) - (self.total - self.cleared)) :]
        if self.limits.long:
            long_retry_after = _window_retry_after(self.limits.long, self.failures, now)
        else:
            long_retry_after = DAY if self.total >= self.limits.total else 0
        return max(long_retry_after, *(_window_retry_after(window, uncleared, now) for window in self.limits.short))

    def record_failure(self, now):
        in_window = [failure for failure in self.failures if now < failure + self.limits.longest_window]
        return AttemptHistory(self.counter, self.limits, [*in_window, now], self.total + 1, self.cleared)

    def compare_and_set(self, following, now):
        """Fails if another attempt was counted meanwhile."""
        values = {
            ":failures": _moments(following.failures),
            ":next": number(following.total),
            ":cleared": number(following.cleared),
            ":ttl": number(now + self.limits.retention),
        }
        if self.total:
            values[":seen"] = number(self.total)
        update = "SET failures = :failures, #total = :next, cleared = :cleared, #ttl = :ttl"
        condition = "#total = :seen" if self.total else "attribute_not_exists(failures)"
        return {"Update": _update(self.counter, update, condition, values, {"#total": "total", "#ttl": "ttl"})}

    def refund(self):
        """After a success: clears the failures of a managed network, deletes those of untrusted clients."""
        if self.limits.total:
            return {"Delete": {"TableName": _TABLE, "Key": {"counter": text(self.counter)}}}
        values = {":failures": _moments(self.failures[:-1]), ":total": number(self.total)}
        update = "SET failures = :failures, cleared = :total"
        return {"Update": _update(self.counter, update, "#total = :total", values, {"#total": "total"})}


def _remove_expression(numbers):
    names = {f"#failure{number}": number for number in numbers}
    paths = ", ".join(f"failures.{name}" for name in names)
    return f"REMOVE {paths}" if paths else "", names


@dataclass(frozen=True, slots=True)
class SourceFailures:
    """The unresolved failures of an untrusted source, by number: time and account."""

    counter: str
    failures: dict
    total: int

    @classmethod
    def read(cls, counter, item):
        if item is None:
            return cls(counter, {}, 0)
        failures = {
            name: (int(failure["M"]["at"]["N"]), failure["M"]["account"]["S"])
            for name, failure in item["failures"]["M"].items()
        }
        return cls(counter, failures, int(item["total"]["N"]))

    def retry_after(self, account, now):
        moments = sorted(at for at, _ in self.failures.values())
        by_count = max(_window_retry_after(window, moments, now) for window in _SOURCE_FAILURES)
        latest = {}
        for at, failed_account in self.failures.values():
            latest[failed_account] = max(at, latest.get(failed_account, at))
        if account in latest and now < latest[account] + _SOURCE_ACCOUNTS[1]:
            return by_count
        return max(by_count, _window_retry_after(_SOURCE_ACCOUNTS, sorted(latest.values()), now))

    def add_failure(self, account, now):
        """Each failure is a map entry of its own, so that a success can remove its own while others are added."""
        following = str(self.total + 1)
        failure = {"M": {"at": number(now), "account": text(account)}}
        names = {"#total": "total", "#ttl": "ttl"}
        values = {":next": {"N": following}, ":ttl": number(now + DAY)}
        if self.total == 0:
            update = "SET failures = :failures, #total = :next, #ttl = :ttl"
            condition = "attribute_not_exists(#total)"
            values[":failures"] = {"M": {following: failure}}
        else:
            remove, expired = _remove_expression(name for name, (at, _) in self.failures.items() if at + DAY <= now)
            update = f"SET failures.#next = :failure, #total = :next, #ttl = :ttl {remove}"
            condition = "#total = :seen"
            names |= expired | {"#next": following}
            values |= {":failure": failure, ":seen": number(self.total)}
        return {"Update": _update(self.counter, update, condition, values, names)}

    def of_account(self, account, now):
        """Numbers and times of this account's failures, the one just added included."""
        own = {name: at for name, (at, failed_account) in self.failures.items() if failed_account == account}
        return own | {str(self.total + 1): now}


def remove_source_failures(counter, numbers):
    remove, names = _remove_expression(numbers)
    return {
        "TableName": _TABLE,
        "Key": {"counter": text(counter)},
        "UpdateExpression": remove,
        "ConditionExpression": "attribute_exists(failures)",
        "ExpressionAttributeNames": names,
    }


def read_breaker(item):
    return {field: int(item[field]["N"]) if item else 0 for field in _BREAKER_FIELDS}


def record_breaker_failure(seen, now):
    def following(start, count, length):
        return (start, count + 1) if now < start + length else (now, 1)

    hour_started_at, failures_in_hour = following(seen["hour_started_at"], seen["failures_in_hour"], HOUR)
    day_started_at, failures_in_day = following(seen["day_started_at"], seen["failures_in_day"], DAY)
    opens = failures_in_hour >= _FAILURES_PER_HOUR or failures_in_day >= _FAILURES_PER_DAY
    return {
        "hour_started_at": hour_started_at,
        "failures_in_hour": failures_in_hour,
        "day_started_at": day_started_at,
        "failures_in_day": failures_in_day,
        "open_until": now + HOUR if opens else seen["open_until"],
    }


def update_breaker(seen, following, now):
    """All untrusted sources write to this item, so the usual write is an increment. Only the first failure of a period
    and the one that opens the breaker use compare-and-set."""
    if all(following[field] == seen[field] for field in ("hour_started_at", "day_started_at", "open_until")):
        update = "SET failures_in_hour = failures_in_hour + :one, failures_in_day = failures_in_day + :one, #ttl = :ttl"
        condition = (
            "hour_started_at = :hour_started_at AND day_started_at = :day_started_at AND open_until <= :now "
            "AND failures_in_hour < :last_of_hour AND failures_in_day < :last_of_day"
        )
        values = {
            ":hour_started_at": number(seen["hour_started_at"]),
            ":day_started_at": number(seen["day_started_at"]),
            ":one": number(1),
            ":now": number(now),
            ":last_of_hour": number(_FAILURES_PER_HOUR - 1),
            ":last_of_day": number(_FAILURES_PER_DAY - 1),
        }
    else:
        update = f"SET {', '.join(f'{field} = :next_{field}' for field in _BREAKER_FIELDS)}, #ttl = :ttl"
        condition = " AND ".join(f"{field} = :{field}" for field in _BREAKER_FIELDS)
        if not any(seen.values()):
            condition = f"attribute_not_exists(hour_started_at) OR ({condition})"
        values = {f":{field}": number(seen[field]) for field in _BREAKER_FIELDS}
        values |= {f":next_{field}": number(following[field]) for field in _BREAKER_FIELDS}
    values[":ttl"] = number(now + _BREAKER_RETENTION)
    return _update(BREAKER, update, condition, values, {"#ttl": "ttl"})


def refund_breaker(counted, moments):
    update = "SET failures_in_hour = failures_in_hour - :in_hour, failures_in_day = failures_in_day - :in_day"
    condition = (
        "hour_started_at = :hour_started_at AND day_started_at = :day_started_at "
        "AND failures_in_hour >= :in_hour AND failures_in_day >= :in_day"
    )
    values = {
        ":hour_started_at": number(counted["hour_started_at"]),
        ":day_started_at": number(counted["day_started_at"]),
        ":in_hour": number(sum(at >= counted["hour_started_at"] for at in moments)),
        ":in_day": number(sum(at >= counted["day_started_at"] for at in moments)),
    }
    return _update(BREAKER, update, condition, values)
