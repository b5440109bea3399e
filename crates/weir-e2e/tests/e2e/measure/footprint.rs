//! Memory and idle time of controllers and proxies, as the kernel counts them.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::Context as _;
use tokio::time::sleep;
use weir_e2e::{Installation, Stage, process_of};

/// What has to be over before anybody is idle: status, events, claims.
const SETTLES: Duration = Duration::from_secs(20);
/// How long processor time is counted.
const IDLE: Duration = Duration::from_secs(30);
/// How much time a tick of the kernel's count is.
const TICKS: f64 = 100.0;

/// Tells the figures of every pod.
pub(super) async fn measure(stage: &Stage, weir: &Installation) -> anyhow::Result<()> {
    sleep(SETTLES).await;
    let (controllers, proxies) = (weir.controllers().await?, weir.proxies().await?);
    let mut pods = Vec::new();
    for (verb, list) in [("controller", controllers), ("proxy", proxies)] {
        for (number, pod) in list.iter().enumerate() {
            let process = process_of(&[verb, &format!("--identity={}", pod.name)])?;
            pods.push((format!("{verb} {}", number + 1), process, ticks(process)?));
        }
    }
    sleep(IDLE).await;
    for (name, process, before) in pods {
        let busy = (ticks(process)? - before) / TICKS / IDLE.as_secs_f64();
        stage.figure("footprint", &format!("{name}, resident, MiB"), resident(process)?);
        stage.figure("footprint", &format!("{name}, control group, MiB"), group(process)?);
        stage.figure("footprint", &format!("{name}, idle, cores"), busy);
    }
    Ok(())
}

/// Time in user and kernel mode; proc(5) has the fields behind the name in parentheses.
fn ticks(process: i32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok());
    Ok(field(11).context("utime")? + field(12).context("stime")?)
}

fn resident(process: i32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// What counts towards the memory limit, in either version of control groups, without pages of files that can be
/// dropped.
fn group(process: i32) -> anyhow::Result<f64> {
    let lines = fs::read_to_string(format!("/proc/{process}/cgroup"))?;
    let of = |controller: &str| {
        lines.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            (parts.next()? == controller).then(|| parts.next().unwrap_or_default().trim_start_matches('/'))
        })
    };
    let (folder, usage, inactive) = match of("memory") {
        Some(path) => (
            PathBuf::from("/sys/fs/cgroup/memory").join(path),
            "memory.usage_in_bytes",
            "total_inactive_file",
        ),
        None => (
            PathBuf::from("/sys/fs/cgroup").join(of("").context("no control group")?),
            "memory.current",
            "inactive_file",
        ),
    };
    let used: f64 = fs::read_to_string(folder.join(usage))
        .with_context(|| folder.display().to_string())?
        .trim()
        .parse()?;
    let stat = fs::read_to_string(folder.join("memory.stat"))?;
    let file = stat.lines().find_map(|line| line.strip_prefix(inactive)?.strip_prefix(' '));
    let file: f64 = file.unwrap_or("0").parse()?;
    Ok((used - file) / f64::from(1 << 20))
}
