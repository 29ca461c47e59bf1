// Limits on password attempts: of an account, of an untrusted source, and the circuit breaker.
import { DAY, HOUR, MINUTE, env, number, text } from "./shared.mjs";

const { min_length: minLength } = JSON.parse(env.PASSWORD_POLICY);
const TOTAL_LIMIT = minLength <= 5 ? 20 : minLength <= 7 ? 50 : 100;
// Per client class. Windows are [maximum, length].
const ATTEMPT_LIMITS = {
  M: {
    short: [
      [5, 15 * MINUTE],
      [15, DAY],
    ],
    long: [80, 30 * DAY],
    longestWindow: 30 * DAY,
    retention: 30 * DAY,
  },
  U: {
    short: [
      [5, 15 * MINUTE],
      [10, DAY],
    ],
    total: TOTAL_LIMIT,
    longestWindow: DAY,
    retention: 365 * DAY,
  },
};
const SOURCE_FAILURES = [
  [10, 10 * MINUTE],
  [100, DAY],
];
const SOURCE_ACCOUNTS = [20, HOUR];
const UNTRUSTED_FAILURES_PER_HOUR = Number(env.UNTRUSTED_FAILURES_PER_HOUR);
const UNTRUSTED_FAILURES_PER_DAY = Number(env.UNTRUSTED_FAILURES_PER_DAY);
const BREAKER_RETENTION = 25 * HOUR;
const BREAKER_FIELDS = ["hour_started_at", "failures_in_hour", "day_started_at", "failures_in_day", "open_until"];

const TableName = env.THROTTLES_TABLE;
const keyOf = (counter) => ({ counter: text(counter) });
const ascending = (one, other) => one - other;

// Seconds until one more event fits into a sliding window, given the past events in order of time.
function windowRetryAfter([maxEvents, length], moments, now) {
  const blocking = moments.at(-maxEvents);
  return blocking === undefined ? 0 : Math.max(0, blocking + length - now);
}

export function readHistory(item) {
  return {
    failures: item?.failures.L.map(({ N }) => Number(N)) ?? [],
    total: Number(item?.total.N ?? 0),
    cleared: Number(item?.cleared?.N ?? 0),
  };
}

export function accountRetryAfter(clientClass, { failures, total, cleared }, now) {
  const { short, long, total: limit } = ATTEMPT_LIMITS[clientClass];
  const uncleared = failures.slice(Math.max(0, failures.length - (total - cleared)));
  const longRetryAfter = long ? windowRetryAfter(long, failures, now) : total >= limit ? DAY : 0;
  return Math.max(longRetryAfter, ...short.map((window) => windowRetryAfter(window, uncleared, now)));
}

export function recordFailure(clientClass, { failures, total, cleared }, now) {
  const inWindow = failures.filter((failure) => now < failure + ATTEMPT_LIMITS[clientClass].longestWindow);
  return { failures: [...inWindow, now], total: total + 1, cleared };
}

// Fails if another attempt was counted meanwhile.
export const compareAndSetHistory = (counter, clientClass, seen, next, now) => ({
  Update: {
    TableName,
    Key: keyOf(counter),
    UpdateExpression: "SET failures = :failures, #total = :next, cleared = :cleared, #ttl = :ttl",
    ConditionExpression: seen.total === 0 ? "attribute_not_exists(failures)" : "#total = :seen",
    ExpressionAttributeNames: { "#total": "total", "#ttl": "ttl" },
    ExpressionAttributeValues: {
      ":failures": { L: next.failures.map(number) },
      ":next": number(next.total),
      ":cleared": number(next.cleared),
      ":ttl": number(now + ATTEMPT_LIMITS[clientClass].retention),
      ...(seen.total > 0 && { ":seen": number(seen.total) }),
    },
  },
});

// After a success: clears the failures of a managed network, deletes those of untrusted clients.
export function refund(counter, clientClass, { failures, total }) {
  if (clientClass === "U") {
    return { Delete: { TableName, Key: keyOf(counter) } };
  }
  return {
    Update: {
      TableName,
      Key: keyOf(counter),
      UpdateExpression: "SET failures = :failures, cleared = :total",
      ConditionExpression: "#total = :total",
      ExpressionAttributeNames: { "#total": "total" },
      ExpressionAttributeValues: { ":failures": { L: failures.slice(0, -1).map(number) }, ":total": number(total) },
    },
  };
}

export function readSource(item) {
  const failures = Object.entries(item?.failures.M ?? {});
  return {
    failures: failures.map(([name, { M }]) => ({ name, at: Number(M.at.N), account: M.account.S })),
    total: Number(item?.total.N ?? 0),
  };
}

export function sourceRetryAfter({ failures }, account, now) {
  const moments = failures.map(({ at }) => at).sort(ascending);
  const latest = new Map();
  for (const { at, account } of failures) {
    latest.set(account, Math.max(at, latest.get(account) ?? at));
  }
  const isCounted = now < latest.get(account) + SOURCE_ACCOUNTS[1];
  const byAccounts = isCounted ? 0 : windowRetryAfter(SOURCE_ACCOUNTS, [...latest.values()].sort(ascending), now);
  return Math.max(byAccounts, ...SOURCE_FAILURES.map((window) => windowRetryAfter(window, moments, now)));
}

