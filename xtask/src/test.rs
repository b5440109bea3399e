//! `cargo xtask test`: every test, also those in a cluster, streamed, with one closing line of counts.

use std::{
    fmt,
    io::{BufRead as _, BufReader},
    process::{Command, ExitCode, Stdio},
};

use anyhow::Context as _;

use crate::{
    e2e, out,
    packages::{self, Need},
    run,
};

/// Arguments of the verb.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the tests in a cluster
    #[arg(long)]
    no_e2e: bool,
    /// More arguments for `cargo test`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    more: Vec<String>,
}

/// How many tests there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Counts {
    /// Runs a command and counts while its output passes through; whether it succeeded.
    pub(crate) fn stream(&mut self, command: &mut Command) -> anyhow::Result<bool> {
        let failed = self.failed;
        let mut cargo = command.stdout(Stdio::piped()).spawn().context("starting cargo test")?;
        for line in BufReader::new(cargo.stdout.take().context("no stdout")?).lines() {
            let line = line.unwrap_or_default();
            self.read(&line);
            out::say(line);
        }
        let status = cargo.wait()?;
        if !status.success() && self.failed == failed {
            // Something that is not a test failed: a build, or a test program that died.
            self.failed += 1;
        }
        Ok(status.success())
    }

    /// Adds what a line tells; most lines tell nothing.
    fn read(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        for part in result.split(['.', ';']) {
            let Some((number, word)) = part.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        match self.skipped {
            0 => Ok(()),
            skipped => write!(f, ", {skipped} skipped"),
        }
    }
}

/// Runs the verb.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    packages::ensure(Need::Tests)?;
    let mut counts = Counts::default();
    let mut workspace = run::cargo(["test", "--workspace", "--no-fail-fast"]);
    let mut passed = counts.stream(workspace.args(&args.more))?;
    if !args.no_e2e {
        passed &= e2e::part_of_all(&mut counts).unwrap_or_else(|error| {
            out::note(format_args!("e2e: {error:#}"));
            counts.failed += 1;
            false
        });
    }
    // Nothing follows the counts, on either stream.
    out::say(counts);
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_over_result_lines() {
        let mut counts = Counts::default();
        counts.read("running 3 tests");
        counts.read(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s",
        );
        counts.read("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.5s");
        assert_eq!(counts.to_string(), "4 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn skipped_is_left_out_when_there_is_none() {
        assert_eq!(Counts { passed: 7, failed: 0, skipped: 0 }.to_string(), "7 passed, 0 failed");
    }
}
