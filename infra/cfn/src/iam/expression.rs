//! DynamoDB expressions, as far as IAM's condition keys need them.

use serde_json::Value;

/// DynamoDB reserves these, so no attribute has such a name without a placeholder.
const KEYWORDS: [&str; 9] = ["ADD", "AND", "BETWEEN", "DELETE", "IN", "NOT", "OR", "REMOVE", "SET"];

/// The top-level attributes in an expression. `names` is `ExpressionAttributeNames`.
pub fn attributes(expression: &str, names: &Value) -> Vec<String> {
    let words = words(expression);
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let first = word.chars().next().unwrap_or_default();
        let keyword = KEYWORDS.iter().any(|known| known.eq_ignore_ascii_case(word));
        let function = words.get(index + 1) == Some(&"(");
        // Anything else counts as an attribute: one too many denies a call, one too few would allow it.
        if !keyword && !function && first != ':' && !is_punctuation(first) {
            found.push(top_level(word, names));
        }
    }
    found
}

/// The placeholder to which a key condition compares an attribute, such as `:v` in `a = :v AND b > :w`.
pub fn equal_to<'a>(expression: &'a str, names: &Value, attribute: &str) -> Option<&'a str> {
    let words = words(expression);
    words.windows(3).find(|three| three[1] == "=" && top_level(three[0], names) == attribute).map(|three| three[2])
}

/// The top-level attribute of a path such as `a.b[0]` or `#a.b`.
fn top_level(path: &str, names: &Value) -> String {
    let top = path.split(['.', '[']).next().unwrap_or_default();
    names[top].as_str().unwrap_or(top).to_owned()
}

fn is_punctuation(one: char) -> bool {
    matches!(one, ',' | '(' | ')' | '=' | '<' | '>' | '+' | '-')
}

fn words(expression: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.trim_start().chars().next() {
        rest = rest.trim_start();
        let end = if is_punctuation(first) {
            first.len_utf8()
        } else {
            rest.find(|one: char| is_punctuation(one) || one.is_whitespace()).unwrap_or(rest.len())
        };
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{attributes, equal_to};
    use serde_json::json;

    #[test]
    fn expression_attributes_are_collected() {
        let names = json!({"#s": "status", "#n": "names"});
        for (expression, expected) in [
            ("", vec![]),
            ("account, version,active", vec!["account", "version", "active"]),
            ("#s, #n.given[0], other.part", vec!["status", "names", "other"]),
            ("SET phc = :phc, version = version + :one", vec!["phc", "version", "version"]),
            ("set a=b-:c REMOVE d,e ADD f :g", vec!["a", "b", "d", "e", "f"]),
            ("SET a = if_not_exists(b, :zero), c = list_append (d, :e)", vec!["a", "b", "c", "d"]),
            ("attribute_not_exists(a) OR (size(b) > :c AND NOT contains(d, e))", vec!["a", "b", "d", "e"]),
            (
                "#s IN (:pending, :sending) AND next_attempt_at BETWEEN :a AND latest",
                vec!["status", "next_attempt_at", "latest"],
            ),
            ("a <> b AND begins_with(phc, :guess)", vec!["a", "b", "phc"]),
            ("#unknown", vec!["#unknown"]),
        ] {
            assert_eq!(attributes(expression, &names), expected, "{expression}");
        }
    }

    #[test]
    fn key_value_is_found_in_expression() {
        let names = json!({"#a": "account"});
        for expression in ["account = :v", "#a=:v", "at < :w AND (account = :v)", "(#a = :v) and begins_with(at, :w)"] {
            assert_eq!(equal_to(expression, &names, "account"), Some(":v"), "{expression}");
        }
        assert_eq!(equal_to("at = :v", &names, "account"), None);
        assert_eq!(equal_to("account > :v", &names, "account"), None);
    }
}
