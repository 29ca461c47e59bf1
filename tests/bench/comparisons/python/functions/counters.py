"""What may be tried: the budgets of an account, of an address outside and of all of outside."""

import json
import os
from dataclasses import dataclass

from .shared import DAY, HOUR, MINUTE, number, text

BRAKE = "login#circuit-breaker"

_TABLE = os.environ["THROTTLES_TABLE"]
_FAILURES = [(10, 10 * MINUTE), (100, DAY)]
_ACCOUNTS = (20, HOUR)
_BRAKE_PER_HOUR = int(os.environ["UNTRUSTED_FAILURES_PER_HOUR"])
_BRAKE_PER_DAY = int(os.environ["UNTRUSTED_FAILURES_PER_DAY"])
_BRAKE_KEPT = 25 * HOUR
_BRAKE_FIELDS = ("hour_from", "in_hour", "day_from", "in_day", "until")


@dataclass(frozen=True, slots=True)
class Budget:
    short: tuple
    longest: int
    kept: int
    long: tuple | None = None
    guesses: int | None = None


def _guesses(min_length):
    return 20 if min_length <= 5 else 50 if min_length <= 7 else 100


_BUDGETS = {
    "M": Budget(short=((5, 15 * MINUTE), (15, DAY)), longest=30 * DAY, kept=30 * DAY, long=(80, 30 * DAY)),
    "U": Budget(
        short=((5, 15 * MINUTE), (10, DAY)),
        longest=DAY,
        kept=365 * DAY,
        guesses=_guesses(json.loads(os.environ["PASSWORD_POLICY"])["min_length"]),
    ),
}


def _window_wait(window, moments, now):
    """How long until one more may come after these moments, which are in order: the one that blocks must have left."""
    count, length = window
    return max(0, moments[-count] + length - now) if len(moments) >= count else 0


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
class Tries:
    """What an account's counter holds."""

    counter: str
    budget: Budget
    failures: list
    total: int
    forgiven: int

    @classmethod
    def read(cls, counter, network, item):
        if item is None:
            return cls(counter, _BUDGETS[network], [], 0, 0)
        failures = [int(moment["N"]) for moment in item["failures"]["L"]]
        forgiven = int(item["forgiven"]["N"]) if "forgiven" in item else 0
        return cls(counter, _BUDGETS[network], failures, int(item["total"]["N"]), forgiven)

    def wait(self, now):
        unforgiven = self.failures[max(0, len(self.failures) - (self.total - self.forgiven)) :]
        if self.budget.long:
            lasting = _window_wait(self.budget.long, self.failures, now)
        else:
            lasting = DAY if self.total >= self.budget.guesses else 0
        return max(lasting, *(_window_wait(window, unforgiven, now) for window in self.budget.short))

    def with_one_more(self, now):
        counted = [failure for failure in self.failures if now < failure + self.budget.longest]
        return Tries(self.counter, self.budget, [*counted, now], self.total + 1, self.forgiven)

    def advance(self, following, now):
        """Nobody may have counted there since."""
        values = {
            ":failures": _moments(following.failures),
            ":next": number(following.total),
            ":forgiven": number(following.forgiven),
            ":ttl": number(now + self.budget.kept),
        }
        if self.total:
            values[":seen"] = number(self.total)
        update = "SET failures = :failures, #total = :next, forgiven = :forgiven, #ttl = :ttl"
        condition = "#total = :seen" if self.total else "attribute_not_exists(failures)"
        return {"Update": _update(self.counter, update, condition, values, {"#total": "total", "#ttl": "ttl"})}

    def give_back(self):
        """After a success: inside, the account's failures are forgiven; from outside, forgotten."""
        if self.budget.guesses:
            return {"Delete": {"TableName": _TABLE, "Key": {"counter": text(self.counter)}}}
        values = {":failures": _moments(self.failures[:-1]), ":total": number(self.total)}
        update = "SET failures = :failures, forgiven = :total"
        return {"Update": _update(self.counter, update, "#total = :total", values, {"#total": "total"})}


def _removing(numbers):
    names = {f"#past{number}": number for number in numbers}
    paths = ", ".join(f"failures.{name}" for name in names)
    return f"REMOVE {paths}" if paths else "", names


