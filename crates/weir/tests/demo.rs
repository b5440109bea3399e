//! `weir demo` as people and scripts use it.

use std::process::{Command, Output};

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// Times in the manifests are divided by this.
const SPEED: &str = "3";

fn demo(arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    Ok(command.args(["demo", "--speed", SPEED]).args(arguments).output()?)
}

fn measured(arguments: &[&str]) -> anyhow::Result<Value> {
    let output = demo(&[arguments, &["--json"]].concat())?;
    let result: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let progress = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && result["holds"] == true, "{progress}\n{result:#}");
    Ok(result)
}

fn list<'r>(result: &'r Value, name: &str) -> &'r [Value] {
    result[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[test]
fn both_scenarios_hold_without_a_failed_request() -> anyhow::Result<()> {
    let result = measured(&[])?;
    ensure!(result["failed"] == 0 && result["wrong"] == 0, "{result:#}");
    let rows = list(&result, "rows");
    let asked = [
        ("insiders", "header foo: bar", 100.0),
        ("insiders", "cookie foo=bar", 100.0),
        ("insiders", "everybody else", 0.0),
        ("everybody", "everybody", 100.0),
        ("fifth", "everybody", 20.0),
        ("ramp 1/4", "everybody", 40.0),
        ("ramp 4/4", "everybody", 100.0),
    ];
    for (step, who, asked) in asked {
        let is_it = |row: &Value| row["step"] == step && row["who"] == who && row["asked"] == asked;
        ensure!(rows.iter().any(is_it), "{step} of {who} is missing: {result:#}");
    }
    for scenario in [1, 2] {
        let stopped = rows
            .iter()
            .find(|row| row["scenario"] == scenario && row["step"] == "the old version is stopped");
        ensure!(stopped.is_some_and(|row| row["requests"].as_u64() > Some(0)), "{result:#}");
    }
    let streams = list(&result, "checks").iter().filter_map(|check| check["what"].as_str());
    ensure!(streams.clone().any(|what| what.contains("10 ended politely")), "{result:#}");
    Ok(())
}

/// Holding means that it was noticed, rolled back and taken offline, and that no request failed after that.
fn check_fault(fault: &str, noticed: &str) -> anyhow::Result<()> {
    let output = demo(&["--fault", fault])?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{text}");
    for line in [noticed, "until weight 0 was in force", "the release is RolledBack", "Every figure holds."] {
        ensure!(text.contains(line), "{line:?} is missing:\n{text}");
    }
    ensure!(!text.contains("  NO  "), "{text}");
    Ok(())
}

#[test]
fn a_version_with_errors_is_rolled_back() -> anyhow::Result<()> {
    check_fault("errors", "guardrail errors has noticed: ")
}

#[test]
fn a_slow_version_is_rolled_back() -> anyhow::Result<()> {
    check_fault("latency", "guardrail slow has noticed: more responses")
}

#[test]
fn a_crashed_version_is_rolled_back() -> anyhow::Result<()> {
    check_fault("crash", "guardrail errors has noticed: ")
}
