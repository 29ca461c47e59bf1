import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { BlockList, isIP } from "node:net";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { NodeHttpHandler } from "@smithy/node-http-handler";

export const { env } = process;
export const MINUTE = 60;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const requestHandler = new NodeHttpHandler({
  connectionTimeout: 1000,
  requestTimeout: 1000,
  throwOnRequestTimeout: true,
});
const options = { maxAttempts: 3, requestHandler };
export const dynamodb = new DynamoDBClient(options);
const secretsManager = new SecretsManagerClient(options);

export async function readSecrets(...variables) {
  const read = async (variable) => {
    const answer = await secretsManager.send(new GetSecretValueCommand({ SecretId: env[variable] }));
    return JSON.parse(answer.SecretString);
  };
  return Promise.all(variables.map(read));
}

export const text = (value) => ({ S: value });
export const number = (value) => ({ N: String(value) });
export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("base64url");

// With its length before each field, no two lists of fields are the same text.
export function mac(key, ...fields) {
  const hmac = createHmac("sha256", key);
  for (const field of fields) {
    const bytes = Buffer.from(field);
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(bytes.length));
    hmac.update(length).update(bytes);
  }
  return hmac.digest();
}

export const log = (fields) => console.log(JSON.stringify(fields));

const TITLES = {
  400: ["invalid-request", "the request is not what this route takes"],
  401: ["invalid-credentials", "the account or the password is wrong"],
  403: ["cross-site", "the request comes from another site"],
  413: ["too-large", "the body is too large"],
  415: ["not-json", "the body is not application/json"],
  429: ["too-many-attempts", "too many attempts"],
  503: ["unavailable", "something that is needed does not answer"],
};

export class Refusal extends Error {
  constructor(status, wait) {
    super(TITLES[status][1]);
    Object.assign(this, { status, wait });
  }
}

const HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=63072000; includeSubDomains",
  "x-frame-options": "DENY",
};

export function answer(statusCode, body, { cookies = [], headers = {}, type = "json" } = {}) {
  headers = { ...HEADERS, "content-type": `application/${type}; charset=utf-8`, ...headers };
  return { statusCode, headers, cookies, body: JSON.stringify(body), isBase64Encoded: false };
}

// A refusal becomes its answer; whatever else is thrown is a fault of ours.
export function answering(handle) {
  return async (event) => {
    try {
      return await handle(event);
    } catch (error) {
      const { status, wait } = error instanceof Refusal ? error : { status: 503, wait: 5 };
      if (status === 503) {
        log({ level: "ERROR", message: "unavailable", error: error.stack });
      }
      const [code, title] = TITLES[status];
      const headers = wait === undefined ? {} : { "retry-after": String(Math.min(Math.max(wait, 1), DAY)) };
      const problem = { type: `urn:guichet:problem:${code}`, title, status, code };
      return answer(status, problem, { headers, type: "problem+json" });
    }
  };
}

// Positions at which a condition did not hold, or undefined where the transaction failed of something else.
export function refusedAt(error) {
  const reasons = error.name === "TransactionCanceledException" ? error.CancellationReasons : [];
  const refused = [...reasons.keys()].filter((at) => reasons[at].Code === "ConditionalCheckFailed");
  return refused.length > 0 ? refused : undefined;
}

const managed = new BlockList();
for (const cidr of env.MANAGED_NETWORKS.split(",").map((cidr) => cidr.trim())) {
  const [network, length] = cidr.split("/");
  if (network) {
    managed.addSubnet(network, Number(length), `ipv${isIP(network)}`);
  }
}

// An IPv4 address, or the IPv6 network of 64 bits, which one client has to itself.
function whereabouts(address) {
  const family = isIP(address);
  if (family !== 6 || address.includes("%")) {
    return family === 4 ? address : "::";
  }
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head, tail] = canonical.split("::").map((half) => (half ? half.split(":") : []));
  const groups = tail ? [...head, ...Array(8 - head.length - tail.length).fill("0"), ...tail] : head;
  if (groups.slice(0, 6).join() === "0,0,0,0,0,ffff") {
    return groups
      .slice(6)
      .flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255])
      .join(".");
  }
  return `${groups
    .slice(0, 4)
    .join(":")
    .replace(/(^|:)0(:0)*$/, "")}::`;
}

const BROWSERS = [
  ["Edg", "Edge"],
  ["OPR/", "Opera"],
  ["Firefox/", "Firefox"],
  ["FxiOS/", "Firefox"],
  ["Chrome/", "Chrome"],
  ["CriOS/", "Chrome"],
  ["Safari/", "Safari"],
];
const SYSTEMS = [
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Android", "Android"],
  ["Windows", "Windows"],
  ["Mac OS X", "macOS"],
  ["CrOS", "ChromeOS"],
  ["Linux", "Linux"],
];

function coarseDevice(userAgent) {
  const first = (table) => table.find(([mark]) => userAgent.includes(mark))?.[1] ?? "-";
  return `${first(BROWSERS)} · ${first(SYSTEMS)}`;
}

function addressOf({ headers, requestContext }, edge) {
  const proof = headers["x-guichet-origin-secret"];
  if (proof === undefined) {
    return requestContext.http.sourceIp;
  }
  const digest = (text) => createHash("sha256").update(text).digest();
  if (![edge, edge.previous].some((ring) => ring && timingSafeEqual(digest(proof), digest(ring.key)))) {
    throw new Refusal(403);
  }
  return headers["x-viewer-address"] ?? "";
}

// Who calls and what they send: JSON with none but these fields, from our own page or no browser.
export function read({ event, edge, names, fields }) {
  const { headers } = event;
  const body = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  if (body.length > 4096) {
    throw new Refusal(413);
  }
  if (headers["content-type"]?.split(";")[0].trim().toLowerCase() !== "application/json") {
    throw new Refusal(415);
  }
  const site = headers["sec-fetch-site"];
  const { origin } = headers;
  if (site === undefined ? origin !== undefined && origin !== env.PORTAL_URL : site !== "same-origin") {
    throw new Refusal(403);
  }
  const address = addressOf(event, edge);

  let form;
  try {
    form = JSON.parse(body.toString());
  } catch {
    throw new Refusal(400);
  }
  const isForm = form?.constructor === Object && Object.keys(form).every((field) => fields.includes(field));
  const spelled =
    isForm &&
    typeof form.account === "string" &&
    /^[ \t\n\f\r]*(?:[\w.@-]{1,64}\\)?([\w.@-]{1,64})[ \t\n\f\r]*$/.exec(form.account);
  if (!spelled) {
    throw new Refusal(400);
  }
  const account = spelled[1].toLowerCase();
  const family = isIP(address);
  return {
    form,
    account,
    accountKey: mac(names.key, "account", account).toString("base64url"),
    addressKey: mac(names.key, "address", whereabouts(address)).toString("base64url"),
    network: family && managed.check(address, `ipv${family}`) ? "M" : "U",
    device: coarseDevice(headers["user-agent"] ?? ""),
    now: Math.floor(Date.now() / 1000),
  };
}
