use clap::Parser;
use guichet_local::cli::Options;
use guichet_local::start;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match start::run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo dev: {error:#}");
            ExitCode::FAILURE
        }
    }
}
