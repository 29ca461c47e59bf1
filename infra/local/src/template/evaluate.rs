//! `CloudFormation`'s intrinsic functions, just those that the template uses.

use super::parameters::plain;
use super::{ACCOUNT, REGION, arn};
use crate::failure::Failure;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What an expression of the template can name.
pub struct Scope {
    /// The name of the stack.
    pub stack: String,
    /// The value of each parameter.
    pub parameters: BTreeMap<String, Value>,
    /// The type of each resource.
    types: BTreeMap<String, String>,
    conditions: Map<String, Value>,
}

impl Scope {
    /// Everything that the expressions of `template` can name.
    pub fn new(template: &Value, stack: &str, parameters: BTreeMap<String, Value>) -> Self {
        let types = template["Resources"].as_object().into_iter().flatten();
        Self {
            stack: stack.to_owned(),
            parameters,
            types: types
                .map(|(id, resource)| (id.clone(), resource["Type"].as_str().unwrap_or_default().to_owned()))
                .collect(),
            conditions: template["Conditions"].as_object().cloned().unwrap_or_default(),
        }
    }

    /// The value with every intrinsic carried out. `at` is its path in the template, for the error.
    pub fn evaluate(&self, value: &Value, at: &str) -> Result<Value, Failure> {
        match value {
            Value::Array(items) => {
                let items =
                    items.iter().enumerate().map(|(index, item)| self.evaluate(item, &format!("{at}[{index}]")));
                without_null(items).map(Value::Array)
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
            scalar => Ok(scalar.clone()),
        }
    }

    /// A value that must come out as text.
    pub fn text(&self, value: &Value, at: &str) -> Result<String, Failure> {
        let value = self.evaluate(value, at)?;
        plain(&value).ok_or_else(|| wrong(at, &format!("a text is wanted, and this is {value}")))
    }

    /// Whether a named condition holds.
    pub fn holds(&self, name: &str, at: &str) -> Result<bool, Failure> {
        let condition = self.conditions.get(name).ok_or_else(|| wrong(at, &format!("there is no condition {name}")))?;
        self.condition(condition, &format!("Conditions.{name}"))
    }

    fn intrinsic(&self, name: &str, argument: &Value, at: &str) -> Result<Value, Failure> {
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
            ("Fn::Join", [Value::String(between), items]) => {
                let Value::Array(items) = self.evaluate(items, at)? else { return Err(wrong(at, "Join wants a list")) };
                let items: Option<Vec<String>> = items.iter().map(plain).collect();
                Ok(Value::from(items.ok_or_else(|| wrong(at, "Join wants a list of texts"))?.join(between)))
            }
            ("Fn::Split", [Value::String(between), text]) => {
                Ok(self.text(text, at)?.split(between).map(Value::from).collect())
            }
            ("Fn::Select", [index, items]) => {
                let (index, items) = (self.text(index, at)?, self.evaluate(items, at)?);
                let item = index.parse::<usize>().ok().and_then(|index| items.get(index));
                item.cloned().ok_or_else(|| wrong(at, &format!("Select: {items} has no part {index}")))
            }
            ("Fn::If", [Value::String(condition), yes, no]) => {
                self.evaluate(if self.holds(condition, at)? { yes } else { no }, at)
            }
            ("Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or", items) => self.logic(name, items, at).map(Value::Bool),
            _ => Err(wrong(at, &format!("{name} {argument} is not understood here"))),
        }
    }

    fn condition(&self, value: &Value, at: &str) -> Result<bool, Failure> {
        if let Some((name, Value::String(other))) = value.as_object().and_then(single)
            && name == "Condition"
        {
            return self.holds(other, at);
        }
        let truth = self.evaluate(value, at)?;
        truth.as_bool().ok_or_else(|| wrong(at, "a condition is wanted"))
    }

    fn logic(&self, name: &str, items: &[Value], at: &str) -> Result<bool, Failure> {
        match (name, items) {
            ("Fn::Equals", [one, other]) => Ok(self.text(one, at)? == self.text(other, at)?),
            ("Fn::Not", [condition]) => Ok(!self.condition(condition, at)?),
            ("Fn::And" | "Fn::Or", items) => {
                let truths = items.iter().map(|item| self.condition(item, at)).collect::<Result<Vec<_>, _>>()?;
                Ok(if name == "Fn::And" { truths.iter().all(|truth| *truth) } else { truths.contains(&true) })
            }
            _ => Err(wrong(at, &format!("{name} has the wrong number of parts"))),
        }
    }

    fn reference(&self, name: &str, at: &str) -> Result<Value, Failure> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        Ok(match name {
            "AWS::Region" => REGION.into(),
            "AWS::AccountId" => ACCOUNT.into(),
            "AWS::Partition" => "aws".into(),
            "AWS::URLSuffix" => "amazonaws.com".into(),
            "AWS::StackId" => arn("cloudformation", &format!("stack/{}/local", self.stack)).into(),
            "AWS::StackName" => self.stack.clone().into(),
            "AWS::NoValue" => Value::Null,
            id => match self.types.get(id).map(String::as_str) {
                Some("AWS::SecretsManager::Secret") => self.secret_arn(id).into(),
                Some(_) => self.physical_name(id).into(),
                None => return Err(wrong(at, &format!("there is no parameter or resource {id:?}"))),
            },
        })
    }

    fn attribute(&self, id: &str, attribute: &str, at: &str) -> Result<String, Failure> {
        let name = self.physical_name(id);
        match (self.types.get(id).map(String::as_str), attribute) {
            (Some("AWS::DynamoDB::Table"), "Arn") => Ok(arn("dynamodb", &format!("table/{name}"))),
            // The engine has its own name for the stream; what counts is the table's.
            (Some("AWS::DynamoDB::Table"), "StreamArn") => Ok(arn("dynamodb", &format!("table/{name}/stream/local"))),
            (Some("AWS::SQS::Queue"), "Arn") => Ok(arn("sqs", &name)),
            (Some("AWS::Serverless::Function"), "Arn") => Ok(arn("lambda", &format!("function:{name}"))),
            (None, _) => Err(wrong(at, &format!("there is no resource {id:?}"))),
            (Some(kind), _) => Err(wrong(at, &format!("{attribute} of {id}, an {kind}, is not understood here"))),
        }
    }

    /// The name that a resource gets.
    pub fn physical_name(&self, id: &str) -> String {
        format!("{}-{id}", self.stack)
    }

    /// What `Ref` of a secret gives.
    pub fn secret_arn(&self, id: &str) -> String {
        arn("secretsmanager", &format!("secret:{}", self.physical_name(id)))
    }

    fn substitute(&self, text: &str, names: &Map<String, Value>, at: &str) -> Result<Value, Failure> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| wrong(at, "Sub: a ${ without its }"))?;
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
                result.push_str(&plain(&value).ok_or_else(|| wrong(at, &format!("Sub: {name} is not a text")))?);
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

/// What `AWS::NoValue` left out is not there.
fn without_null(items: impl Iterator<Item = Result<Value, Failure>>) -> Result<Vec<Value>, Failure> {
    items.filter(|item| !matches!(item, Ok(Value::Null))).collect()
}

/// What is wrong, and where in the template.
pub(super) fn wrong(at: &str, what: &str) -> Failure {
    Failure::new(format!("the template at {at}: {what}"))
}
