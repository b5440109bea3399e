//! `cargo xtask bench scale`: the measurements that are programs of their own.

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{out, run};

/// A package with an example that measures, and what it measures.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("weir-route", "scale", "tables of 10 to 100 000 hosts"),
    ("weir", "reconfigure", "reconfiguration under load"),
];

/// Runs every program, and then names those that are missing.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut failed = Vec::new();
    for (package, example, about) in PROGRAMS {
        out::note(format_args!("── {about}"));
        if let Err(error) = one(package, example) {
            out::note(format_args!("{about}: {error:#}"));
            failed.push(*about);
        }
    }
    if !failed.is_empty() {
        bail!("not measured: {}", failed.join(", "));
    }
    Ok(())
}

fn one(package: &str, example: &str) -> anyhow::Result<()> {
    let file = run::root().join("crates").join(package).join("examples").join(example);
    if !file.with_extension("rs").is_file() && !file.join("main.rs").is_file() {
        bail!("{package} has no example named {example}");
    }
    let args = ["run", "--release", "--quiet", "--package", package, "--example", example];
    let mut command: Command = run::cargo(args);
    run::run(&mut command).context("measuring")
}
