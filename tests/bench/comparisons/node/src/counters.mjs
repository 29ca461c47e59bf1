// What may be tried: the budgets of an account, of an address outside and of all of outside.
import { DAY, HOUR, MINUTE, env, number, text } from "./shared.mjs";

const { min_length: minLength } = JSON.parse(env.PASSWORD_POLICY);
const GUESSES = minLength <= 5 ? 20 : minLength <= 7 ? 50 : 100;
const BUDGETS = {
  M: {
    short: [
      [5, 15 * MINUTE],
      [15, DAY],
    ],
    long: [80, 30 * DAY],
    longest: 30 * DAY,
    kept: 30 * DAY,
  },
  U: {
    short: [
      [5, 15 * MINUTE],
      [10, DAY],
    ],
    guesses: GUESSES,
    longest: DAY,
    kept: 365 * DAY,
  },
};
const FAILURES = [
  [10, 10 * MINUTE],
  [100, DAY],
];
const ACCOUNTS = [20, HOUR];
const UNTRUSTED_FAILURES_PER_HOUR = Number(env.UNTRUSTED_FAILURES_PER_HOUR);
const UNTRUSTED_FAILURES_PER_DAY = Number(env.UNTRUSTED_FAILURES_PER_DAY);
const BRAKE_KEPT = 25 * HOUR;
const BRAKE_FIELDS = ["hour_from", "in_hour", "day_from", "in_day", "until"];

const TableName = env.THROTTLES_TABLE;
const keyOf = (counter) => ({ counter: text(counter) });
const ascending = (one, other) => one - other;

// How long until one more may come after these moments, which are in order: the one that blocks must have left.
function windowWait([count, length], moments, now) {
  const blocking = moments.at(-count);
  return blocking === undefined ? 0 : Math.max(0, blocking + length - now);
}

export function readTries(item) {
  return {
    failures: item?.failures.L.map(({ N }) => Number(N)) ?? [],
    total: Number(item?.total.N ?? 0),
    forgiven: Number(item?.forgiven?.N ?? 0),
  };
}

export function triesWait(network, { failures, total, forgiven }, now) {
  const { short, long, guesses } = BUDGETS[network];
  const unforgiven = failures.slice(Math.max(0, failures.length - (total - forgiven)));
  const lasting = long ? windowWait(long, failures, now) : total >= guesses ? DAY : 0;
  return Math.max(lasting, ...short.map((window) => windowWait(window, unforgiven, now)));
}

export function withOneMore(network, { failures, total, forgiven }, now) {
  const counted = failures.filter((failure) => now < failure + BUDGETS[network].longest);
  return { failures: [...counted, now], total: total + 1, forgiven };
}

// Nobody may have counted there since.
export const advance = (counter, network, seen, next, now) => ({
  Update: {
    TableName,
    Key: keyOf(counter),
    UpdateExpression: "SET failures = :failures, #total = :next, forgiven = :forgiven, #ttl = :ttl",
    ConditionExpression: seen.total === 0 ? "attribute_not_exists(failures)" : "#total = :seen",
    ExpressionAttributeNames: { "#total": "total", "#ttl": "ttl" },
    ExpressionAttributeValues: {
      ":failures": { L: next.failures.map(number) },
      ":next": number(next.total),
      ":forgiven": number(next.forgiven),
      ":ttl": number(now + BUDGETS[network].kept),
      ...(seen.total > 0 && { ":seen": number(seen.total) }),
    },
  },
});

// After a success: inside, the account's failures are forgiven; from outside, forgotten.
export function giveBack(counter, network, { failures, total }) {
  if (network === "U") {
    return { Delete: { TableName, Key: keyOf(counter) } };
  }
  return {
    Update: {
      TableName,
      Key: keyOf(counter),
      UpdateExpression: "SET failures = :failures, forgiven = :total",
      ConditionExpression: "#total = :total",
      ExpressionAttributeNames: { "#total": "total" },
      ExpressionAttributeValues: { ":failures": { L: failures.slice(0, -1).map(number) }, ":total": number(total) },
    },
  };
}

export function readAddress(item) {
  const failures = Object.entries(item?.failures.M ?? {});
  return {
    failures: failures.map(([name, { M }]) => ({ name, at: Number(M.at.N), account: M.account.S })),
    total: Number(item?.total.N ?? 0),
  };
}

export function addressWait({ failures }, account, now) {
  const moments = failures.map(({ at }) => at).sort(ascending);
  const latest = new Map();
  for (const { at, account } of failures) {
    latest.set(account, Math.max(at, latest.get(account) ?? at));
  }
  const isThere = now < latest.get(account) + ACCOUNTS[1];
  const ofAccounts = isThere ? 0 : windowWait(ACCOUNTS, [...latest.values()].sort(ascending), now);
  return Math.max(ofAccounts, ...FAILURES.map((window) => windowWait(window, moments, now)));
}

