//! Intrinsic functions and conditions.

use crate::scalar::scalar;
use crate::{PseudoParameters, TemplateError};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Everything that an expression can refer to.
#[derive(Clone, Debug)]
pub struct Scope {
    pub pseudo: PseudoParameters,
    pub parameters: BTreeMap<String, Value>,
    /// By logical id.
    resource_types: BTreeMap<String, String>,
    conditions: Map<String, Value>,
}

impl Scope {
    pub fn new(template: &Value, pseudo: PseudoParameters, parameters: BTreeMap<String, Value>) -> Self {
        let resources = template["Resources"].as_object().into_iter().flatten();
        Self {
            pseudo,
            parameters,
            resource_types: resources
                .map(|(id, resource)| (id.clone(), resource["Type"].as_str().unwrap_or_default().to_owned()))
                .collect(),
            conditions: template["Conditions"].as_object().cloned().unwrap_or_default(),
        }
    }

    /// Evaluates every intrinsic function in `value`. `at` is its path in the template, for errors.
    pub fn evaluate(&self, value: &Value, at: &str) -> Result<Value, TemplateError> {
        match value {
            Value::Array(items) => {
                let items =
                    items.iter().enumerate().map(|(index, item)| self.evaluate(item, &format!("{at}[{index}]")));
                // `AWS::NoValue` removes an item.
                items.filter(|item| !matches!(item, Ok(Value::Null))).collect::<Result<_, _>>().map(Value::Array)
            }
            Value::Object(map) => match single(map) {
                Some((name, argument)) if name == "Ref" || name.starts_with("Fn::") => {
                    self.intrinsic(name, argument, at)
                }
                _ => {
                    let mut result = Map::new();
                    for (key, item) in map {
                        let item = self.evaluate(item, &format!("{at}.{key}"))?;
                        if !item.is_null() {
                            result.insert(key.clone(), item);
                        }
                    }
                    Ok(Value::Object(result))
                }
            },
            other => Ok(other.clone()),
        }
    }

    /// Evaluates a value that must be a scalar.
    pub fn text(&self, value: &Value, at: &str) -> Result<String, TemplateError> {
        let value = self.evaluate(value, at)?;
        scalar(&value).ok_or_else(|| TemplateError::at(at, format!("must be a text, not {value}")))
    }

    /// Evaluates a condition by its name.
    pub fn condition(&self, name: &str, at: &str) -> Result<bool, TemplateError> {
        let condition =
            self.conditions.get(name).ok_or_else(|| TemplateError::at(at, format!("there is no condition {name}")))?;
        self.boolean(condition, &format!("Conditions.{name}"))
    }

    fn intrinsic(&self, name: &str, argument: &Value, at: &str) -> Result<Value, TemplateError> {
        let list = || argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match (name, list()) {
            ("Ref", _) => self.reference(argument.as_str().unwrap_or_default(), at),
            ("Fn::GetAtt", [Value::String(resource), Value::String(attribute)]) => {
                self.attribute(resource, attribute, at).map(Value::String)
            }
            ("Fn::Sub", [Value::String(text), Value::Object(names)]) => self.substitute(text, names, at),
            ("Fn::Sub", _) if argument.is_string() => {
                self.substitute(argument.as_str().unwrap_or_default(), &Map::new(), at)
            }
            ("Fn::Join", [Value::String(separator), items]) => {
                let Value::Array(items) = self.evaluate(items, at)? else {
                    return Err(TemplateError::at(at, "Join needs a list"));
                };
                let items: Option<Vec<String>> = items.iter().map(scalar).collect();
                Ok(Value::from(
                    items.ok_or_else(|| TemplateError::at(at, "Join needs a list of texts"))?.join(separator),
                ))
            }
            ("Fn::Split", [Value::String(separator), text]) => {
                Ok(self.text(text, at)?.split(separator).map(Value::from).collect())
            }
            ("Fn::Select", [index, items]) => {
                let (index, items) = (self.text(index, at)?, self.evaluate(items, at)?);
                let item = index.parse::<usize>().ok().and_then(|index| items.get(index));
                item.cloned().ok_or_else(|| TemplateError::at(at, format!("Select: {items} has no item {index}")))
            }
            ("Fn::If", [Value::String(condition), yes, no]) => {
                self.evaluate(if self.condition(condition, at)? { yes } else { no }, at)
            }
            ("Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or", items) => self.logic(name, items, at).map(Value::Bool),
            _ => Err(TemplateError::at(at, format!("{name} {argument} is not supported"))),
        }
    }

