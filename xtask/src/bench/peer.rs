//! The proxies, each with one worker on the proxy's core.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use super::{
    case::Route,
    cores::pinned,
    cpu,
    site::{Site, free_port, host},
    template,
};
use crate::run;

/// How long a proxy may take to start, and to answer once.
const START: Duration = Duration::from_secs(20);
const ANSWER: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);

/// A proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PeerName {
    Weir,
    Nginx,
    Haproxy,
    Envoy,
}

impl PeerName {
    /// How a table names it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Weir => "Weir",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Envoy => "Envoy",
        }
    }

    /// Its configuration, as a file of `bench/peers/ROUTE`.
    fn file(self) -> &'static str {
        match self {
            Self::Weir => "weir.yaml",
            Self::Nginx => "nginx.conf",
            Self::Haproxy => "haproxy.cfg",
            Self::Envoy => "envoy.yaml",
        }
    }
}

/// A proxy that runs. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: PeerName,
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    child: Child,
    log: PathBuf,
}

impl Peer {
    /// Starts a proxy for a route and waits until it answers.
    pub(crate) fn start(site: &Site, name: PeerName, route: Route) -> anyhow::Result<Self> {
        let [http, https, admin] = [free_port()?, free_port()?, free_port()?].map(local);
        let config = configure(site, name, route, http, https, admin)?;
        let program = site.programs.get(&name).context("its program isn't there")?;
        let mut command = pinned(&site.cores.proxy, program);
        arguments(&mut command, name, &config, [http, https, admin]);
        let log = config.with_extension("log");
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("starting {}", name.title()))?;
        let mut peer = Self { name, http, https, child, log };
        peer.await_ready().with_context(|| format!("{} for the {} route", name.title(), route.name()))?;
        Ok(peer)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn await_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}: {}", self.last_words());
            }
            match self.answers() {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    bail!("not ready: {error:#}: {}", self.last_words())
                }
                Err(_) => sleep(LOOK),
            }
        }
    }

    fn answers(&self) -> anyhow::Result<()> {
        TcpStream::connect(self.https)?;
        let mut tcp = TcpStream::connect(self.http)?;
        tcp.set_read_timeout(Some(ANSWER))?;
        write!(tcp, "GET /bytes/1 HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", host(0))?;
        let mut answer = String::new();
        tcp.read_to_string(&mut answer)?;
        let first = answer.lines().next().unwrap_or_default();
        first.starts_with("HTTP/1.1 200").then_some(()).with_context(|| format!("it answers {first:?}"))
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Nothing of value is in flight, and a graceful end would take some proxies many seconds.
        for pid in cpu::family(self.pid()) {
            kill(pid);
        }
        let _reaped = self.child.wait();
    }
}

fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _gone = kill_process(pid, Signal::KILL);
    }
}

fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// Writes a proxy's configuration into a folder of its own.
fn configure(
    site: &Site,
    name: PeerName,
    route: Route,
    http: SocketAddr,
    https: SocketAddr,
    admin: SocketAddr,
) -> anyhow::Result<PathBuf> {
    let template = run::root().join("bench/peers").join(route.name()).join(name.file());
    let template =
        fs::read_to_string(&template).with_context(|| format!("reading {}", template.display()))?;
    let folder = tempfile::Builder::new().prefix(name.title()).tempdir_in(site.folder())?.keep();
    let hosts: Vec<String> = (0..route.hosts()).map(host).collect();
    let host_list = folder.join("hosts");
    fs::write(&host_list, hosts.join("\n"))?;
    let path = |file: &str| site.folder().join(file).display().to_string();
    let values = [
        ("HTTP", http.port().to_string()),
        ("HTTPS", https.port().to_string()),
        ("ADMIN", admin.port().to_string()),
        ("STABLE", site.stable.to_string()),
        ("CANARY", site.canary.to_string()),
        ("HOSTS", host_list.display().to_string()),
        ("FOLDER", folder.display().to_string()),
        ("CRT", path("site.crt")),
        ("KEY", path("site.key")),
        ("PEM", path("site.pem")),
        ("CRT_BASE64", site.leaf.certificate_base64()),
        ("KEY_BASE64", site.leaf.key_base64()),
    ];
    let file = folder.join(name.file());
    fs::write(&file, template::fill(&template, &values, &hosts))?;
    Ok(file)
}

fn arguments(command: &mut Command, name: PeerName, config: &PathBuf, listen: [SocketAddr; 3]) {
    let [http, https, admin] = listen.map(|addr| addr.to_string());
    match name {
        PeerName::Weir => {
            command.args(["serve", "--http", &http, "--https", &https, "--admin", &admin, "--threads", "1"]);
            command.arg("--manifests").arg(config)
        }
        PeerName::Nginx => command.args(["-e", "stderr", "-c"]).arg(config),
        PeerName::Haproxy => command.args(["-db", "-f"]).arg(config),
        PeerName::Envoy => command
            .args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "error", "-c"])
            .arg(config),
    };
}
