//! The static site, with the headers that CloudFront adds.

use crate::edge::{self, Target};
use anyhow::Context;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use guichet_deploy::site::{content_type, render_page, stylesheet};
use std::path::PathBuf;

pub struct StaticSite {
    folder: PathBuf,
    headers: HeaderMap,
    settings: String,
    stylesheet: String,
}

impl StaticSite {
    /// `headers` are added to all responses; `settings` is the JSON of `/settings.json`.
    pub fn new(folder: PathBuf, headers: &[(String, String)], settings: String) -> anyhow::Result<Self> {
        let mut headers = header_map(headers)?;
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let stylesheet = stylesheet(&settings);
        Ok(Self { folder, headers, settings, stylesheet })
    }

    pub async fn respond(&self, method: &Method, path: &str) -> Response {
        if method != Method::GET && method != Method::HEAD {
            // As CloudFront responds where a cache behavior allows only GET and HEAD.
            return (StatusCode::FORBIDDEN, self.headers.clone()).into_response();
        }
        match edge::map(path) {
            Target::Redirect(to) => (StatusCode::FOUND, self.headers.clone(), [(header::LOCATION, to)]).into_response(),
            Target::File(path) if path == "/settings.json" => {
                self.response(StatusCode::OK, &path, self.settings.clone().into())
            }
            Target::File(path) if path == "/settings.css" => {
                self.response(StatusCode::OK, &path, self.stylesheet.clone().into())
            }
            Target::Page(path) | Target::File(path) => match self.read(&path).await {
                Some(content) => self.response(StatusCode::OK, &path, content.into()),
                None => self.not_found().await,
            },
            Target::NotFound => self.not_found().await,
        }
    }

    async fn not_found(&self) -> Response {
        let content = self.read("/404.html").await.unwrap_or_default();
        self.response(StatusCode::NOT_FOUND, "/404.html", content.into())
    }

    async fn read(&self, path: &str) -> Option<Vec<u8>> {
        let content = tokio::fs::read(self.folder.join(path.trim_start_matches('/'))).await.ok()?;
        if !content_type(path).starts_with("text/html") {
            return Some(content);
        }
        Some(render_page(&String::from_utf8_lossy(&content), &self.settings).into_bytes())
    }

    fn response(&self, status: StatusCode, path: &str, content: Body) -> Response {
        (status, self.headers.clone(), [(header::CONTENT_TYPE, content_type(path))], content).into_response()
    }
}

pub fn header_map(list: &[(String, String)]) -> anyhow::Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in list {
        let name: HeaderName = name.parse().with_context(|| format!("{name} is not a header name"))?;
        map.insert(name, HeaderValue::from_str(value).with_context(|| format!("{value} is not a header value"))?);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::StaticSite;
    use axum::http::{Method, header};

    #[tokio::test]
    async fn response_headers_policy_applies_to_every_file() {
        let headers = [("x-frame-options".to_owned(), "DENY".to_owned())];
        let site = StaticSite::new("/nowhere".into(), &headers, "{}".into()).unwrap();
        for (method, path, status) in [
            (Method::GET, "/settings.json", 200),
            (Method::GET, "/settings.css", 200),
            (Method::HEAD, "/inscription", 404),
            (Method::GET, "/../etc/passwd", 404),
            (Method::GET, "/changer-mon-mot-de-passe%23abc", 302),
            (Method::POST, "/", 403),
        ] {
            let response = site.respond(&method, path).await;
            assert_eq!(response.status(), status, "{path}");
            assert_eq!(response.headers()["x-frame-options"], "DENY", "{path}");
            assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache", "{path}");
        }
    }
}
