//! The command line.

use clap::Parser;
use std::path::PathBuf;

/// The whole portal on one machine.
#[derive(Parser, Clone, Debug)]
#[command(name = "cargo dev", bin_name = "cargo dev")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own on the command line")]
pub struct Options {
    /// The portal's port; 0 takes any free one.
    #[arg(long, value_name = "N", default_value_t = 3000)]
    pub port: u16,
    /// A DynamoDB engine that runs already, such as DynamoDB Local, instead of the embedded one.
    #[arg(long, value_name = "URL")]
    pub dynamodb: Option<String>,
    /// Another template than infra/template.yaml.
    #[arg(long, value_name = "FILE.yaml")]
    pub template: Option<PathBuf>,
    /// The staff to import first: a CSV file with the columns compte,courriel,prenom,nom,langue,actif.
    #[arg(long, value_name = "FILE.csv")]
    pub directory: Option<PathBuf>,
    /// Forget the data of earlier starts.
    #[arg(long)]
    pub fresh: bool,
    /// Set a parameter of the template. Can be repeated.
    #[arg(long, value_name = "PARAMETER=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
    /// Instances of each function.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub concurrency: u16,
    /// The folder that keeps the data; target/guichet/PORT where nothing else is said.
    #[arg(long, value_name = "DIR", required_if_eq("port", "0"))]
    pub data: Option<PathBuf>,
    /// Leave the mailer to its sweep, without the stream.
    #[arg(long)]
    pub no_bell: bool,
    /// Take the functions as they were built last.
    #[arg(long)]
    pub no_build: bool,
    /// Take the functions as `cargo admin package` built them for Lambda; nothing is built.
    #[arg(long)]
    pub packaged: bool,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as Parameter=Value")?;
    Ok((name.to_owned(), value.to_owned()))
}
