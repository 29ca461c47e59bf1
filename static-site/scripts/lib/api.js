import { rememberLanguage } from "./language.js";

// Longer than a cold start and a password hash on a slow connection.
const TIMEOUT_MS = 30_000;

/** @typedef {{ account: string, name?: string, signed_in_at: string, expires_at: string }} Session */

/** A failed request. `code` is that of the problem details (RFC 9457), or `offline` if there was no response. */
export class ApiError extends Error {
  /**
   * @param {string} code
   * @param {{ violations?: string[], retryAfter?: number }} [details] `retryAfter` is in seconds
   */
  constructor(code, { violations = [], retryAfter } = {}) {
    super(code);
    this.code = code;
    this.violations = violations;
    this.retryAfter = retryAfter;
  }
}

/**
 * The `code` of an `ApiError`; undefined for any other error.
 * @param {unknown} error
 */
export const errorCode = (error) => (error instanceof ApiError ? error.code : undefined);

/**
 * Resolves to the JSON of a successful response, or to null if its body is empty. Any other response is an `ApiError`.
 * @template T
 * @param {string} method
 * @param {string} path
 * @param {Record<string, unknown>} [body]
 * @returns {Promise<T>}
 */
export async function request(method, path, body) {
  const { response, content } = await exchange(method, path, body);
  rememberLanguage(response.headers.get("Content-Language"));
  if (response.ok) return content;
  throw new ApiError(content?.code ?? codeForStatus(response.status), {
    violations: content?.violations,
    retryAfter: Number(response.headers.get("Retry-After")),
  });
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Record<string, unknown>} [body]
 */
async function exchange(method, path, body) {
  try {
    const response = await fetch(path, {
      method,
      headers: body && { "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { response, content: parseJson(await response.text()) };
  } catch {
    throw new ApiError("offline");
  }
}

/**
 * API Gateway and CloudFront have error responses of their own, which are not always JSON.
 * @param {string} content
 */
function parseJson(content) {
  try {
    return JSON.parse(content);
  } catch {
    return null;
  }
}

/** @param {number} status */
function codeForStatus(status) {
  if (status === 429) return "too-many-attempts";
  return status >= 500 ? "unavailable" : "unexpected";
}
