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
    const { SecretString } = await secretsManager.send(new GetSecretValueCommand({ SecretId: env[variable] }));
    return JSON.parse(SecretString);
  };
  return Promise.all(variables.map(read));
}

export const text = (value) => ({ S: value });
export const number = (value) => ({ N: String(value) });
export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("base64url");

// Each field is preceded by its length, so that different lists of fields never form the same message.
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
  400: ["invalid-request", "The request body is invalid"],
  401: ["invalid-credentials", "Wrong account or password"],
  403: ["cross-site", "The request comes from another site"],
  413: ["too-large", "The request body is larger than 4 KiB"],
  415: ["not-json", "The content type must be application/json"],
  429: ["too-many-attempts", "Too many attempts; retry later"],
  503: ["unavailable", "A required service is unavailable; retry later"],
};

export class ApiError extends Error {
  constructor(status, retryAfter) {
    super(TITLES[status][1]);
    Object.assign(this, { status, retryAfter });
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

export function response(statusCode, body, { cookies = [], headers = {}, type = "json" } = {}) {
  headers = { ...HEADERS, "content-type": `application/${type}; charset=utf-8`, ...headers };
  return { statusCode, headers, cookies, body: JSON.stringify(body), isBase64Encoded: false };
}

// Answers an `ApiError` with its problem details, and any other error with 503.
export function withErrorResponses(handle) {
  return async (event) => {
    try {
      return await handle(event);
    } catch (error) {
      const { status, retryAfter } = error instanceof ApiError ? error : { status: 503, retryAfter: 5 };
      if (status === 503) {
        log({ level: "ERROR", message: "dependency unavailable", error: error.stack });
      }
      const [code, title] = TITLES[status];
      const headers = retryAfter === undefined ? {} : { "retry-after": String(Math.min(Math.max(retryAfter, 1), DAY)) };
      const problem = { type: `urn:guichet:problem:${code}`, title, status, code };
      return response(status, problem, { headers, type: "problem+json" });
    }
  };
}

// The positions of the failed conditions, or undefined if the transaction failed for another reason.
export function failedConditions(error) {
  const reasons = error.name === "TransactionCanceledException" ? error.CancellationReasons : [];
  const failed = [...reasons.keys()].filter((at) => reasons[at].Code === "ConditionalCheckFailed");
  return failed.length > 0 ? failed : undefined;
}

const managed = new BlockList();
for (const cidr of env.MANAGED_NETWORKS.split(",").map((cidr) => cidr.trim())) {
  const [network, length] = cidr.split("/");
  if (network) {
    managed.addSubnet(network, Number(length), `ipv${isIP(network)}`);
  }
}

// An IPv4 address, or an IPv6 /64, because one client usually controls all of its /64.
function clientSource(address) {
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

function summarizeUserAgent(userAgent) {
  const first = (table) => table.find(([mark]) => userAgent.includes(mark))?.[1] ?? "-";
  return `${first(BROWSERS)} · ${first(SYSTEMS)}`;
}

function clientAddress({ headers, requestContext }, edge) {
  const originSecret = headers["x-guichet-origin-secret"];
  if (originSecret === undefined) {
    return requestContext.http.sourceIp;
  }
  const digest = (text) => createHash("sha256").update(text).digest();
  if (![edge, edge.previous].some((secret) => secret && timingSafeEqual(digest(originSecret), digest(secret.key)))) {
    throw new ApiError(403);
  }
  return headers["x-viewer-address"] ?? "";
}

// Checks and parses a request: JSON with these fields only, not from another site's page.
export function parseRequest({ event, edge, names, fields }) {
  const { headers } = event;
  const body = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  if (body.length > 4096) {
    throw new ApiError(413);
  }
  if (headers["content-type"]?.split(";")[0].trim().toLowerCase() !== "application/json") {
    throw new ApiError(415);
  }
  const site = headers["sec-fetch-site"];
  const { origin } = headers;
  if (site === undefined ? origin !== undefined && origin !== env.PORTAL_URL : site !== "same-origin") {
    throw new ApiError(403);
  }
  const address = clientAddress(event, edge);

  let form;
  try {
    form = JSON.parse(body.toString());
  } catch {
    throw new ApiError(400);
  }
  const isForm = form?.constructor === Object && Object.keys(form).every((field) => fields.includes(field));
  const match =
    isForm &&
    typeof form.account === "string" &&
    /^[ \t\n\f\r]*(?:[\w.@-]{1,64}\\)?([\w.@-]{1,64})[ \t\n\f\r]*$/.exec(form.account);
  if (!match) {
    throw new ApiError(400);
  }
  const account = match[1].toLowerCase();
  const family = isIP(address);
  return {
    form,
    account,
    accountKey: mac(names.key, "account", account).toString("base64url"),
    sourceKey: mac(names.key, "address", clientSource(address)).toString("base64url"),
    clientClass: family && managed.check(address, `ipv${family}`) ? "M" : "U",
    device: summarizeUserAgent(headers["user-agent"] ?? ""),
    now: Math.floor(Date.now() / 1000),
  };
}
