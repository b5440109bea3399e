//! The node's first process. Every other one lives in its process and mount namespaces, so whoever ends it ends
//! all of them, containers included, and takes their mounts away: the kernel leaves nothing to forget.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Context as _;

use super::{network, place::Place};

/// Folders that containerd, the plugins and kubelet write to wherever they are told to keep their state. The
/// node has its own, which end with it.
const PRIVATE: &[&str] = &["/run/containerd", "/var/lib/cni", "/var/log/containers"];
/// Settings of the kernel that kubelet wants to have and would otherwise make, for the whole machine. The node
/// sees them as made.
const PRETENDED: &[(&str, &str)] = &[
    ("kernel/keys/root_maxbytes", "25000000"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
];
/// Its arguments are a folder of files to pretend with, and the private folders. It tells its number as the
/// machine knows it, reaps (when the signal is ignored, the kernel does) and waits to be killed.
const SCRIPT: &str = r#"
set -e
read -r pid rest < /proc/self/stat
mount -t proc proc /proc
mount --make-rshared /
cd "$1"; shift
find * -type f | while read -r name; do mount --bind "$name" "/proc/sys/$name"; done
cd /
for folder; do mount -t tmpfs weir-node "$folder"; done
trap "" CHLD
echo "$pid"
exec sleep infinity > /dev/null
"#;

/// Starts it, in the node's network namespace.
pub(super) fn start(place: &Place) -> anyhow::Result<()> {
    make_private_folders(place)?;
    let pretended = pretended(place)?;
    let log = OpenOptions::new().create(true).append(true).open(place.log("init"))?;
    let mut command = network::command(Path::new("unshare"));
    command.args(["--mount", "--propagation=slave", "--pid", "--fork", "--kill-child"]);
    command.args(["sh", "-c", SCRIPT, "init"]).arg(pretended).args(PRIVATE);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).process_group(0);
    let mut child = command.spawn().context("starting the node's first process")?;
    let mut number = String::new();
    BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut number)?;
    let number: i32 = number.trim().parse().with_context(|| {
        format!("the node's first process did not start; {} says why", place.log("init").display())
    })?;
    Ok(fs::write(place.init(), number.to_string())?)
}

/// Its number, as the machine knows it; `None` when it was never started.
pub(super) fn number(place: &Place) -> Option<i32> {
    fs::read_to_string(place.init()).ok()?.parse().ok()
}

/// A command that runs in all namespaces of the node.
pub(super) fn command(place: &Place, program: &Path) -> anyhow::Result<Command> {
    let number = number(place)
        .with_context(|| format!("no cluster is up in {}: cargo xtask cluster up", place.run.display()))?;
    let mut command = Command::new("nsenter");
    command.args(["--target", &number.to_string(), "--net", "--mount", "--pid", "--"]).arg(program);
    Ok(command)
}

/// A file per setting, below a folder as below `/proc/sys`.
fn pretended(place: &Place) -> anyhow::Result<PathBuf> {
    let folder = place.run.join("kernel");
    for (name, value) in PRETENDED {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().context("a setting is in a folder")?)?;
        fs::write(file, value)?;
    }
    Ok(folder)
}

/// Something has to be there for the node to hide. Remembers what was not, before it is.
fn make_private_folders(place: &Place) -> anyhow::Result<()> {
    let ancestors = PRIVATE.iter().flat_map(|folder| Path::new(folder).ancestors());
    let mut missing: Vec<&Path> = ancestors.filter(|folder| !folder.exists()).collect();
    missing.sort_unstable();
    missing.dedup();
    let lines: Vec<_> = missing.iter().map(|folder| folder.display().to_string()).collect();
    place.write("folders", &lines.join("\n"))?;
    missing.iter().try_for_each(fs::create_dir).context("making the folders that the node hides")
}

/// Removes the folders that were made, unless somebody else uses them by now.
pub(super) fn remove_private_folders(place: &Place) {
    let made = fs::read_to_string(place.run.join("folders")).unwrap_or_default();
    for folder in made.lines().rev() {
        let _used = fs::remove_dir(folder);
    }
}
