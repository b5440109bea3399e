//! Programs and folders.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};

/// The workspace's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}

/// The folder for what is fetched or built once: `WEIR_CACHE`, or the user's cache. Never in the tree.
pub(crate) fn cache() -> PathBuf {
    let folder = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("WEIR_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("weir")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/weir")))
        .unwrap_or_else(|| env::temp_dir().join("weir-cache"))
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> anyhow::Result<PathBuf> {
    let metadata = output(&mut cargo(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    Ok(metadata["target_directory"].as_str().context("cargo names its target folder")?.into())
}

/// A program of the path or of the cache, in the workspace.
pub(crate) fn tool(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).env("PATH", path_with_tools());
    command
}

/// Cargo, in the workspace, with the tools of the cache on its path.
pub(crate) fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root()).env("PATH", path_with_tools());
    command
}

fn path_with_tools() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([cache().join("tools/bin")]);
    env::join_paths(folders).unwrap_or(path)
}

/// Whether a program is on the path or among the tools of the cache.
pub(crate) fn has(program: &str) -> bool {
    let path = path_with_tools();
    // Debian keeps servers in sbin, which is not on every user's path.
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.into_iter().any(|folder| folder.join(program).is_file())
}

/// Runs a command to its end, its output passing through.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("starting {}", name(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", name(command));
    }
    Ok(())
}

/// Runs a command to its end and returns its stdout. What it says on stderr is part of the error.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let done =
        command.stdin(Stdio::null()).output().with_context(|| format!("starting {}", name(command)))?;
    if !done.status.success() {
        bail!(
            "{} ended with {}: {}",
            name(command),
            done.status,
            String::from_utf8_lossy(&done.stderr).trim()
        );
    }
    Ok(String::from_utf8(done.stdout)?)
}

fn name(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let args = command.get_args().take(3).map(OsStr::to_string_lossy);
    [program].into_iter().chain(args).collect::<Vec<_>>().join(" ")
}
