//! `cargo xtask lint`: everything that is checked without running Weir.

mod tidy;

use anyhow::bail;

use crate::{out, run, tools};

type Step = (&'static str, fn() -> anyhow::Result<()>);

/// Every step, cheapest first. All of them run, so that one look shows all there is to mend.
const STEPS: &[Step] = &[
    ("format", format),
    ("tidy", tidy::check),
    ("layering", layering),
    ("clippy", clippy),
    ("documentation", documentation),
    ("licenses, bans and sources", deny),
    ("unused dependencies", machete),
];

/// Runs the verb.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        out::note(format_args!("── {name}"));
        if let Err(error) = step() {
            out::note(format_args!("{name}: {error:#}"));
            failed.push(*name);
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    out::say("lint: all clean");
    Ok(())
}

fn format() -> anyhow::Result<()> {
    run::run(&mut run::cargo(["fmt", "--all", "--check"]))
}

fn clippy() -> anyhow::Result<()> {
    run::run(&mut run::cargo(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn documentation() -> anyhow::Result<()> {
    let mut doc = run::cargo(["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"]);
    run::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

fn layering() -> anyhow::Result<()> {
    run::output(&mut run::cargo(["test", "--quiet", "--package", "xtask", "--test", "layering"])).map(drop)
}

fn deny() -> anyhow::Result<()> {
    if !tools::cargo_tool("cargo-deny") {
        return Ok(());
    }
    run::run(&mut run::cargo(["deny", "--log-level", "error", "check", "bans", "licenses", "sources"]))?;
    let mut advisories = run::cargo(["deny", "--log-level", "error", "fetch", "db"]);
    if run::output(&mut advisories).is_err() {
        out::note("skipped: the advisory database can't be reached");
        return Ok(());
    }
    run::run(&mut run::cargo(["deny", "--log-level", "error", "check", "--disable-fetch", "advisories"]))
}

fn machete() -> anyhow::Result<()> {
    if !tools::cargo_tool("cargo-machete") {
        return Ok(());
    }
    // Its own name as a subcommand confuses it inside `cargo run`.
    run::run(run::tool("cargo-machete").arg("."))
}
