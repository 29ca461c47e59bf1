// 256 bits in base64url: as a word of its own, or anywhere in a text without its white space.
const DELIMITED = /(?<![\w-])[\w-]{43}(?![\w-])/;
const EMBEDDED = /[\w-]{43}/;

/**
 * Extracts the token from what mail systems and pasting leave of a link: the whole address, `%23` for `#`, line breaks in
 * the middle, words or punctuation around it. Input without a token is returned without foreign characters, and the API
 * rejects it.
 * @param {string} input
 */
export function parseToken(input) {
  const fragment = decode(input).split("#").filter(Boolean).at(-1) ?? "";
  const joined = fragment.replace(/\s/g, "");
  return (fragment.match(DELIMITED) ?? joined.match(EMBEDDED))?.[0] ?? joined.replace(/[^\w-]/g, "");
}

/**
 * Percent-decodes until nothing changes: each mail system on the way may have encoded the link.
 * @param {string} input
 * @returns {string}
 */
function decode(input) {
  try {
    const decoded = decodeURIComponent(input);
    return decoded === input ? input : decode(decoded);
  } catch {
    return input;
  }
}
