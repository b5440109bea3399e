//! The programs of a cluster: started in its namespaces, found there, ended with them.

use std::{
    fs::{self, OpenOptions},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    init, network,
    place::{Place, text},
};

/// What a program gets to end by itself.
const GRACE: Duration = Duration::from_secs(5);
/// What killed processes get to be gone.
const GONE: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Starts a program of the cluster, its output going to a log, and remembers how.
pub(super) fn start(place: &Place, program: &str, args: &[String]) -> anyhow::Result<()> {
    fs::write(place.args(program), serde_json::to_string(args)?)?;
    spawn(place, program, args)
}

/// Starts a program again that was stopped, or ended by itself.
pub(super) fn start_again(place: &Place, program: &str) -> anyhow::Result<()> {
    let args: Vec<String> = serde_json::from_str(&known(place, program)?)?;
    ensure!(numbers(place, program).is_empty(), "{program} runs already");
    spawn(place, program, &args)
}

fn spawn(place: &Place, program: &str, args: &[String]) -> anyhow::Result<()> {
    let log = OpenOptions::new().create(true).append(true).open(place.log(program))?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [place.bin()].into_iter().chain(std::env::split_paths(&path));
    let mut command = init::command(place, &place.program(program))?;
    command.args(args).env("PATH", std::env::join_paths(folders)?).current_dir(&place.run);
    // In a group of its own, so that it outlives the terminal that started it.
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
    command.spawn().map(drop).with_context(|| format!("starting {program}"))
}

/// Stops a program, at once or as it likes to, and returns when it is gone.
pub(super) fn stop(place: &Place, program: &str, at_once: bool) -> anyhow::Result<()> {
    known(place, program)?;
    let running = || numbers(place, program);
    ensure!(!running().is_empty(), "{program} does not run");
    if !at_once {
        signal(&running(), Signal::TERM);
        until(GRACE, || running().is_empty());
    }
    signal(&running(), Signal::KILL);
    ensure!(until(GONE, || running().is_empty()), "{program} still runs {GONE:?} after it was killed");
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

/// Ends every process of the node. Nothing of what they keep is used again, so none is asked.
pub(super) fn end() -> anyhow::Result<()> {
    let gone = until(GONE, || {
        let residents = network::residents();
        signal(&residents, Signal::KILL);
        residents.is_empty()
    });
    ensure!(
        gone,
        "processes {:?} of the node still run {GONE:?} after they were killed",
        network::residents()
    );
    Ok(())
}

/// What is remembered of a program's start.
fn known(place: &Place, program: &str) -> anyhow::Result<String> {
    if let Ok(args) = fs::read_to_string(place.args(program)) {
        return Ok(args);
    }
    let names = fs::read_dir(place.run.join("args")).into_iter().flatten().flatten();
    let mut names: Vec<_> = names.map(|name| name.file_name().to_string_lossy().into_owned()).collect();
    ensure!(!names.is_empty(), "no cluster is up in {}: cargo xtask cluster up", place.run.display());
    names.sort_unstable();
    bail!("the cluster has no {program}; it has {}", names.join(", "))
}

/// The numbers of a program's processes: those in the namespace of this cluster's first process alone.
fn numbers(place: &Place, program: &str) -> Vec<i32> {
    let Some(namespace) = init::number(place).and_then(namespace_of) else { return Vec::new() };
    let program = text(&place.program(program));
    let is_it = |number: &i32| {
        // A program that was built anew meanwhile still is the program.
        let runs = |running: PathBuf| text(&running).trim_end_matches(" (deleted)") == program;
        namespace_of(*number).as_ref() == Some(&namespace) && link(*number, "exe").is_some_and(runs)
    };
    network::residents().into_iter().filter(is_it).collect()
}

fn namespace_of(number: i32) -> Option<PathBuf> {
    link(number, "ns/pid")
}

fn link(number: i32, name: &str) -> Option<PathBuf> {
    fs::read_link(Path::new("/proc").join(number.to_string()).join(name)).ok()
}

/// Looks until something is so; whether it came to be.
pub(super) fn until(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    loop {
        if is_so() {
            return true;
        }
        if started.elapsed() > limit {
            return false;
        }
        thread::sleep(LOOK);
    }
}

fn signal(numbers: &[i32], signal: Signal) {
    for number in numbers.iter().filter_map(|number| Pid::from_raw(*number)) {
        // A process that has ended needs no signal.
        let _ = kill_process(number, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_are_not_there_are_told() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        // Nothing of it is shared with a cluster that may be up.
        let place = Place { run: folder.path().join("run"), build: folder.path().join("build") };
        let message = |program| stop(&place, program, false).unwrap_err().to_string();
        assert!(message("etcd").starts_with("no cluster is up in "));
        place.create()?;
        fs::write(place.args("etcd"), "[]")?;
        assert_eq!(message("etcd2"), "the cluster has no etcd2; it has etcd");
        assert_eq!(message("etcd"), "etcd does not run");
        Ok(())
    }
}
