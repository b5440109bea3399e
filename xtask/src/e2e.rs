//! `cargo xtask e2e`: Weir in a real cluster, installed with Helm, under load, while things break.
//!
//! ```text
//!   cluster up ─► image weir origin ─► cluster load ─► cargo test --package weir-e2e ─► cluster down
//! ```
//! A cluster that is up already is used and left alone. Everything else is ended, also after a failure or an
//! interrupt.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context as _, ensure};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    cluster::{HOST_ADDRESS, is_up},
    out, packages, run,
    test::Counts,
};

/// Arguments of the verb.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave the cluster up, for another run or a look
    #[arg(long)]
    keep: bool,
    /// Measure instead: propagation, memory, latency of the webhook
    #[arg(long)]
    measure: bool,
    /// Where the figures go as JSON
    #[arg(long, value_name = "FILE", requires = "measure")]
    json: Option<PathBuf>,
    /// Only cases whose names hold one of these texts
    filters: Vec<String>,
}

/// Runs the verb.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Err(missing) = possible() {
        anyhow::bail!("the end-to-end tests can't run here: {missing}");
    }
    let mut counts = Counts::default();
    let passed = suite(args, &mut counts)?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All cases, as a part of all tests. Says so where there can be no cluster.
pub(crate) fn part_of_all(counts: &mut Counts) -> anyhow::Result<bool> {
    match possible() {
        Ok(()) => suite(&Args { keep: false, measure: false, json: None, filters: Vec::new() }, counts),
        Err(missing) => {
            out::say(format_args!("e2e: NOT RUN, since this machine can't have a cluster: {missing}"));
            Ok(true)
        }
    }
}

/// Whether this machine can have a cluster. An error says what is missing; what could be installed is not.
fn possible() -> anyhow::Result<()> {
    if is_up() {
        return Ok(());
    }
    ensure!(rustix::process::geteuid().is_root(), "it takes root to make network namespaces and mounts");
    ensure!(run::has("go"), "go is missing, which builds Kubernetes from its modules");
    let namespaces = ["--net", "--mount", "--pid", "--fork", "true"];
    run::output(Command::new("unshare").args(namespaces)).context("no namespaces can be made")?;
    Ok(())
}

fn suite(args: &Args, counts: &mut Counts) -> anyhow::Result<bool> {
    outlive_interrupts()?;
    let was_up = is_up();
    let passed = with_cluster(args, counts, was_up);
    if !was_up && !args.keep {
        xtask(&["cluster", "down"])?;
    }
    passed
}

fn with_cluster(args: &Args, counts: &mut Counts, was_up: bool) -> anyhow::Result<bool> {
    let images = run::target()?.join("e2e-images.tar");
    let images = images.to_str().context("the target folder's name is not UTF-8")?;
    let mut image = itself(&["image", "weir", "origin", "--out", images])?;
    if !args.measure {
        // Half the time of a build, and no difference to what is tested.
        image.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_DEBUG", "none");
    }
    run::run(&mut image)?;
    if !was_up {
        xtask(&["cluster", "up"])?;
    }
    xtask(&["cluster", "load", images])?;
    let mut cargo = run::cargo(["test", "--quiet", "--package", "weir-e2e", "--test", "e2e", "--"]);
    cargo.args(&args.filters).args(args.measure.then_some("--measure"));
    if let Some(file) = &args.json {
        cargo.arg("--json").arg(std::path::absolute(file)?);
    }
    environment(&mut cargo)?;
    counts.stream(&mut cargo)
}

/// What the tests need to know: how to reach the cluster and be reached by it, the `weir` program, a Prometheus
/// server, and how to stop the API server.
fn environment(cargo: &mut Command) -> anyhow::Result<()> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [cluster().join("build/bin")].into_iter().chain(env::split_paths(&path));
    cargo.env("PATH", env::join_paths(folders)?).env("KUBECONFIG", kubeconfig());
    let target = format!("{}-unknown-linux-gnu/release/weir", env::consts::ARCH);
    cargo.env("WEIR_E2E", run::target()?.join(target)).env("WEIR_E2E_XTASK", program()?);
    cargo.env("WEIR_E2E_ADDRESS", HOST_ADDRESS);
    cargo.env("WEIR_E2E_PROMETHEUS", packages::unpacked("prometheus", "usr/bin/prometheus")?);
    Ok(())
}

fn kubeconfig() -> PathBuf {
    cluster().join("run/pki/admin.kubeconfig")
}

fn cluster() -> PathBuf {
    run::cache().join("cluster")
}

/// Another verb, as a process of its own, since it prints what nobody needs here.
fn xtask(args: &[&str]) -> anyhow::Result<()> {
    run::run(&mut itself(args)?)
}

fn itself(args: &[&str]) -> anyhow::Result<Command> {
    let mut verb = Command::new(program()?);
    verb.args(args).current_dir(Path::new(run::root())).stdout(Stdio::null());
    Ok(verb)
}

/// A copy of this program. `cargo test` may have replaced the file that it was started from.
fn program() -> anyhow::Result<PathBuf> {
    let copy = run::target()?.join("e2e-xtask");
    // Whoever runs it already keeps the file that was there.
    let next = copy.with_extension("next");
    fs::copy("/proc/self/exe", &next).context("copying this program")?;
    fs::rename(&next, &copy)?;
    Ok(copy)
}

/// Makes interrupts end the tests but not this process, which then takes the cluster down.
fn outlive_interrupts() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _inside = runtime.enter();
    // The first look at a signal changes what it does to the process, for good.
    drop((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?));
    Ok(())
}
