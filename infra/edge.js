// All the logic before the origins, as a CloudFront Function (runtime 2.0) on the requests and responses of pages and
// of the API. The template carries these same lines, and the local edge does the same: edge-cases.json tests both.

const PAGES = [
  "/accessibilite",
  "/changer-mon-mot-de-passe",
  "/inscription",
  "/mon-compte",
  "/mot-de-passe-oublie",
  "/trouver-mon-compte",
];
const FILES = ["/favicon.svg", "/robots.txt", "/settings.css", "/settings.json"];
// Every part starts with a letter or digit and holds nothing that could mean another folder.
const ASSET = /^\/(styles|scripts|i18n|images)(\/[A-Za-z0-9][A-Za-z0-9._-]*)+$/;
// Some mail systems write the # of a mailed link so.
const MANGLED_LINK = /^\/changer-mon-mot-de-passe%23([A-Za-z0-9_-]+)$/;
const PAGE_FILES = ["/index.html"].concat(PAGES.map((page) => page + ".html"));
const NOT_FOUND = "/404.html";

function fileOf(uri) {
  if (uri === "/") return "/index.html";
  if (PAGES.includes(uri)) return uri + ".html";
  return FILES.includes(uri) || ASSET.test(uri) ? uri : NOT_FOUND;
}

// No policy of response headers is applied to what a function answers by itself.
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

// The page that says so comes with its status. The request is here as it was passed on; where it were as it came, this
// would be right as well, but for a file's own name.
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
  // Whatever a client wrote there. The functions believe it with the secret that the distribution adds.
  request.headers["x-viewer-address"] = { value: event.viewer.ip };
  if (isApi) return request;
  const mangled = MANGLED_LINK.exec(request.uri);
  if (mangled) return redirect("/changer-mon-mot-de-passe#" + mangled[1]);
  request.uri = fileOf(request.uri);
  return request;
}
