//! Builds the functions for `sam deploy`, and checks that they can start on Lambda.

use crate::{cargo_lambda, child_guard, workspace};
use anyhow::{Context, anyhow, bail};
use guichet_cfn::Template;

/// The glibc of Lambda's `provided.al2023`.
const GLIBC: (u32, u32) = (2, 34);

/// A processor architecture of Lambda.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    X86,
    Arm,
}

impl Architecture {
    const fn host() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Arm } else { Self::X86 }
    }

    /// `e_machine` of the ELF header.
    const fn elf_machine(self) -> u8 {
        match self {
            Self::X86 => 62,
            Self::Arm => 183,
        }
    }

    /// The value of the template's parameter `Architecture`.
    const fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "arm64",
        }
    }
}

/// Builds each function of the template as `target/lambda/NAME/bootstrap`.
pub async fn package(architecture: Architecture) -> anyhow::Result<()> {
    let clone = workspace::root()?;
    let template = Template::read(&clone.join("infra/template.yaml"))?;
    let functions = template.function_names();
    let mut cargo = child_guard::command(cargo_lambda::install(&clone).await?);
    cargo.current_dir(&clone).args(["lambda", "build", "--release"]);
    // Cargo does not apply the profile's `strip` to packages that have overrides of their own (rust-lang/cargo, 1.95).
    cargo.env("RUSTFLAGS", "-C strip=symbols");
    if architecture == Architecture::host() {
        // Zig is only needed to cross-compile. `check_binary` rejects a glibc that is too new.
        cargo.args(["--compiler", "cargo"]);
    }
    if architecture == Architecture::Arm {
        cargo.arg("--arm64");
    }
    // Without `--package`, features are unified with those that the tests need of shared dependencies.
    for function in &functions {
        cargo.args(["--package", function, "--bin", function]);
    }
    if !child_guard::run(cargo).await?.success() {
        let hint = "Cross-compiling needs zig (`pip install ziglang`) and the Rust target (`rustup target add`)";
        bail!(
            "cannot build the functions; see above. {}",
            if architecture == Architecture::host() { "" } else { hint }
        );
    }
    for function in &functions {
        let file = workspace::packaged_function(function)?;
        let binary = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let (major, minor) = check_binary(&binary, architecture).map_err(|error| anyhow!("{function}: {error}"))?;
        println!("{function:<16} {:>6} KB, glibc {major}.{minor}", binary.len() / 1024);
    }
    println!("next: cd infra && sam deploy --parameter-overrides Architecture={} …", architecture.name());
    Ok(())
}

/// The newest glibc version that a binary needs, unless Lambda cannot start it.
fn check_binary(binary: &[u8], architecture: Architecture) -> Result<(u32, u32), String> {
    if !binary.starts_with(b"\x7fELF") || binary.get(18) != Some(&architecture.elf_machine()) {
        return Err(format!("not a binary for {}", architecture.name()));
    }
    let needed = glibc_version(binary);
    if needed > GLIBC {
        return Err(format!(
            "it needs glibc {}.{}, but Lambda's provided.al2023 has {}.{}; build on Debian 12 or older, or with zig",
            needed.0, needed.1, GLIBC.0, GLIBC.1
        ));
    }
    Ok(needed)
}

/// The newest of the symbol versions `GLIBC_2.x` in a binary.
fn glibc_version(binary: &[u8]) -> (u32, u32) {
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
    use super::{Architecture, check_binary, glibc_version};

    #[test]
    fn package_refuses_binary_that_lambda_cannot_start() {
        let binary = |machine: u8, rest: &str| {
            [b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0", &[machine, 0][..], rest.as_bytes()].concat()
        };
        let both = "x\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_PRIVATE\0";
        assert_eq!(check_binary(&binary(62, both), Architecture::X86), Ok((2, 34)));
        assert_eq!(check_binary(&binary(183, both), Architecture::Arm), Ok((2, 34)));
        assert!(check_binary(&binary(62, both), Architecture::Arm).unwrap_err().contains("arm64"));
        let too_new = binary(62, "GLIBC_2.9\0GLIBC_2.38\0");
        assert!(check_binary(&too_new, Architecture::X86).unwrap_err().contains("glibc 2.38"));
        assert!(check_binary(b"#!/bin/sh", Architecture::X86).is_err());
    }

    #[test]
    fn package_accepts_native_binary() {
        let own = std::env::args_os().next().unwrap();
        let own = std::fs::read(own).unwrap();
        let (major, minor) = glibc_version(&own);
        assert!(major == 2 && minor >= 17, "{major}.{minor}");
        assert_eq!(own[18], Architecture::host().elf_machine());
    }
}
