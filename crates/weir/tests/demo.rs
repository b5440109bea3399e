//! `weir demo` as a script uses it.

use std::process::Command;

use anyhow::ensure;
use serde_json::Value;

#[test]
fn the_demo_holds_and_says_so() -> anyhow::Result<()> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_weir")).args(["demo", "--json", "--speed", "10"]).output()?;
    let result: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(output.status.success(), "{result:#}");
    ensure!(result["holds"] == true && result["failed"] == 0 && result["misrouted"] == 0, "{result:#}");
    let rows = result["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
    let measured = |row: &&Value| row["asked"].is_number();
    for row in rows.iter().filter(measured) {
        ensure!(row["requests"].as_u64() >= Some(10_000), "{row:#}");
    }
    for scenario in [1, 2] {
        let phases = rows.iter().filter(|row| row["scenario"] == scenario).filter(measured);
        ensure!(phases.clone().any(|row| row["asked"] == 100.0), "{result:#}");
        ensure!(phases.clone().any(|row| row["asked"] != 100.0), "{result:#}");
    }
    Ok(())
}
