//! `cargo xtask test`: every test, also those in a cluster, streamed, with one closing line of counts.

use std::{
    fmt,
    io::{BufRead as _, BufReader, Read},
    process::{Command, ExitCode, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use anyhow::Context as _;

use crate::{
    e2e, out,
    packages::{self, Need},
    run,
};

/// How long the output is waited for before the process is looked at.
const LOOK: Duration = Duration::from_millis(200);

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
        let lines = lines(cargo.stdout.take().context("no stdout")?);
        let status = loop {
            // What a test has started and left behind keeps the output open: it must not keep us.
            let ended = cargo.try_wait()?;
            while let Ok(line) = lines.recv_timeout(LOOK) {
                self.read(&line);
                out::say(line);
            }
            if let Some(status) = ended {
                break status;
            }
        };
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

/// The lines of an output, until it is closed.
fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            if sender.send(line.unwrap_or_default()).is_err() {
                return;
            }
        }
    });
    lines
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
    fn a_process_that_is_left_behind_holds_nobody_up() -> anyhow::Result<()> {
        let mut counts = Counts::default();
        let mut left_behind = Command::new("sh");
        left_behind.args(["-c", "sleep 600 & echo $! >&2"]);
        let errors = tempfile::NamedTempFile::new()?;
        assert!(counts.stream(left_behind.stderr(errors.reopen()?))?);
        let number = std::fs::read_to_string(errors.path())?;
        assert!(Command::new("kill").arg(number.trim()).status()?.success());
        Ok(())
    }

    #[test]
    fn skipped_is_left_out_when_there_is_none() {
        assert_eq!(Counts { passed: 7, failed: 0, skipped: 0 }.to_string(), "7 passed, 0 failed");
    }
}
