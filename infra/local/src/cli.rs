use clap::Parser;
use std::path::PathBuf;

/// Runs the whole portal on one machine.
#[derive(Parser, Clone, Debug)]
#[command(name = "cargo dev", bin_name = "cargo dev")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own on the command line")]
pub struct Options {
    /// Port of the portal; 0 for any free one.
    #[arg(long, value_name = "N", default_value_t = 3000)]
    pub port: u16,
    /// A running DynamoDB engine, such as DynamoDB Local, instead of the embedded one.
    #[arg(long, value_name = "URL")]
    pub dynamodb: Option<String>,
    /// Template to run instead of infra/template.yaml.
    #[arg(long, value_name = "FILE.yaml")]
    pub template: Option<PathBuf>,
    /// Directory to import: a CSV file with the columns compte,courriel,prenom,nom,langue,actif.
    #[arg(long, value_name = "FILE.csv")]
    pub directory: Option<PathBuf>,
    /// Delete the data of earlier runs.
    #[arg(long)]
    pub fresh: bool,
    /// Set a parameter of the template. Can be repeated.
    #[arg(long, value_name = "PARAMETER=VALUE", value_parser = parse_parameter)]
    pub set: Vec<(String, String)>,
    /// Instances of each function.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub concurrency: u16,
    /// Data folder; target/guichet/PORT by default.
    #[arg(long, value_name = "DIR", required_if_eq("port", "0"))]
    pub data: Option<PathBuf>,
    /// Do not poll the DynamoDB streams. The mailer then depends on its schedule.
    #[arg(long)]
    pub no_streams: bool,
    /// Run the functions as they were last built.
    #[arg(long)]
    pub no_build: bool,
    /// Run the functions that `cargo admin package` built for Lambda.
    #[arg(long)]
    pub packaged: bool,
}

fn parse_parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected Parameter=Value")?;
    Ok((name.to_owned(), value.to_owned()))
}
