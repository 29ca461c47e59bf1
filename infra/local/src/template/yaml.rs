//! YAML with `CloudFormation`'s short tags, turned into JSON with the long form of every intrinsic.

use crate::failure::{Failure, OrFail};
use serde_json::{Map, Value};
use serde_norway::Value as Yaml;
use std::path::Path;

/// Reads a template into JSON: `!GetAtt A.Arn` becomes `{"Fn::GetAtt": ["A", "Arn"]}`.
pub fn read(file: &Path) -> Result<Value, Failure> {
    let text = std::fs::read_to_string(file).or_fail(|| format!("{} cannot be read", file.display()))?;
    parse(&text).or_fail(|| format!("{} is not a template", file.display()))
}

/// The same for a text.
pub fn parse(text: &str) -> Result<Value, Failure> {
    let yaml: Yaml = serde_norway::from_str(text).or_fail(|| "not YAML")?;
    long_form(yaml)
}

fn long_form(yaml: Yaml) -> Result<Value, Failure> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(truth) => Value::Bool(truth),
        Yaml::Number(number) => serde_json::to_value(number).or_fail(|| "a number that JSON does not have")?,
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(long_form).collect::<Result<_, _>>()?),
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                map.insert(key_text(&key)?, long_form(value)?);
            }
            Value::Object(map)
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let tag = tag.trim_start_matches('!');
            let mut value = long_form(tagged.value)?;
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

fn key_text(key: &Yaml) -> Result<String, Failure> {
    match key {
        Yaml::String(text) => Ok(text.clone()),
        Yaml::Number(number) => Ok(number.to_string()),
        other => Err(Failure::new(format!("a key that is no text: {other:?}"))),
    }
}