// Each failure is a map entry of its own, so that a success can remove its own entries while others are added.
export function addSourceFailure(counter, seen, account, now) {
  const next = String(seen.total + 1);
  const failure = { M: { at: number(now), account: text(account) } };
  const update = {
    TableName,
    Key: keyOf(counter),
    UpdateExpression: "SET failures = :failures, #total = :next, #ttl = :ttl",
    ConditionExpression: "attribute_not_exists(#total)",
    ExpressionAttributeNames: { "#total": "total", "#ttl": "ttl" },
    ExpressionAttributeValues: { ":next": { N: next }, ":ttl": number(now + DAY) },
  };
  if (seen.total === 0) {
    update.ExpressionAttributeValues[":failures"] = { M: { [next]: failure } };
  } else {
    const expired = seen.failures.filter(({ at }) => at + DAY <= now).map(({ name }) => name);
    const { remove, names } = removeExpression(expired);
    update.UpdateExpression = `SET failures.#next = :failure, #total = :next, #ttl = :ttl ${remove}`;
    update.ConditionExpression = "#total = :seen";
    Object.assign(update.ExpressionAttributeNames, names, { "#next": next });
    Object.assign(update.ExpressionAttributeValues, { ":failure": failure, ":seen": number(seen.total) });
  }
  return { Update: update };
}

export function removeSourceFailures(counter, numbers) {
  const { remove, names } = removeExpression(numbers);
  return {
    TableName,
    Key: keyOf(counter),
    UpdateExpression: remove,
    ConditionExpression: "attribute_exists(failures)",
    ExpressionAttributeNames: names,
  };
}

function removeExpression(numbers) {
  const names = Object.fromEntries(numbers.map((number) => [`#failure${number}`, number]));
  const paths = Object.keys(names).map((name) => `failures.${name}`);
  return { remove: paths.length > 0 ? `REMOVE ${paths.join(", ")}` : "", names };
}

export const BREAKER = "login#circuit-breaker";

export function readBreaker(item) {
  return Object.fromEntries(BREAKER_FIELDS.map((field) => [field, Number(item?.[field].N ?? 0)]));
}

export function recordBreakerFailure(seen, now) {
  const next = (from, count, length) => (now < from + length ? [from, count + 1] : [now, 1]);
  const [hour_started_at, failures_in_hour] = next(seen.hour_started_at, seen.failures_in_hour, HOUR);
  const [day_started_at, failures_in_day] = next(seen.day_started_at, seen.failures_in_day, DAY);
  const opens = failures_in_hour >= UNTRUSTED_FAILURES_PER_HOUR || failures_in_day >= UNTRUSTED_FAILURES_PER_DAY;
  const open_until = opens ? now + HOUR : seen.open_until;
  return { hour_started_at, failures_in_hour, day_started_at, failures_in_day, open_until };
}

// All untrusted sources write to this item, so the usual write is an increment. Only the first failure of a period and
// the one that opens the breaker use compare-and-set.
export function updateBreaker(seen, next, now) {
  const isIncrement = ["hour_started_at", "day_started_at", "open_until"].every((field) => next[field] === seen[field]);
  const update = {
    TableName,
    Key: keyOf(BREAKER),
    ExpressionAttributeNames: { "#ttl": "ttl" },
    ExpressionAttributeValues: {
      ":ttl": number(now + BREAKER_RETENTION),
      ":hour_started_at": number(seen.hour_started_at),
      ":day_started_at": number(seen.day_started_at),
    },
  };
  if (isIncrement) {
    update.UpdateExpression =
      "SET failures_in_hour = failures_in_hour + :one, failures_in_day = failures_in_day + :one, #ttl = :ttl";
    update.ConditionExpression =
      "hour_started_at = :hour_started_at AND day_started_at = :day_started_at AND open_until <= :now " +
      "AND failures_in_hour < :last_of_hour AND failures_in_day < :last_of_day";
    Object.assign(update.ExpressionAttributeValues, {
      ":one": number(1),
      ":now": number(now),
      ":last_of_hour": number(UNTRUSTED_FAILURES_PER_HOUR - 1),
      ":last_of_day": number(UNTRUSTED_FAILURES_PER_DAY - 1),
    });
  } else {
    const unchanged = BREAKER_FIELDS.map((field) => `${field} = :${field}`).join(" AND ");
    const isNew = BREAKER_FIELDS.every((field) => seen[field] === 0);
    update.ConditionExpression = isNew ? `attribute_not_exists(hour_started_at) OR (${unchanged})` : unchanged;
    const assignments = BREAKER_FIELDS.map((field) => `${field} = :next_${field}`);
    update.UpdateExpression = `SET ${assignments.join(", ")}, #ttl = :ttl`;
    for (const field of BREAKER_FIELDS) {
      update.ExpressionAttributeValues[`:${field}`] = number(seen[field]);
      update.ExpressionAttributeValues[`:next_${field}`] = number(next[field]);
    }
  }
  return update;
}

export function refundBreaker(counted, moments) {
  const since = (from) => number(moments.filter((at) => at >= from).length);
  return {
    TableName,
    Key: keyOf(BREAKER),
    UpdateExpression: "SET failures_in_hour = failures_in_hour - :in_hour, failures_in_day = failures_in_day - :in_day",
    ConditionExpression:
      "hour_started_at = :hour_started_at AND day_started_at = :day_started_at " +
      "AND failures_in_hour >= :in_hour AND failures_in_day >= :in_day",
    ExpressionAttributeValues: {
      ":hour_started_at": number(counted.hour_started_at),
      ":day_started_at": number(counted.day_started_at),
      ":in_hour": since(counted.hour_started_at),
      ":in_day": since(counted.day_started_at),
    },
  };
}
