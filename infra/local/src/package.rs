//! What `sam deploy` takes: the functions, built for Lambda and looked at before anybody uploads them.

use crate::cargo_lambda;
use crate::{machine, tether};
use anyhow::{Context, anyhow};
use guichet_cfn::Template;

/// The glibc of Lambda's `provided.al2023`. What needs a newer one does not start there.
const GLIBC: (u32, u32) = (2, 34);

/// A processor that Lambda has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// `x86_64`
    X86,
    /// `arm64`
    Arm,
}

impl Architecture {
    const fn here() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Arm } else { Self::X86 }
    }

    /// The machine's number in an ELF header.
    const fn elf(self) -> u8 {
        match self {
            Self::X86 => 62,
            Self::Arm => 183,
        }
    }

    /// As the template's parameter has it.
    const fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "arm64",
        }
    }
}

/// Builds all functions of the template below `target/lambda`, each by name, and says what they are.
pub async fn package(architecture: Architecture) -> anyhow::Result<()> {
    let workspace = machine::workspace()?;
    let template = Template::read(&workspace.join("infra/template.yaml")).context("the template")?;
    let functions = template.function_names();
    let tool = cargo_lambda::bring(&workspace).await?;
    let mut cargo = tether::command(tool)?;
    cargo.current_dir(&workspace).args(["lambda", "build", "--release"]);
    // A package with a profile of its own does not get this of the common one (rust-lang/cargo, 1.95).
    cargo.env("RUSTFLAGS", "-C strip=symbols");
    if architecture == Architecture::here() {
        // For the machine's own processor no other linker is needed; what it links against is looked at below.
        cargo.args(["--compiler", "cargo"]);
    }
    if architecture == Architecture::Arm {
        cargo.arg("--arm64");
    }
    // Each as a package of its own, or they would be built with what the tests want of the libraries that they share.
    for function in &functions {
        cargo.args(["--package", function, "--bin", function]);
    }
    if !tether::run(&mut cargo).await?.success() {
        return Err(anyhow::Error::msg(if architecture == Architecture::here() {
            "the functions do not build; the reason stands above"
        } else {
            "the functions do not build; the reason stands above. For another processor than this machine's cargo-lambda \
             needs zig (`pip install ziglang`) and Rust its target (`rustup target add`)"
        }));
    }
    for function in &functions {
        let file = machine::packaged(function)?;
        let binary = std::fs::read(&file).with_context(|| format!("{} is not there", file.display()))?;
        let (major, minor) = fits(&binary, architecture).map_err(|why| anyhow!("{function}: {why}"))?;
        println!("{:<16} {:>6} KB, glibc {major}.{minor}", function, binary.len() / 1024);
    }
    println!("next: cd infra && sam deploy --parameter-overrides Architecture={} …", architecture.name());
    Ok(())
}

/// The newest glibc that a program asks for, where Lambda has it and the processor is right.
fn fits(binary: &[u8], architecture: Architecture) -> Result<(u32, u32), String> {
    if !binary.starts_with(b"\x7fELF") || binary.get(18) != Some(&architecture.elf()) {
        return Err(format!("not a program for {}", architecture.name()));
    }
    let needed = glibc(binary);
    if needed > GLIBC {
        return Err(format!(
            "it needs glibc {}.{}, and Lambda's provided.al2023 has {}.{}; build on Debian 12 or older, or with zig",
            needed.0, needed.1, GLIBC.0, GLIBC.1
        ));
    }
    Ok(needed)
}

/// The newest of the versions `GLIBC_2.x` that a program's symbols name.
fn glibc(binary: &[u8]) -> (u32, u32) {
    const MARK: &[u8] = b"GLIBC_";
    let version = |text: &[u8]| {
        let text: String =
            text.iter().map(|byte| char::from(*byte)).take_while(|one| one.is_ascii_digit() || *one == '.').collect();
        let mut numbers = text.split('.').map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    let marks = binary.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    marks.filter_map(|(at, _)| version(binary.get(at + MARK.len()..)?)).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Architecture, fits};

    #[test]
    fn what_lambda_cannot_start_is_refused() {
        let program = |machine: u8, rest: &str| {
            [b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0", &[machine, 0][..], rest.as_bytes()].concat()
        };
        let both = "x\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_PRIVATE\0";
        assert_eq!(fits(&program(62, both), Architecture::X86), Ok((2, 34)));
        assert_eq!(fits(&program(183, both), Architecture::Arm), Ok((2, 34)));
        assert!(fits(&program(62, both), Architecture::Arm).unwrap_err().contains("arm64"));
        assert!(fits(&program(62, "GLIBC_2.9\0GLIBC_2.38\0"), Architecture::X86).unwrap_err().contains("glibc 2.38"));
        assert!(fits(b"#!/bin/sh", Architecture::X86).is_err());
    }

    #[test]
    fn the_program_that_runs_this_is_one() {
        let me = std::env::args_os().next().unwrap();
        let me = std::fs::read(me).unwrap();
        let (major, minor) = super::glibc(&me);
        assert!(major == 2 && minor >= 17, "{major}.{minor}");
        assert_eq!(me[18], Architecture::here().elf());
    }
}
