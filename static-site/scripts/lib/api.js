import { rememberLanguage } from "/scripts/lib/language.js";

// Past a cold start and a password hash on a slow line; then it is better to say so than to leave a button turning.
const TIMEOUT_MS = 30_000;

/** A request that did not succeed. `code` is the problem's (RFC 9457), or `offline` where no answer came. */
export class ApiError extends Error {
  constructor(code, details = {}) {
    super(code);
    this.code = code;
    this.violations = details.violations ?? [];
    this.retryAfter = details.retryAfter;
  }
}

/** Asks the API and gives the answer's JSON, or null where the answer is empty; throws a `ApiError` otherwise. */
export async function request(method, path, body) {
  const [response, answer] = await exchange(method, path, body);
  rememberLanguage(response.headers.get("Content-Language"));
  if (response.ok) return answer;
  throw new ApiError(answer?.code ?? codeForStatus(response.status), {
    violations: answer?.violations,
    retryAfter: Number(response.headers.get("Retry-After")),
  });
}

async function exchange(method, path, body) {
  try {
    const response = await fetch(path, {
      method,
      headers: body && { "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const content = await response.text();
    return [response, parseJson(content)];
  } catch {
    throw new ApiError("offline");
  }
}

/** The gateway and the edge have answers of their own, which are not always JSON. */
function parseJson(content) {
  try {
    return JSON.parse(content);
  } catch {
    return null;
  }
}

function codeForStatus(status) {
  if (status === 429) return "too-many-attempts";
  return status >= 500 ? "unavailable" : "unexpected";
}
