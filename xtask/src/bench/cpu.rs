//! What a process and its children have used, from `/proc`.

use std::{fs, time::Duration};

use anyhow::Context as _;

/// A process with its descendants.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let mut at = 0;
    while at < family.len() {
        family.extend(children(family[at]));
        at += 1;
    }
    family
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// The time that a process, its threads and its descendants have spent on a core, user and system.
///
/// The scheduler's own account is read, in nanoseconds: the ticks of `/proc/PID/stat` are the same time,
/// rounded to ten milliseconds.
pub(crate) fn time(pid: u32) -> anyhow::Result<Duration> {
    family(pid).into_iter().map(of_process).sum()
}

fn of_process(pid: u32) -> anyhow::Result<Duration> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).context("the process has ended")?;
    let accounts = tasks.flatten().map(|task| fs::read_to_string(task.path().join("schedstat")));
    accounts.map(|account| on_core(&account?)).sum()
}

fn on_core(account: &str) -> anyhow::Result<Duration> {
    let nanos = account.split_whitespace().next().context("an empty account")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

/// The resident memory of a process and its descendants that they don't share, in KiB.
pub(crate) fn memory(pid: u32) -> anyhow::Result<u64> {
    family(pid).into_iter().map(anonymous).sum()
}

fn anonymous(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the process has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The time that ended and awaited children of this process have spent, to ten milliseconds.
pub(crate) fn of_ended_children() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name in parentheses may hold spaces; cutime and cstime are the 14th and 15th fields after it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    let sum = ticks(13).zip(ticks(14)).map(|(user, system)| user + system).context("a short stat")?;
    Ok(Duration::from_millis(sum * 1000 / rustix::param::clock_ticks_per_second()))
}
