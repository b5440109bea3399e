//! Processes of containers, which the node's machine sees. Nothing in the images could end them: there is no shell.

use std::fs;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

/// The process that was started with all of these arguments, as the machine numbers it.
///
/// # Errors
/// When there is none.
pub fn process_of(arguments: &[&str]) -> anyhow::Result<i32> {
    let numbers = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut found = numbers.filter(|number| has(*number, arguments));
    found.next().with_context(|| format!("no process has the arguments {arguments:?}"))
}

fn has(number: i32, arguments: &[&str]) -> bool {
    let Ok(line) = fs::read(format!("/proc/{number}/cmdline")) else { return false };
    let words: Vec<_> = line.split(|byte| *byte == 0).collect();
    arguments.iter().all(|argument| words.contains(&argument.as_bytes()))
}

/// Kills a process without a warning.
///
/// # Errors
/// When it is gone already, or another user's.
pub fn kill(number: i32) -> anyhow::Result<()> {
    let pid = Pid::from_raw(number).context("a process has a number above 0")?;
    kill_process(pid, Signal::KILL).with_context(|| format!("killing process {number}"))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader},
        process::{Command, Stdio, id},
    };

    use super::*;

    /// A process that says when it runs: before that the system may not show its arguments yet.
    #[test]
    fn a_process_is_found_by_its_arguments_and_killed() -> anyhow::Result<()> {
        let own = format!("own-{}", id());
        let mut command = Command::new("sh");
        command.args(["-c", "echo runs; read line", &own]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let said = child.stdout.take().context("its output")?;
        BufReader::new(said).read_line(&mut String::new())?;
        let number = process_of(&["sh", &own])?;
        assert_eq!(u32::try_from(number)?, child.id());
        assert!(process_of(&["sh", &own, "more"]).is_err());
        kill(number)?;
        assert!(!child.wait()?.success());
        Ok(())
    }
}
