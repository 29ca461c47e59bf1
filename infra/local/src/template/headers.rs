//! CloudFront's response headers policy, as the headers that it gives.

use super::evaluate::wrong;
use crate::failure::Failure;
use serde_json::Value;

/// Name and value of each header of a `ResponseHeadersPolicyConfig`.
pub fn list(config: &Value, at: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut headers = Vec::new();
    for (kind, settings) in config["SecurityHeadersConfig"].as_object().into_iter().flatten() {
        headers
            .push(security_header(kind, settings).ok_or_else(|| wrong(at, &format!("{kind} is not understood here")))?);
    }
    for item in config["CustomHeadersConfig"]["Items"].as_array().into_iter().flatten() {
        match (item["Header"].as_str(), item["Value"].as_str()) {
            (Some(name), Some(value)) => headers.push((name.to_lowercase(), value.to_owned())),
            _ => return Err(wrong(at, "a custom header wants Header and Value")),
        }
    }
    Ok(headers)
}

fn security_header(kind: &str, settings: &Value) -> Option<(String, String)> {
    let (name, value) = match kind {
        "ContentSecurityPolicy" => ("content-security-policy", settings["ContentSecurityPolicy"].as_str()?.to_owned()),
        "ContentTypeOptions" => ("x-content-type-options", "nosniff".to_owned()),
        "FrameOptions" => ("x-frame-options", settings["FrameOption"].as_str()?.to_owned()),
        "ReferrerPolicy" => ("referrer-policy", settings["ReferrerPolicy"].as_str()?.to_owned()),
        "StrictTransportSecurity" => ("strict-transport-security", transport_security(settings)?),
        _ => return None,
    };
    Some((name.to_owned(), value))
}

fn transport_security(settings: &Value) -> Option<String> {
    let mut value = format!("max-age={}", settings["AccessControlMaxAgeSec"].as_u64()?);
    for (setting, directive) in [("IncludeSubdomains", "; includeSubDomains"), ("Preload", "; preload")] {
        if settings[setting] == true {
            value.push_str(directive);
        }
    }
    Some(value)
}
