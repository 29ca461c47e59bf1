//! YAML with the short tags of `CloudFormation`, converted to JSON with the long form of every intrinsic function.

use crate::TemplateError;
use serde_json::{Map, Value};
use serde_norway::Value as Yaml;

/// `!GetAtt A.Arn` becomes `{"Fn::GetAtt": ["A", "Arn"]}`.
pub fn parse(text: &str) -> Result<Value, TemplateError> {
    long_form(serde_norway::from_str(text)?, "/")
}

fn long_form(yaml: Yaml, at: &str) -> Result<Value, TemplateError> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(truth) => Value::Bool(truth),
        Yaml::Number(number) => serde_json::to_value(number)
            .map_err(|error| TemplateError::at(at, format!("this number is not valid in JSON: {error}")))?,
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(items) => {
            Value::Array(items.into_iter().map(|item| long_form(item, at)).collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let key = key_text(&key, at)?;
                let value = long_form(value, &key)?;
                map.insert(key, value);
            }
            Value::Object(map)
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let tag = tag.trim_start_matches('!');
            let mut value = long_form(tagged.value, at)?;
            let name = match tag {
                "Ref" | "Condition" => tag.to_owned(),
                other => format!("Fn::{other}"),
            };
            if let ("GetAtt", Value::String(text)) = (tag, &value)
                && let Some((resource, attribute)) = text.split_once('.')
            {
                value = Value::from(vec![resource, attribute]);
            }
            Value::Object(Map::from_iter([(name, value)]))
        }
    })
}

fn key_text(key: &Yaml, at: &str) -> Result<String, TemplateError> {
    match key {
        Yaml::String(text) => Ok(text.clone()),
        Yaml::Number(number) => Ok(number.to_string()),
        other => Err(TemplateError::at(at, format!("a key must be a text, not {other:?}"))),
    }
}
