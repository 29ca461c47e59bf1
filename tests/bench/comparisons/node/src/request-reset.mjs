import { TransactWriteItemsCommand } from "@aws-sdk/client-dynamodb";
import { run } from "./runtime.mjs";
import {
  ApiError,
  DAY,
  HOUR,
  MINUTE,
  dynamodb,
  env,
  failedConditions,
  log,
  number,
  parseRequest,
  readSecrets,
  response,
  text,
  withErrorResponses,
} from "./shared.mjs";

const KIND = "request-reset";
// Requests for the same name within this time are one request.
const DEDUP_WINDOW = 2 * MINUTE;
const REQUESTS_PER_ACCOUNT = [
  [3, HOUR],
  [6, DAY],
];
const REQUESTS_PER_SOURCE = [
  [60, 10 * MINUTE],
  [1000, DAY],
];

const [edge, names] = await readSecrets("EDGE_SECRET", "PSEUDONYM_SECRET");

function charges({ clientClass, accountKey, sourceKey, now }, queue) {
  const charge =
    (subject) =>
    ([maxEvents, length]) => {
      const window = Math.floor(now / length);
      return { counter: `${subject}#${length}#${window}`, maxEvents, resetsAt: (window + 1) * length };
    };
  const byAccount = REQUESTS_PER_ACCOUNT.map(charge(`${KIND}#name#${queue}#${accountKey}`));
  const bySource = REQUESTS_PER_SOURCE.map(charge(`${KIND}#address#${sourceKey}`));
  return clientClass === "U" ? [...byAccount, ...bySource] : byAccount;
}

const chargeItem = ({ counter, maxEvents, resetsAt }) => ({
  Update: {
    TableName: env.THROTTLES_TABLE,
    Key: { counter: text(counter) },
    UpdateExpression: "SET #ttl = :ttl ADD spent :one",
    ConditionExpression: "attribute_not_exists(spent) OR spent < :max",
    ExpressionAttributeNames: { "#ttl": "ttl" },
    ExpressionAttributeValues: { ":ttl": number(resetsAt), ":one": number(1), ":max": number(maxEvents) },
  },
});

async function requestReset(event) {
  const caller = parseRequest({ event, edge, names, fields: ["account"] });
  const { account, accountKey, clientClass, device, now } = caller;
  const queue = clientClass === "U" ? "U" : "T";
  const charged = charges(caller, queue);
  const request = {
    account_key: text(accountKey),
    request: text(`${KIND}#${queue}#${Math.floor(now / DEDUP_WINDOW)}`),
    requested_account: text(account),
    kind: text(KIND),
    client_class: text(clientClass),
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
    await dynamodb.send(new TransactWriteItemsCommand({ TransactItems: [...charged.map(chargeItem), put] }));
  } catch (error) {
    const failed = failedConditions(error);
    if (failed === undefined) {
      throw error;
    }
    // If the request exists already, this is a duplicate, and nothing is charged.
    if (!failed.includes(charged.length)) {
      throw new ApiError(429, Math.max(...failed.map((at) => charged[at].resetsAt)) - now);
    }
  }
  log({ level: "INFO", message: "link requested", account: accountKey.slice(0, 12), client_class: clientClass });
  return response(202, {});
}

await run(withErrorResponses(requestReset));
