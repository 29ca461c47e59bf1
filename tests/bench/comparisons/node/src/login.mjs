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
  BRAKE,
  addressWait,
  advance,
  advanceAddress,
  advanceBrake,
  brakeWithOneMore,
  giveBack,
  readAddress,
  readBrake,
  readTries,
  releaseBrake,
  takeAway,
  triesWait,
  withOneMore,
} from "./counters.mjs";
import { run } from "./runtime.mjs";
import {
  DAY,
  HOUR,
  Refusal,
  answer,
  answering,
  dynamodb,
  env,
  log,
  mac,
  number,
  read,
  readSecrets,
  sha256,
  text,
} from "./shared.mjs";

const MAX_SESSIONS = 10;
const DEVICE_LIFETIME = 180 * DAY;
// How long a session lasts at most, and unused.
const LIFETIMES = { me: [30 * DAY, 14 * DAY], name: [12 * HOUR, HOUR], none: [12 * HOUR, HOUR] };
// Who has no password costs the same work.
const DECOY = `$argon2id$v=19$m=${env.HASH_MEMORY_KIB},t=${env.HASH_PASSES},p=1$${"A".repeat(22)}$${"A".repeat(43)}`;

const [edge, names, pepper] = await readSecrets("EDGE_SECRET", "NAMES_SECRET", "PEPPER_SECRET");
const secret = Buffer.from(pepper.key);

// Counts the attempt before it is made: on the account's budget and, from outside, on the address and on the brake.
async function count({ account, accountKey, addressKey, network, now }) {
  const counter = `login#${network}#${accountKey}`;
  const address = `login#address#${addressKey}`;
  const { Responses, UnprocessedKeys } = await dynamodb.send(
    new BatchGetItemCommand({
      RequestItems: {
        [env.CREDENTIALS_TABLE]: { Keys: [{ account: text(account) }], ConsistentRead: true },
        [env.THROTTLES_TABLE]: {
          Keys: [counter, address, BRAKE].map((name) => ({ counter: text(name) })),
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
  const isOutside = network === "U";
  const seen = readTries(found.get(counter));
  const there = readAddress(found.get(address));
  const brake = readBrake(found.get(BRAKE));
  const brief = accountKey.slice(0, 12);
  const wait = Math.max(
    triesWait(network, seen, now),
    isOutside ? addressWait(there, brief, now) : 0,
    isOutside ? brake.until - now : 0,
  );
  if (wait > 0) {
    throw new Refusal(429, wait);
  }

  const tries = withOneMore(network, seen, now);
  const reserved = [advance(counter, network, seen, tries, now)];
  if (!isOutside) {
    await dynamodb.send(new TransactWriteItemsCommand({ TransactItems: reserved }));
    return { credential, counter, tries };
  }
  reserved.push(advanceAddress(address, there, brief, now));
  const braking = brakeWithOneMore(brake, now);
  await Promise.all([
    dynamodb.send(new TransactWriteItemsCommand({ TransactItems: reserved })),
    dynamodb.send(new UpdateItemCommand(advanceBrake(brake, braking, now))),
  ]);
  const own = there.failures.filter((failure) => failure.account === brief);
  own.push({ name: String(there.total + 1), at: now });
  return { credential, counter, tries, outside: { address, own, braking } };
}

async function isRight(password, credential) {
  const stored = credential?.phc && credential.key_id ? credential : undefined;
  if (stored && stored.key_id.S !== pepper.id) {
    throw new Error(`no pepper with the id ${stored.key_id.S}`);
  }
  return verify(stored?.phc.S ?? DECOY, password.normalize("NFKC"), { secret });
}

// What the account failed at this address counts no more, unless it is gone already.
async function resolve({ address, own, braking }) {
  const updates = [
    takeAway(
      address,
      own.map(({ name }) => name),
    ),
    releaseBrake(
      braking,
      own.map(({ at }) => at),
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

const event = ({ accountKey, network, device, now }, what) => ({
  TableName: env.EVENTS_TABLE,
  Item: {
    account_key: text(accountKey),
    at_id: text(`${String(Date.now()).padStart(15, "0")}#${randomBytes(4).toString("hex")}`),
    ttl: number(now + 90 * DAY),
    happened_at: number(now),
    what: text(what),
    client_class: text(network),
    device: text(device),
  },
});

async function openSession(caller, { credential, counter, tries, outside }, remember, transport) {
  const { account, network, device, now } = caller;
  const [{ Items }] = await Promise.all([
    dynamodb.send(
      new QueryCommand({
        TableName: env.SESSIONS_TABLE,
        ConsistentRead: true,
        KeyConditionExpression: "account = :value",
        ExpressionAttributeValues: { ":value": text(account) },
      }),
    ),
    outside && resolve(outside),
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
  const known = {
    account: text(account),
    cookie_hash: text(sha256(deviceKey)),
    version,
    issued_at: number(now),
    ttl: number(now + DEVICE_LIFETIME),
  };
  const items = [
    { Put: { TableName: env.SESSIONS_TABLE, Item: session, ConditionExpression: "attribute_not_exists(account)" } },
    { Put: event(caller, "signed-in") },
    // A client without cookies has no place to keep a device's.
    ...(transport === "cookie" ? [{ Put: { TableName: env.DEVICES_TABLE, Item: known } }] : []),
    ...surplus.map(({ account, secret_hash }) => ({
      Delete: { TableName: env.SESSIONS_TABLE, Key: { account, secret_hash } },
    })),
    giveBack(counter, network, tries),
  ];
  await dynamodb.send(new TransactWriteItemsCommand({ TransactItems: items }));

  const ticket = `${account}.${sessionKey.toString("base64url")}`;
  const body = {
    account,
    name: `${credential.given_name.S} ${credential.family_name.S}`.trim(),
    expires_at: new Date(Math.min(now + idle, now + absolute) * 1000).toISOString().replace(".000", ""),
  };
  const headers = { "content-language": credential.speaks?.S === "en" ? "en-CA" : "fr-CA" };
  if (transport === "bearer") {
    return answer(200, { ...body, token: ticket }, { headers });
  }
  const maxAge = remember === "me" ? `; Max-Age=${absolute}` : "";
  const tag = mac(names.key, "device", account).toString("hex", 0, 4);
  const cookies = [
    `__Host-session=${ticket}; Secure; HttpOnly; SameSite=Lax; Path=/${maxAge}`,
    `__Host-device-${tag}=${deviceKey.toString("base64url")}; Secure; HttpOnly; SameSite=Strict; Path=/; ` +
      `Max-Age=${DEVICE_LIFETIME}`,
  ];
  return answer(200, body, { headers, cookies });
}

async function login(request) {
  const caller = read({ event: request, edge, names, fields: ["account", "password", "remember", "transport"] });
  const { password, remember = "none", transport = "cookie" } = caller.form;
  const isForm =
    typeof password === "string" &&
    password.isWellFormed() &&
    Object.keys(LIFETIMES).includes(remember) &&
    ["cookie", "bearer"].includes(transport);
  if (!isForm) {
    throw new Refusal(400);
  }
  const counted = await count(caller);
  const right = await isRight(password, counted.credential);
  const ok = right && counted.credential.active.BOOL;
  const { accountKey, network } = caller;
  log({ level: "INFO", message: "sign-in", account: accountKey.slice(0, 12), client_class: network, ok });
  if (!ok) {
    await dynamodb.send(new PutItemCommand(event(caller, "sign-in-refused")));
    throw new Refusal(401);
  }
  return openSession(caller, counted, remember, transport);
}

await run(answering(login));
