//! What was measured, and on what.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde::Serialize;

use super::{peer::PeerName, site::Site};
use crate::run;

/// Facts about the machine and the programs.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Facts {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// Which cores had which part.
    pub(crate) pinning: String,
    pub(crate) versions: BTreeMap<&'static str, String>,
    pub(crate) commit: String,
}

pub(crate) fn gather(site: &Site) -> Facts {
    let cores = &site.cores;
    let mut versions: BTreeMap<_, _> =
        site.programs.iter().map(|(name, program)| (name.title(), version(*name, program))).collect();
    versions.insert("rustc", version_in(&first_line(Command::new("rustc").arg("--version"))));
    Facts {
        cpu: cpu_model(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        kernel: first_line(Command::new("uname").args(["--kernel-name", "--kernel-release", "--machine"])),
        pinning: format!("proxy on core {}, origin on {}, load on {}", cores.proxy, cores.origin, cores.load),
        versions,
        commit: commit(),
    }
}

fn cpu_model() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    model.map_or("unknown", |line| line.trim_start_matches([' ', '\t', ':'])).to_owned()
}

fn commit() -> String {
    let git = |args: &[&str]| run::output(Command::new("git").args(args).current_dir(run::root()));
    let hash = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_default();
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_ok_and(|list| !list.is_empty());
    format!("{}{}", hash.trim(), if changed { " with changes" } else { "" })
}

fn version(name: PeerName, program: &Path) -> String {
    let flag = if matches!(name, PeerName::Nginx | PeerName::Haproxy) { "-v" } else { "--version" };
    version_in(&first_line(Command::new(program).arg(flag)))
}

/// Each program says it its own way, some with a path in front: the version is the word with dots in it.
fn version_in(line: &str) -> String {
    let is_version = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.');
    line.split([' ', '/']).find(is_version).unwrap_or(line).to_owned()
}

fn first_line(command: &mut Command) -> String {
    let Ok(output) = command.output() else { return "unknown".to_owned() };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("unknown").trim().to_owned()
}
