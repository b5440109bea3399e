//! What all proxies of a run share: programs, ports, certificates and the origin.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use weir_testkit::certs::{Authority, Leaf};

use super::{
    cores::{Cores, pinned},
    peer::PeerName,
};
use crate::{out, run, tools};

/// The name of a host.
pub(crate) fn host(number: usize) -> String {
    format!("site-{number}.bench.test")
}

/// A free port of loopback.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// What a run stands on. Dropping it ends the origin.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) cores: Cores,
    pub(crate) target: PathBuf,
    pub(crate) programs: BTreeMap<PeerName, PathBuf>,
    pub(crate) leaf: Leaf,
    pub(crate) stable: u16,
    pub(crate) canary: u16,
    folder: TempDir,
    origin: Child,
}

impl Site {
    /// Builds and finds the programs, makes certificates, and starts the origin.
    pub(crate) fn build(proxies: &[PeerName]) -> anyhow::Result<Self> {
        let cores = Cores::share_out()?;
        let target = build(proxies.contains(&PeerName::Weir))?;
        let folder = tempfile::Builder::new().prefix("weir-bench-").tempdir()?;
        let leaf = certificates(folder.path())?;
        let (stable, canary) = (free_port()?, free_port()?);
        let origin = start_origin(&cores, &target, stable, canary)?;
        let programs = proxies.iter().filter_map(|name| Some((*name, program(*name, &target)?))).collect();
        Ok(Self { cores, target, programs, leaf, stable, canary, folder, origin })
    }

    /// The folder for configurations and logs.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The authority's PEM.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder().join("authority.pem")
    }

    /// This program, built for speed.
    pub(crate) fn xtask(&self) -> PathBuf {
        self.target.join("release/xtask")
    }

    /// The origin's process.
    pub(crate) fn origin_pid(&self) -> u32 {
        self.origin.id()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ended = self.origin.kill();
        let _reaped = self.origin.wait();
    }
}

fn build(weir: bool) -> anyhow::Result<PathBuf> {
    let mut build = run::cargo(["build", "--release", "--quiet", "--package", "xtask"]);
    if weir {
        build.args(["--package", "weir"]);
    }
    run::run(&mut build)?;
    run::target()
}

fn certificates(folder: &Path) -> anyhow::Result<Leaf> {
    let authority = Authority::new()?;
    let leaf = authority.leaf(&["*.bench.test"])?;
    let write = |name: &str, text: &str| fs::write(folder.join(name), text);
    write("authority.pem", &authority.certificate_pem)?;
    write("site.crt", &leaf.certificate_pem)?;
    write("site.key", &leaf.key_pem)?;
    write("site.pem", &[leaf.certificate_pem.as_str(), &leaf.key_pem].concat())?;
    Ok(leaf)
}

fn start_origin(cores: &Cores, target: &Path, stable: u16, canary: u16) -> anyhow::Result<Child> {
    let mut origin = pinned(&cores.origin, target.join("release/xtask"))
        .args(["origin", "--stable", &stable.to_string(), "--canary", &canary.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting the origin")?;
    if await_ready(&mut origin).is_err() {
        let _ended = origin.kill();
        bail!("the origin doesn't start");
    }
    Ok(origin)
}

/// Waits for the line that says so.
pub(crate) fn await_ready(child: &mut Child) -> anyhow::Result<()> {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().context("no stdout")?).read_line(&mut line)?;
    (line.trim() == "ready").then_some(()).context("it ended before it was ready")
}

fn program(name: PeerName, target: &Path) -> Option<PathBuf> {
    match name {
        PeerName::Weir => Some(target.join("release/weir")),
        PeerName::Nginx => Some("nginx".into()),
        PeerName::Haproxy => Some("haproxy".into()),
        PeerName::Envoy => tools::envoy()
            .inspect_err(|error| out::note(format_args!("skipped: Envoy can't be had: {error:#}")))
            .ok(),
    }
}
