import { TransactWriteItemsCommand } from "@aws-sdk/client-dynamodb";
import { run } from "./runtime.mjs";
import {
  DAY,
  HOUR,
  MINUTE,
  Refusal,
  answer,
  answering,
  dynamodb,
  env,
  log,
  number,
  read,
  readSecrets,
  refusedAt,
  text,
} from "./shared.mjs";

const KIND = "request-reset";
// Requests of one kind for a name within two minutes are one.
const BUCKET = 2 * MINUTE;
const OF_A_NAME = [
  [3, HOUR],
  [6, DAY],
];
const FROM_AN_ADDRESS = [
  [60, 10 * MINUTE],
  [1000, DAY],
];

const [edge, names] = await readSecrets("EDGE_SECRET", "NAMES_SECRET");

function spendings({ network, accountKey, addressKey, now }, queue) {
  const each =
    (subject) =>
    ([count, length]) => {
      const stretch = Math.floor(now / length);
      return { counter: `${subject}#${length}#${stretch}`, count, endsAt: (stretch + 1) * length };
    };
  const ofName = OF_A_NAME.map(each(`${KIND}#name#${queue}#${accountKey}`));
  return network === "U" ? [...ofName, ...FROM_AN_ADDRESS.map(each(`${KIND}#address#${addressKey}`))] : ofName;
}

const spend = ({ counter, count, endsAt }) => ({
  Update: {
    TableName: env.THROTTLES_TABLE,
    Key: { counter: text(counter) },
    UpdateExpression: "SET #ttl = :ttl ADD spent :one",
    ConditionExpression: "attribute_not_exists(spent) OR spent < :count",
    ExpressionAttributeNames: { "#ttl": "ttl" },
    ExpressionAttributeValues: { ":ttl": number(endsAt), ":one": number(1), ":count": number(count) },
  },
});

async function requestReset(event) {
  const caller = read({ event, edge, names, fields: ["account"] });
  const { account, accountKey, network, device, now } = caller;
  const queue = network === "U" ? "U" : "T";
  const spent = spendings(caller, queue);
  const request = {
    account_key: text(accountKey),
    request: text(`${KIND}#${queue}#${Math.floor(now / BUCKET)}`),
    requested_account: text(account),
    kind: text(KIND),
    client_class: text(network),
    device: text(device),
    created_at: number(now),
    attempts: number(0),
    mailbox_charged: { BOOL: false },
    schema_version: number(1),
    status: text("pending"),
    queue: text(queue === "U" ? "untrusted" : "trusted"),
    next_attempt_at: number(now),
    ttl: number(now + 30 * DAY),
  };
  const put = {
    Put: {
      TableName: env.MAIL_REQUESTS_TABLE,
      Item: request,
      ConditionExpression: "attribute_not_exists(account_key)",
    },
  };
  try {
    await dynamodb.send(new TransactWriteItemsCommand({ TransactItems: [...spent.map(spend), put] }));
  } catch (error) {
    const refused = refusedAt(error);
    if (refused === undefined) {
      throw error;
    }
    // What is there already is this very request, and spends nothing.
    if (!refused.includes(spent.length)) {
      throw new Refusal(429, Math.max(...refused.map((at) => spent[at].endsAt)) - now);
    }
  }
  log({ level: "INFO", message: "asked", account: accountKey.slice(0, 12), client_class: network });
  return answer(202, {});
}

await run(answering(requestReset));
