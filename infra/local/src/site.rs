//! The site's own files, with the headers that CloudFront would add.

use crate::edge::{self, Target};
use anyhow::Context;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use guichet_deploy::site::{content_type, render_page, stylesheet};
use std::path::PathBuf;

/// The static site.
pub struct Site {
    folder: PathBuf,
    headers: HeaderMap,
    settings: String,
    style: String,
}

impl Site {
    /// The site in `folder`; `headers` go on all that it answers, `settings` is `/settings.json`, and `/settings.css`
    /// what it says of the looks.
    pub fn new(folder: PathBuf, headers: &[(String, String)], settings: String) -> anyhow::Result<Self> {
        let mut headers = header_map(headers)?;
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let style = stylesheet(&settings);
        Ok(Self { folder, headers, settings, style })
    }

    /// Answers a request for anything outside the API.
    pub async fn answer(&self, method: &Method, path: &str) -> Response {
        if method != Method::GET && method != Method::HEAD {
            // CloudFront's own answer where a behaviour allows GET and HEAD alone.
            return (StatusCode::FORBIDDEN, self.headers.clone()).into_response();
        }
        match edge::map(path) {
            Target::Redirect(to) => (StatusCode::FOUND, self.headers.clone(), [(header::LOCATION, to)]).into_response(),
            Target::File(path) if path == "/settings.json" => {
                self.found(StatusCode::OK, &path, self.settings.clone().into())
            }
            Target::File(path) if path == "/settings.css" => {
                self.found(StatusCode::OK, &path, self.style.clone().into())
            }
            Target::Page(path) | Target::File(path) => match self.read(&path).await {
                Some(content) => self.found(StatusCode::OK, &path, content.into()),
                None => self.not_found().await,
            },
            Target::NotFound => self.not_found().await,
        }
    }

    async fn not_found(&self) -> Response {
        let content = self.read("/404.html").await.unwrap_or_default();
        self.found(StatusCode::NOT_FOUND, "/404.html", content.into())
    }

    async fn read(&self, path: &str) -> Option<Vec<u8>> {
        let content = tokio::fs::read(self.folder.join(path.trim_start_matches('/'))).await.ok()?;
        if !content_type(path).starts_with("text/html") {
            return Some(content);
        }
        Some(render_page(&String::from_utf8_lossy(&content), &self.settings).into_bytes())
    }

    fn found(&self, status: StatusCode, path: &str, content: Body) -> Response {
        (status, self.headers.clone(), [(header::CONTENT_TYPE, content_type(path))], content).into_response()
    }
}

/// The headers of a policy, as the edge sets them.
pub fn header_map(list: &[(String, String)]) -> anyhow::Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in list {
        let name: HeaderName = name.parse().with_context(|| format!("{name} is no name of a header"))?;
        map.insert(name, HeaderValue::from_str(value).with_context(|| format!("{value} is no value of a header"))?);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::Site;
    use axum::http::{Method, header};

    #[tokio::test]
    async fn the_headers_of_the_policy_go_on_everything() {
        let headers = [("x-frame-options".to_owned(), "DENY".to_owned())];
        let site = Site::new("/nowhere".into(), &headers, "{}".into()).unwrap();
        for (method, path, status) in [
            (Method::GET, "/settings.json", 200),
            (Method::GET, "/settings.css", 200),
            (Method::HEAD, "/inscription", 404),
            (Method::GET, "/../etc/passwd", 404),
            (Method::GET, "/changer-mon-mot-de-passe%23abc", 302),
            (Method::POST, "/", 403),
        ] {
            let answer = site.answer(&method, path).await;
            assert_eq!(answer.status(), status, "{path}");
            assert_eq!(answer.headers()["x-frame-options"], "DENY", "{path}");
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-cache", "{path}");
        }
    }
}
