#![doc = include_str!("../README.md")]

mod error;
pub mod iam;
mod pseudo_parameters;
mod scalar;
pub mod template;

pub use error::TemplateError;
pub use pseudo_parameters::PseudoParameters;
pub use template::Template;