// Each failure is an entry of its own, so that a success takes its own away whatever others count there meanwhile.
export function advanceAddress(counter, seen, account, now) {
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
    const past = seen.failures.filter(({ at }) => at + DAY <= now).map(({ name }) => name);
    const { remove, names } = removing(past);
    update.UpdateExpression = `SET failures.#next = :failure, #total = :next, #ttl = :ttl ${remove}`;
    update.ConditionExpression = "#total = :seen";
    Object.assign(update.ExpressionAttributeNames, names, { "#next": next });
    Object.assign(update.ExpressionAttributeValues, { ":failure": failure, ":seen": number(seen.total) });
  }
  return { Update: update };
}

export function takeAway(counter, numbers) {
  const { remove, names } = removing(numbers);
  return {
    TableName,
    Key: keyOf(counter),
    UpdateExpression: remove,
    ConditionExpression: "attribute_exists(failures)",
    ExpressionAttributeNames: names,
  };
}

function removing(numbers) {
  const names = Object.fromEntries(numbers.map((number) => [`#past${number}`, number]));
  const paths = Object.keys(names).map((name) => `failures.${name}`);
  return { remove: paths.length > 0 ? `REMOVE ${paths.join(", ")}` : "", names };
}

export const BRAKE = "login#circuit-breaker";

export function readBrake(item) {
  return Object.fromEntries(BRAKE_FIELDS.map((field) => [field, Number(item?.[field].N ?? 0)]));
}

export function brakeWithOneMore(seen, now) {
  const next = (from, count, length) => (now < from + length ? [from, count + 1] : [now, 1]);
  const [hour_from, in_hour] = next(seen.hour_from, seen.in_hour, HOUR);
  const [day_from, in_day] = next(seen.day_from, seen.in_day, DAY);
  const isOver = in_hour >= UNTRUSTED_FAILURES_PER_HOUR || in_day >= UNTRUSTED_FAILURES_PER_DAY;
  return { hour_from, in_hour, day_from, in_day, until: isOver ? now + HOUR : seen.until };
}

// All of outside counts on this one item: only the first of an hour or a day, and the one that pulls the brake, must find
// it as they know it.
export function advanceBrake(seen, next, now) {
  const isPlain = ["hour_from", "day_from", "until"].every((field) => next[field] === seen[field]);
  const update = {
    TableName,
    Key: keyOf(BRAKE),
    ExpressionAttributeNames: { "#ttl": "ttl", "#until": "until" },
    ExpressionAttributeValues: {
      ":ttl": number(now + BRAKE_KEPT),
      ":hour_from": number(seen.hour_from),
      ":day_from": number(seen.day_from),
    },
  };
  if (isPlain) {
    update.UpdateExpression = "SET in_hour = in_hour + :one, in_day = in_day + :one, #ttl = :ttl";
    update.ConditionExpression =
      "hour_from = :hour_from AND day_from = :day_from AND #until <= :now " +
      "AND in_hour < :last_of_hour AND in_day < :last_of_day";
    Object.assign(update.ExpressionAttributeValues, {
      ":one": number(1),
      ":now": number(now),
      ":last_of_hour": number(UNTRUSTED_FAILURES_PER_HOUR - 1),
      ":last_of_day": number(UNTRUSTED_FAILURES_PER_DAY - 1),
    });
  } else {
    const alone =
      "hour_from = :hour_from AND in_hour = :in_hour AND day_from = :day_from AND in_day = :in_day " +
      "AND #until = :until";
    const isFirst = BRAKE_FIELDS.every((field) => seen[field] === 0);
    update.ConditionExpression = isFirst ? `attribute_not_exists(hour_from) OR (${alone})` : alone;
    update.UpdateExpression =
      "SET hour_from = :next_hour_from, in_hour = :next_in_hour, day_from = :next_day_from, " +
      "in_day = :next_in_day, #until = :next_until, #ttl = :ttl";
    for (const field of BRAKE_FIELDS) {
      update.ExpressionAttributeValues[`:${field}`] = number(seen[field]);
      update.ExpressionAttributeValues[`:next_${field}`] = number(next[field]);
    }
  }
  return update;
}

export function releaseBrake(counted, moments) {
  const since = (from) => number(moments.filter((at) => at >= from).length);
  return {
    TableName,
    Key: keyOf(BRAKE),
    UpdateExpression: "SET in_hour = in_hour - :in_hour, in_day = in_day - :in_day",
    ConditionExpression:
      "hour_from = :hour_from AND day_from = :day_from AND in_hour >= :in_hour AND in_day >= :in_day",
    ExpressionAttributeValues: {
      ":hour_from": number(counted.hour_from),
      ":day_from": number(counted.day_from),
      ":in_hour": since(counted.hour_from),
      ":in_day": since(counted.day_from),
    },
  };
}