    fn boolean(&self, value: &Value, at: &str) -> Result<bool, TemplateError> {
        if let Some((name, Value::String(other))) = value.as_object().and_then(single)
            && name == "Condition"
        {
            return self.condition(other, at);
        }
        let value = self.evaluate(value, at)?;
        value.as_bool().ok_or_else(|| TemplateError::at(at, "must be a condition"))
    }

    fn logic(&self, name: &str, items: &[Value], at: &str) -> Result<bool, TemplateError> {
        match (name, items) {
            ("Fn::Equals", [one, other]) => Ok(self.text(one, at)? == self.text(other, at)?),
            ("Fn::Not", [condition]) => Ok(!self.boolean(condition, at)?),
            ("Fn::And" | "Fn::Or", items) => {
                let values = items.iter().map(|item| self.boolean(item, at)).collect::<Result<Vec<_>, _>>()?;
                Ok(if name == "Fn::And" { values.iter().all(|value| *value) } else { values.contains(&true) })
            }
            _ => Err(TemplateError::at(at, format!("{name} has the wrong number of arguments"))),
        }
    }

    fn reference(&self, name: &str, at: &str) -> Result<Value, TemplateError> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        Ok(match name {
            "AWS::Region" => self.pseudo.region.clone().into(),
            "AWS::AccountId" => self.pseudo.account_id.clone().into(),
            "AWS::Partition" => "aws".into(),
            "AWS::URLSuffix" => "amazonaws.com".into(),
            "AWS::StackId" => {
                self.pseudo.arn("cloudformation", &format!("stack/{}/local", self.pseudo.stack_name)).into()
            }
            "AWS::StackName" => self.pseudo.stack_name.clone().into(),
            "AWS::NoValue" => Value::Null,
            id => match self.resource_types.get(id).map(String::as_str) {
                Some("AWS::SecretsManager::Secret") => self.secret_arn(id).into(),
                Some(_) => self.physical_name(id).into(),
                None => return Err(TemplateError::at(at, format!("there is no parameter or resource {id:?}"))),
            },
        })
    }

    fn attribute(&self, id: &str, attribute: &str, at: &str) -> Result<String, TemplateError> {
        let name = self.physical_name(id);
        match (self.resource_types.get(id).map(String::as_str), attribute) {
            (Some("AWS::DynamoDB::Table"), "Arn") => Ok(self.pseudo.arn("dynamodb", &format!("table/{name}"))),
            // A real stream ARN ends with a label that only DynamoDB knows.
            (Some("AWS::DynamoDB::Table"), "StreamArn") => {
                Ok(self.pseudo.arn("dynamodb", &format!("table/{name}/stream/local")))
            }
            (Some("AWS::SQS::Queue"), "Arn") => Ok(self.pseudo.arn("sqs", &name)),
            (Some("AWS::Serverless::Function"), "Arn") => Ok(self.pseudo.arn("lambda", &format!("function:{name}"))),
            (None, _) => Err(TemplateError::at(at, format!("there is no resource {id:?}"))),
            (Some(kind), _) => Err(TemplateError::at(at, format!("{attribute} of {id}, an {kind}, is not supported"))),
        }
    }

    pub fn physical_name(&self, id: &str) -> String {
        format!("{}-{id}", self.pseudo.stack_name)
    }

    /// Without the random suffix of a real secret's ARN.
    pub fn secret_arn(&self, id: &str) -> String {
        self.pseudo.arn("secretsmanager", &format!("secret:{}", self.physical_name(id)))
    }

    fn substitute(&self, text: &str, names: &Map<String, Value>, at: &str) -> Result<Value, TemplateError> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| TemplateError::at(at, "Sub: ${ without }"))?;
            result.push_str(before);
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str("${");
                result.push_str(literal);
                result.push('}');
            } else if let Some(value) = names.get(name) {
                result.push_str(&self.text(value, at)?);
            } else if let Some((resource, attribute)) = name.split_once('.') {
                result.push_str(&self.attribute(resource, attribute, at)?);
            } else {
                let value = self.reference(name, at)?;
                result.push_str(
                    &scalar(&value).ok_or_else(|| TemplateError::at(at, format!("Sub: {name} is not a text")))?,
                );
            }
            rest = after;
        }
        result.push_str(rest);
        Ok(Value::String(result))
    }
}

fn single(map: &Map<String, Value>) -> Option<(&String, &Value)> {
    (map.len() == 1).then(|| map.iter().next()).flatten()
}
