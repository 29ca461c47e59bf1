// 256 bits in base64url: standing by themselves, or what is found once the breaks in the middle are taken out.
const DELIMITED = /(?<![\w-])[\w-]{43}(?![\w-])/;
const EMBEDDED = /[\w-]{43}/;

/**
 * The token out of what a mail system or a hand made of it: a whole link, `%23` for `#`, spaces and line ends in the
 * middle, words or a full stop around it. What holds none comes back cleaned, for the server to refuse.
 */
export function parseToken(given) {
  const afterMark = decoded(given).split("#").filter(Boolean).at(-1) ?? "";
  const joined = afterMark.replace(/\s/g, "");
  return (afterMark.match(DELIMITED) ?? joined.match(EMBEDDED))?.[0] ?? joined.replace(/[^\w-]/g, "");
}

/** Percent-decodes as often as it was encoded. */
function decoded(given) {
  try {
    const once = decodeURIComponent(given);
    return once === given ? given : decoded(once);
  } catch {
    return given;
  }
}
