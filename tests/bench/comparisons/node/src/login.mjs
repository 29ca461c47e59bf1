import { randomBytes } from "node:crypto";
import {
  BatchGetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { verify } from "@node-rs/argon2";
import {
  BREAKER,
  accountRetryAfter,
  addSourceFailure,
  compareAndSetHistory,
  readBreaker,
  readHistory,
  readSource,
  recordBreakerFailure,
  recordFailure,
  refund,
  refundBreaker,
  removeSourceFailures,
  sourceRetryAfter,
  updateBreaker,
} from "./counters.mjs";
import { run } from "./runtime.mjs";
import {
  ApiError,
  DAY,
  HOUR,
  dynamodb,
  env,
  log,
  mac,
  number,
  parseRequest,
  readSecrets,
  response,
  sha256,
  text,
  withErrorResponses,
} from "./shared.mjs";

const MAX_SESSIONS = 10;
const DEVICE_LIFETIME = 180 * DAY;
// Absolute and idle timeout.
const LIFETIMES = { me: [30 * DAY, 14 * DAY], name: [12 * HOUR, HOUR], none: [12 * HOUR, HOUR] };
// Accounts without a password cost the same work.
const DECOY = `$argon2id$v=19$m=${env.HASH_MEMORY_KIB},t=${env.HASH_PASSES},p=1$${"A".repeat(22)}$${"A".repeat(43)}`;

const [edge, names, pepper] = await readSecrets("EDGE_SECRET", "PSEUDONYM_SECRET", "PEPPER_SECRET");
const secret = Buffer.from(pepper.key);

// Counts the attempt before the password is checked: on the account's limits and, for untrusted clients, on those of
// the source and on the circuit breaker.
async function reserve({ account, accountKey, sourceKey, clientClass, now }) {
  const counter = `login#${clientClass}#${accountKey}`;
  const sourceCounter = `login#address#${sourceKey}`;
  const { Responses, UnprocessedKeys } = await dynamodb.send(
    new BatchGetItemCommand({
      RequestItems: {
        [env.CREDENTIALS_TABLE]: { Keys: [{ account: text(account) }], ConsistentRead: true },
        [env.THROTTLES_TABLE]: {
          Keys: [counter, sourceCounter, BREAKER].map((name) => ({ counter: text(name) })),
          ConsistentRead: true,
        },
      },
    }),
  );
  if (Object.keys(UnprocessedKeys ?? {}).length > 0) {
    throw new Error("a part of the batch was not processed");
  }
  const [credential] = Responses[env.CREDENTIALS_TABLE];
  const found = new Map(Responses[env.THROTTLES_TABLE].map((item) => [item.counter.S, item]));
  const isUntrusted = clientClass === "U";
  const seen = readHistory(found.get(counter));
  const source = readSource(found.get(sourceCounter));
  const breaker = readBreaker(found.get(BREAKER));
  const logId = accountKey.slice(0, 12);
  const retryAfter = Math.max(
    accountRetryAfter(clientClass, seen, now),
    isUntrusted ? sourceRetryAfter(source, logId, now) : 0,
    isUntrusted ? breaker.open_until - now : 0,
  );
  if (retryAfter > 0) {
    throw new ApiError(429, retryAfter);
  }

  const history = recordFailure(clientClass, seen, now);
  const items = [compareAndSetHistory(counter, clientClass, seen, history, now)];
  if (!isUntrusted) {
    await dynamodb.send(new TransactWriteItemsCommand({ TransactItems: items }));
    return { credential, counter, history };
  }
  items.push(addSourceFailure(sourceCounter, source, logId, now));
  const breakerState = recordBreakerFailure(breaker, now);
  await Promise.all([
    dynamodb.send(new TransactWriteItemsCommand({ TransactItems: items })),
    dynamodb.send(new UpdateItemCommand(updateBreaker(breaker, breakerState, now))),
  ]);
  const failures = source.failures.filter((failure) => failure.account === logId);
  failures.push({ name: String(source.total + 1), at: now });
  return { credential, counter, history, untrusted: { sourceCounter, failures, breakerState } };
}

async function passwordMatches(password, credential) {
  const stored = credential?.phc && credential.key_id ? credential : undefined;
  if (stored && stored.key_id.S !== pepper.id) {
    throw new Error(`no pepper with the id ${stored.key_id.S}`);
  }
  return verify(stored?.phc.S ?? DECOY, password.normalize("NFKC"), { secret });
}

// Removes the account's failures at its source, also from the circuit breaker. The items may have expired.
async function resolveFailures({ sourceCounter, failures, breakerState }) {
  const updates = [
    removeSourceFailures(
      sourceCounter,
      failures.map(({ name }) => name),
    ),
    refundBreaker(
      breakerState,
      failures.map(({ at }) => at),
    ),
  ];
  const sent = updates.map((update) =>
    dynamodb.send(new UpdateItemCommand(update)).catch((error) => {
      if (error.name !== "ConditionalCheckFailedException") {
        throw error;
      }
    }),
  );
  await Promise.all(sent);
}

const event = ({ accountKey, clientClass, device, now }, kind) => ({
  TableName: env.EVENTS_TABLE,
  Item: {
    account_key: text(accountKey),
    at_id: text(`${String(Date.now()).padStart(15, "0")}#${randomBytes(4).toString("hex")}`),
    ttl: number(now + 90 * DAY),
    happened_at: number(now),
    what: text(kind),
    client_class: text(clientClass),
    device: text(device),
  },
});

async function startSession(caller, { credential, counter, history, untrusted }, remember, transport) {
  const { account, clientClass, device, now } = caller;
  const [{ Items }] = await Promise.all([
    dynamodb.send(
      new QueryCommand({
        TableName: env.SESSIONS_TABLE,
        ConsistentRead: true,
        KeyConditionExpression: "account = :value",
        ExpressionAttributeValues: { ":value": text(account) },
      }),
    ),
    untrusted && resolveFailures(untrusted),
  ]);
  const newestFirst = Items.sort((one, other) => other.created_at.N - one.created_at.N);
  const surplus = newestFirst.slice(MAX_SESSIONS - 1, 2 * MAX_SESSIONS - 1);

  const sessionKey = randomBytes(32);
  const deviceKey = randomBytes(16);
  const { version } = credential;
  const [absolute, idle] = LIFETIMES[remember];
  const session = {
    account: text(account),
    secret_hash: text(sha256(sessionKey)),
    version,
    remember: text(remember),
    transport: text(transport),
    created_at: number(now),
    last_used_at: number(now),
    idle_ends_at: number(now + idle),
    ends_at: number(now + absolute),
    device: text(device),
    ttl: number(now + absolute),
  };
  const knownDevice = {
    account: text(account),
    cookie_hash: text(sha256(deviceKey)),
    version,
    issued_at: number(now),
    ttl: number(now + DEVICE_LIFETIME),
  };
  const items = [
    { Put: { TableName: env.SESSIONS_TABLE, Item: session, ConditionExpression: "attribute_not_exists(account)" } },
    { Put: event(caller, "signed-in") },
    // A bearer client cannot store a device cookie.
    ...(transport === "cookie" ? [{ Put: { TableName: env.DEVICES_TABLE, Item: knownDevice } }] : []),
    ...surplus.map(({ account, secret_hash }) => ({
      Delete: { TableName: env.SESSIONS_TABLE, Key: { account, secret_hash } },
    })),
    refund(counter, clientClass, history),
  ];
  await dynamodb.send(new TransactWriteItemsCommand({ TransactItems: items }));

  const token = `${account}.${sessionKey.toString("base64url")}`;
  const body = {
    account,
    name: `${credential.given_name.S} ${credential.family_name.S}`.trim(),
    expires_at: new Date(Math.min(now + idle, now + absolute) * 1000).toISOString().replace(".000", ""),
  };
  const headers = { "content-language": credential.preferred_language?.S === "en" ? "en-CA" : "fr-CA" };
  if (transport === "bearer") {
    return response(200, { ...body, token }, { headers });
  }
  const maxAge = remember === "me" ? `; Max-Age=${absolute}` : "";
  const suffix = mac(names.key, "device", account).toString("hex", 0, 4);
  const cookies = [
    `__Host-session=${token}; Secure; HttpOnly; SameSite=Lax; Path=/${maxAge}`,
    `__Host-device-${suffix}=${deviceKey.toString("base64url")}; Secure; HttpOnly; SameSite=Strict; Path=/; ` +
      `Max-Age=${DEVICE_LIFETIME}`,
  ];
  return response(200, body, { headers, cookies });
}

async function login(request) {
  const caller = parseRequest({ event: request, edge, names, fields: ["account", "password", "remember", "transport"] });
  const { password, remember = "none", transport = "cookie" } = caller.form;
  const isValid =
    typeof password === "string" &&
    password.isWellFormed() &&
    Object.keys(LIFETIMES).includes(remember) &&
    ["cookie", "bearer"].includes(transport);
  if (!isValid) {
    throw new ApiError(400);
  }
  const attempt = await reserve(caller);
  const matches = await passwordMatches(password, attempt.credential);
  const isSuccess = matches && attempt.credential.active.BOOL;
  const { accountKey, clientClass } = caller;
  const outcome = isSuccess ? "success" : "refused";
  log({ level: "INFO", message: "sign-in", account: accountKey.slice(0, 12), client_class: clientClass, outcome });
  if (!isSuccess) {
    await dynamodb.send(new PutItemCommand(event(caller, "sign-in-refused")));
    throw new ApiError(401);
  }
  return startSession(caller, attempt, remember, transport);
}

await run(withErrorResponses(login));
