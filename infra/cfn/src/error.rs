use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("{0} cannot be read")]
    Read(PathBuf, #[source] std::io::Error),
    #[error("the template is not valid YAML")]
    Yaml(#[from] serde_norway::Error),
    #[error("no such parameter: {name}; the template has {declared}")]
    UnknownParameter {
        name: String,
        /// All names, separated by commas.
        declared: String,
    },
    #[error("parameter {0} has no default and needs a value")]
    MissingParameter(String),
    #[error("parameter {name} cannot be {value:?}: {reason}")]
    InvalidParameter { name: String, value: String, reason: String },
    #[error("the template at {at}: {reason}")]
    Unsupported {
        /// Such as `Resources.Table.Properties.KeySchema[0]`.
        at: String,
        reason: String,
    },
}

impl TemplateError {
    pub(crate) fn at(at: &str, reason: impl Into<String>) -> Self {
        Self::Unsupported { at: at.to_owned(), reason: reason.into() }
    }
}