@dataclass(frozen=True, slots=True)
class Address:
    """The unresolved failures at an address outside: by number, when and of which account."""

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

    def wait(self, account, now):
        moments = sorted(at for at, _ in self.failures.values())
        wait = max(_window_wait(window, moments, now) for window in _FAILURES)
        latest = {}
        for at, whose in self.failures.values():
            latest[whose] = max(at, latest.get(whose, at))
        if account in latest and now < latest[account] + _ACCOUNTS[1]:
            return wait
        return max(wait, _window_wait(_ACCOUNTS, sorted(latest.values()), now))

    def advance(self, account, now):
        """Each failure is an entry of its own, so that a success takes its own away whatever others count there."""
        following = str(self.total + 1)
        failure = {"M": {"at": number(now), "account": text(account)}}
        names = {"#total": "total", "#ttl": "ttl"}
        values = {":next": {"N": following}, ":ttl": number(now + DAY)}
        if self.total == 0:
            update = "SET failures = :failures, #total = :next, #ttl = :ttl"
            condition = "attribute_not_exists(#total)"
            values[":failures"] = {"M": {following: failure}}
        else:
            remove, past = _removing(name for name, (at, _) in self.failures.items() if at + DAY <= now)
            update = f"SET failures.#next = :failure, #total = :next, #ttl = :ttl {remove}"
            condition = "#total = :seen"
            names |= past | {"#next": following}
            values |= {":failure": failure, ":seen": number(self.total)}
        return {"Update": _update(self.counter, update, condition, values, names)}

    def own(self, account, now):
        """This account's failures there, the one that was just counted included."""
        own = {name: at for name, (at, whose) in self.failures.items() if whose == account}
        return own | {str(self.total + 1): now}


def take_away(counter, numbers):
    remove, names = _removing(numbers)
    return {
        "TableName": _TABLE,
        "Key": {"counter": text(counter)},
        "UpdateExpression": remove,
        "ConditionExpression": "attribute_exists(failures)",
        "ExpressionAttributeNames": names,
    }


def read_brake(item):
    return {field: int(item[field]["N"]) if item else 0 for field in _BRAKE_FIELDS}


def brake_with_one_more(seen, now):
    def following(start, count, length):
        return (start, count + 1) if now < start + length else (now, 1)

    hour_from, in_hour = following(seen["hour_from"], seen["in_hour"], HOUR)
    day_from, in_day = following(seen["day_from"], seen["in_day"], DAY)
    is_over = in_hour >= _BRAKE_PER_HOUR or in_day >= _BRAKE_PER_DAY
    until = now + HOUR if is_over else seen["until"]
    return {"hour_from": hour_from, "in_hour": in_hour, "day_from": day_from, "in_day": in_day, "until": until}


def advance_brake(seen, following, now):
    """All of outside counts on this one item: only the first of an hour or a day, and the one that pulls the brake,
    must find it as they know it."""
    names = {"#ttl": "ttl", "#until": "until"}
    if all(following[field] == seen[field] for field in ("hour_from", "day_from", "until")):
        update = "SET in_hour = in_hour + :one, in_day = in_day + :one, #ttl = :ttl"
        condition = (
            "hour_from = :hour_from AND day_from = :day_from AND #until <= :now "
            "AND in_hour < :last_of_hour AND in_day < :last_of_day"
        )
        values = {
            ":hour_from": number(seen["hour_from"]),
            ":day_from": number(seen["day_from"]),
            ":one": number(1),
            ":now": number(now),
            ":last_of_hour": number(_BRAKE_PER_HOUR - 1),
            ":last_of_day": number(_BRAKE_PER_DAY - 1),
        }
    else:
        update = (
            "SET hour_from = :next_hour_from, in_hour = :next_in_hour, day_from = :next_day_from, "
            "in_day = :next_in_day, #until = :next_until, #ttl = :ttl"
        )
        condition = (
            "hour_from = :hour_from AND in_hour = :in_hour AND day_from = :day_from AND in_day = :in_day "
            "AND #until = :until"
        )
        if not any(seen.values()):
            condition = f"attribute_not_exists(hour_from) OR ({condition})"
        values = {f":{field}": number(seen[field]) for field in _BRAKE_FIELDS}
        values |= {f":next_{field}": number(following[field]) for field in _BRAKE_FIELDS}
    values[":ttl"] = number(now + _BRAKE_KEPT)
    return _update(BRAKE, update, condition, values, names)


def release_brake(counted, moments):
    update = "SET in_hour = in_hour - :in_hour, in_day = in_day - :in_day"
    condition = "hour_from = :hour_from AND day_from = :day_from AND in_hour >= :in_hour AND in_day >= :in_day"
    values = {
        ":hour_from": number(counted["hour_from"]),
        ":day_from": number(counted["day_from"]),
        ":in_hour": number(sum(at >= counted["hour_from"] for at in moments)),
        ":in_day": number(sum(at >= counted["day_from"] for at in moments)),
    }
    return _update(BRAKE, update, condition, values)
