//! Browser and system of a client: enough to recognize one's own devices, too little for fingerprinting.

const BROWSERS: [(&str, &str); 7] = [
    // The order matters: each of these user agents also contains the names after it.
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// Such as `Firefox · Windows`; `-` for an unknown part.
pub(crate) fn summarize(user_agent: &str) -> String {
    let first = |table: &[(&str, &'static str)]| {
        table.iter().find(|(mark, _)| user_agent.contains(mark)).map_or("-", |(_, name)| *name)
    };
    format!("{} · {}", first(&BROWSERS), first(&SYSTEMS))
}

#[cfg(test)]
mod tests {
    use super::summarize;

    #[test]
    fn user_agent_is_reduced_to_browser_and_system() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36 Edg/142.0";
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1";
        assert_eq!(summarize(edge), "Edge · Windows");
        assert_eq!(summarize(iphone), "Safari · iPhone");
        assert_eq!(
            summarize("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
            "Firefox · Linux"
        );
        assert_eq!(summarize("<script>alert(1)</script>"), "- · -");
    }
}
