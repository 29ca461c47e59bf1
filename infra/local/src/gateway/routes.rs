//! Finds the function for a request. The path is matched raw: not decoded, not normalized.

use guichet_cfn::template::HttpRoute;
use percent_encoding::percent_decode_str;

pub struct Routes(Vec<HttpRoute>);

#[derive(Debug, PartialEq, Eq)]
pub struct RouteMatch {
    /// Such as `DELETE /api/sessions/{id}`.
    pub key: String,
    pub function: String,
    /// Percent-decoded.
    pub parameters: Vec<(String, String)>,
}

impl Routes {
    /// A route without parameters has precedence over one with.
    #[must_use]
    pub fn new(mut routes: Vec<HttpRoute>) -> Self {
        routes.sort_by_key(|route| route.path.contains('{'));
        Self(routes)
    }

    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Option<RouteMatch> {
        self.0.iter().filter(|route| route.method == method).find_map(|route| {
            Some(RouteMatch {
                key: format!("{} {}", route.method, route.path),
                function: route.function.clone(),
                parameters: parameters(&route.path, path)?,
            })
        })
    }
}

fn parameters(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    if pattern.len() != path.len() {
        return None;
    }
    let mut parameters = Vec::new();
    for (expected, part) in pattern.into_iter().zip(path) {
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !part.is_empty() => {
                parameters.push((name.to_owned(), percent_decode_str(part).decode_utf8_lossy().into_owned()));
            }
            None if expected == part => {}
            _ => return None,
        }
    }
    Some(parameters)
}

#[cfg(test)]
mod tests {
    use super::Routes;
    use guichet_cfn::template::HttpRoute;

    fn routes() -> Routes {
        let route = |method: &str, path: &str| HttpRoute {
            method: method.into(),
            path: path.into(),
            function: path.trim_start_matches("/api/").into(),
        };
        Routes::new(vec![
            route("DELETE", "/api/sessions/{id}"),
            route("DELETE", "/api/sessions/all"),
            route("POST", "/api/login"),
        ])
    }

    #[test]
    fn route_matches_method_and_path() {
        let found = routes().find("POST", "/api/login").unwrap();
        assert_eq!((found.key.as_str(), found.function.as_str()), ("POST /api/login", "login"));
        let found = routes().find("DELETE", "/api/sessions/a%2Fb").unwrap();
        assert_eq!(found.key, "DELETE /api/sessions/{id}");
        assert_eq!(found.parameters, [("id".to_owned(), "a/b".to_owned())]);
        assert_eq!(routes().find("DELETE", "/api/sessions/all").unwrap().key, "DELETE /api/sessions/all");
    }

    #[test]
    fn route_matches_path_as_sent() {
        for path in
            ["/api/%6cogin", "/api//login", "//api/login", "/api/login/", "/api/x/../login", "/API/login", "/api/"]
        {
            assert_eq!(routes().find("POST", path), None, "{path}");
        }
        assert_eq!(routes().find("GET", "/api/login"), None);
        assert_eq!(routes().find("DELETE", "/api/sessions/"), None);
    }
}
