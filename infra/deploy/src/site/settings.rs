use serde::Deserialize;

/// What of `/settings.json` concerns the organization. An empty value keeps what the pages and `styles/tokens.css`
/// have.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SiteSettings {
    pub desk_name: String,
    pub desk_phone: String,
    /// `#rrggbb`
    pub brand_color: String,
    /// The path or URL of an image.
    pub logo: String,
}

impl SiteSettings {
    /// Invalid JSON counts as empty.
    pub fn parse(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }
}
