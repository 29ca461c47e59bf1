//! The headers that a CloudFront response headers policy adds.

use crate::TemplateError;
use serde_json::Value;

/// Name and value of each header of a `ResponseHeadersPolicyConfig`.
pub fn read(config: &Value, at: &str) -> Result<Vec<(String, String)>, TemplateError> {
    let mut headers = Vec::new();
    for (kind, settings) in config["SecurityHeadersConfig"].as_object().into_iter().flatten() {
        let header = security_header(kind, settings);
        headers.push(header.ok_or_else(|| TemplateError::at(at, format!("{kind} is not supported")))?);
    }
    for item in config["CustomHeadersConfig"]["Items"].as_array().into_iter().flatten() {
        match (item["Header"].as_str(), item["Value"].as_str()) {
            (Some(name), Some(value)) => headers.push((name.to_lowercase(), value.to_owned())),
            _ => return Err(TemplateError::at(at, "a custom header needs Header and Value")),
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
