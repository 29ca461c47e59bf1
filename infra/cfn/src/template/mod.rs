//! Templates: YAML, parameters, intrinsic functions, and the resources that a stack on one machine needs.

mod definition;
mod function;
mod headers;
mod intrinsics;
mod parameters;
mod resources;
mod yaml;

pub use definition::{
    EventRule, EventSourceMapping, Function, HttpRoute, Schedule, SecretDefinition, SecretGenerator, StackDefinition,
    TableDefinition,
};
pub use parameters::ParameterOverrides;

use crate::{PseudoParameters, TemplateError};
use intrinsics::Scope;
use serde_json::Value;
use std::path::Path;

/// A parsed template. Nothing is evaluated yet.
#[derive(Clone, Debug)]
pub struct Template(Value);

impl Template {
    pub fn read(file: &Path) -> Result<Self, TemplateError> {
        let text = std::fs::read_to_string(file).map_err(|error| TemplateError::Read(file.to_owned(), error))?;
        Self::parse(&text)
    }

    pub fn parse(yaml: &str) -> Result<Self, TemplateError> {
        yaml::parse(yaml).map(Self)
    }

    /// The template as JSON, with the long form of every intrinsic function: `!Ref A` is `{"Ref": "A"}`.
    #[must_use]
    pub const fn json(&self) -> &Value {
        &self.0
    }

    /// [`Function::name`] of every function, whatever its condition. Evaluates nothing.
    #[must_use]
    pub fn function_names(&self) -> Vec<&str> {
        let resources = self.0["Resources"].as_object().into_iter().flatten().map(|(_, resource)| resource);
        let functions = resources.filter(|resource| resource["Type"] == function::TYPE);
        functions.filter_map(|function| function["Properties"]["CodeUri"].as_str().map(function::name)).collect()
    }

    /// Resolves the parameters and evaluates all resources whose condition holds.
    pub fn resolve(
        &self,
        pseudo_parameters: PseudoParameters,
        overrides: &ParameterOverrides,
    ) -> Result<StackDefinition, TemplateError> {
        let parameters = parameters::resolve_parameters(&self.0, overrides)?;
        resources::collect(&self.0, &Scope::new(&self.0, pseudo_parameters, parameters))
    }
}

#[cfg(test)]
mod tests;
