//! The programs of a cluster: started in its namespace, remembered by number, ended by it.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::{network, place::Place};

/// What programs get to end by themselves.
const GRACE: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Starts a program of the cluster, its output going to a log.
pub(super) fn start(place: &Place, program: &str, args: &[String]) -> anyhow::Result<()> {
    let log = File::create(place.log(program))?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [place.bin()].into_iter().chain(std::env::split_paths(&path));
    let mut command = network::command(&place.program(program));
    command.args(args).env("PATH", std::env::join_paths(folders)?).current_dir(&place.run);
    // In a group of its own, so that it outlives the terminal that started it.
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
    let child = command.spawn().with_context(|| format!("starting {program}"))?;
    let mut pids = OpenOptions::new().create(true).append(true).open(place.pids())?;
    writeln!(pids, "{}", child.id())?;
    Ok(())
}

/// Waits until a command succeeds.
pub(super) fn wait(what: &str, limit: Duration, mut command: impl FnMut() -> Command) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let done = command().stdin(Stdio::null()).output()?;
        if done.status.success() {
            return Ok(());
        }
        if started.elapsed() > limit {
            bail!("{what} took more than {limit:?}: {}", String::from_utf8_lossy(&done.stderr).trim());
        }
        thread::sleep(LOOK);
    }
}

/// Ends what was started, the last first, and then whatever it left behind in the namespace.
pub(super) fn end(place: &Place) {
    let pids: Vec<i32> = match fs::read_to_string(place.pids()) {
        Ok(text) => text.lines().filter_map(|line| line.parse().ok()).collect(),
        Err(_) => Vec::new(),
    };
    let ours = |pid: &&i32| is_ours(place, **pid);
    for pid in pids.iter().rev().filter(ours) {
        signal(*pid, Signal::TERM);
    }
    let deadline = Instant::now() + GRACE;
    while pids.iter().any(|pid| is_alive(*pid) && is_ours(place, *pid)) && Instant::now() < deadline {
        thread::sleep(LOOK);
    }
    for pid in pids.iter().filter(ours).copied().chain(network::residents()) {
        signal(pid, Signal::KILL);
    }
    while !network::residents().is_empty() && Instant::now() < deadline + GRACE {
        thread::sleep(LOOK);
    }
}

/// Whether a process is one of the cluster's programs: numbers are given out again.
fn is_ours(place: &Place, pid: i32) -> bool {
    let program = fs::read_link(Path::new("/proc").join(pid.to_string()).join("exe"));
    program.is_ok_and(|program| program.starts_with(place.bin()))
}

fn is_alive(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
}

fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // A process that has ended needs no signal.
        let _ = kill_process(pid, signal);
    }
}
