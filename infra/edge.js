// All logic in front of the origins: a CloudFront Function (runtime 2.0) on viewer requests and responses. template.yaml contains
// the same lines, and the local edge does the same; edge-cases.json tests both.

const PAGES = [
  "/accessibilite",
  "/changer-mon-mot-de-passe",
  "/inscription",
  "/mon-compte",
  "/mot-de-passe-oublie",
  "/trouver-mon-compte",
];
const FILES = ["/favicon.svg", "/robots.txt", "/settings.css", "/settings.json"];
// Every segment starts with a letter or digit, so that none can be `..`.
const ASSET = /^\/(styles|scripts|i18n|images)(\/[A-Za-z0-9][A-Za-z0-9._-]*)+$/;
// Some mail systems encode the # of a mailed link.
const MANGLED_LINK = /^\/changer-mon-mot-de-passe%23([A-Za-z0-9_-]+)$/;
const PAGE_FILES = ["/index.html"].concat(PAGES.map((page) => page + ".html"));
const NOT_FOUND = "/404.html";

function fileOf(uri) {
  if (uri === "/") return "/index.html";
  if (PAGES.includes(uri)) return uri + ".html";
  return FILES.includes(uri) || ASSET.test(uri) ? uri : NOT_FOUND;
}

// CloudFront applies no response headers policy to an response that a function generates.
function redirect(location) {
  const values = {
    location: location,
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  };
  const headers = {};
  for (const name in values) headers[name] = { value: values[name] };
  return { statusCode: 302, statusDescription: "Found", headers: headers };
}

// A missing page gets the status 404. `uri` is the rewritten one; PAGE_FILES also accepts it if it is not.
function respond(uri, response) {
  if (fileOf(uri) === NOT_FOUND && !PAGE_FILES.includes(uri)) {
    response.statusCode = 404;
    response.statusDescription = "Not Found";
  }
  return response;
}

function handler(event) {
  const request = event.request;
  const isApi = request.uri.startsWith("/api/");
  if (event.context.eventType === "viewer-response") {
    return isApi ? event.response : respond(request.uri, event.response);
  }
  // Overwrites what the client sent. The functions trust it with the secret that the distribution adds.
  request.headers["x-viewer-address"] = { value: event.viewer.ip };
  if (isApi) return request;
  const mangled = MANGLED_LINK.exec(request.uri);
  if (mangled) return redirect("/changer-mon-mot-de-passe#" + mangled[1]);
  request.uri = fileOf(request.uri);
  return request;
}
