//! Condition operators. Source: the IAM user guide, "Conditions with multiple context keys or values".

use super::policy::PolicyCondition;
use super::request::RequestContext;

/// Describes the first condition that does not hold.
pub fn first_unmet(conditions: &[PolicyCondition], context: &RequestContext) -> Option<String> {
    let unmet = conditions.iter().find(|condition| !holds(condition, context.get(condition.key)))?;
    let PolicyCondition { operator, key, values, .. } = unmet;
    let has = match context.get(key) {
        None => "the call has none".to_owned(),
        // The values of other keys may be personal: accounts, email addresses.
        Some(found) if key.starts_with("dynamodb:") && *key != "dynamodb:LeadingKeys" => {
            format!("the call has {}", found.join(", "))
        }
        Some(_) => "the call has other values".to_owned(),
    };
    Some(format!("{operator} {key} {}, and {has}", values.join(" or ")))
}

/// `values` are those of the call for the condition's key.
fn holds(condition: &PolicyCondition, values: Option<&Vec<String>>) -> bool {
    let matches = |value: &String| {
        condition.values.iter().any(|allowed| if condition.like { is_like(allowed, value) } else { allowed == value })
    };
    values.map_or(condition.for_all || condition.if_exists, |values| values.iter().all(matches))
}

/// `*` matches any characters, `?` one.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut rest = text.chars();
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let after = &pattern[first.len_utf8()..];
    if first == '*' {
        return is_like(after, text) || (rest.next().is_some() && is_like(pattern, rest.as_str()));
    }
    rest.next().is_some_and(|one| (first == '?' || first == one) && is_like(after, rest.as_str()))
}

#[cfg(test)]
mod tests {
    use super::{holds, is_like};
    use crate::iam::PolicyCondition;

    fn condition(operator: &str, values: &[&str]) -> PolicyCondition {
        PolicyCondition {
            operator: operator.into(),
            for_all: operator.starts_with("ForAllValues:"),
            if_exists: operator.ends_with("IfExists"),
            like: operator.contains("Like"),
            key: "dynamodb:Select",
            values: values.iter().map(|&value| value.to_owned()).collect(),
        }
    }

    #[test]
    fn condition_operators_match_iam() {
        for (operator, wanted, has, expected) in [
            ("StringEquals", &["a"][..], Some(&["a"][..]), true),
            ("StringEquals", &["a", "b"], Some(&["b"]), true),
            ("StringEquals", &["a"], Some(&["A"]), false),
            ("StringEquals", &["a*"], Some(&["ab"]), false),
            ("StringEquals", &["a"], None, false),
            ("StringEqualsIfExists", &["a"], None, true),
            ("StringEqualsIfExists", &["a"], Some(&["b"]), false),
            ("StringLike", &["a*"], Some(&["ab"]), true),
            ("StringLike", &["a*"], None, false),
            ("ForAllValues:StringEquals", &["a", "b"], Some(&["b", "a", "b"]), true),
            ("ForAllValues:StringEquals", &["a", "b"], Some(&["a", "c"]), false),
            ("ForAllValues:StringEquals", &["a"], Some(&[]), true),
            ("ForAllValues:StringEquals", &["a"], None, true),
            ("ForAllValues:StringLike", &["login#*", "x"], Some(&["login#1", "x"]), true),
            ("ForAllValues:StringLike", &["login#*"], Some(&["login#1", "mail#login#1"]), false),
        ] {
            let has: Option<Vec<String>> = has.map(|has| has.iter().map(|&one| one.to_owned()).collect());
            assert_eq!(holds(&condition(operator, wanted), has.as_ref()), expected, "{operator} {wanted:?} {has:?}");
        }
    }

    #[test]
    fn wildcards_match_any_characters() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("*", "anything", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("*@x.example", "a@x.example", true),
            ("*@x.example", "a@x.example.net", false),
        ] {
            assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
