//! A real Prometheus server, beside the cluster.

use std::{
    env,
    net::{IpAddr, SocketAddr, TcpListener},
    process::Stdio,
};

use anyhow::Context as _;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use weir_testkit::client;

use crate::{PATIENCE, until};

/// What names the program, and an address of this machine that pods reach.
const PROGRAM: &str = "WEIR_E2E_PROMETHEUS";
const ADDRESS: &str = "WEIR_E2E_ADDRESS";

/// A server that looks at some pods every second. Dropping it ends it.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    folder: TempDir,
    child: Child,
}

// === impl Prometheus ===

impl Prometheus {
    /// Starts one, and waits until it is ready.
    ///
    /// # Errors
    /// When there is no such program, or it does not get ready.
    pub async fn start(pods: &[SocketAddr]) -> anyhow::Result<Self> {
        let ip: IpAddr = env::var(ADDRESS).with_context(|| format!("{ADDRESS} is an address"))?.parse()?;
        // Free at this moment; nobody else on that address asks for ports.
        let address = TcpListener::bind((ip, 0))?.local_addr()?;
        let folder = TempDir::new()?;
        let scrape = json!({ "job_name": "pods", "static_configs": [{ "targets": pods }] });
        let config = json!({
            "global": { "scrape_interval": "1s", "scrape_timeout": "1s" }, "scrape_configs": [scrape],
        });
        std::fs::write(folder.path().join("config.yml"), config.to_string())?;
        let child = spawn(address, &folder)?;
        let server = Self { address, folder, child };
        server.ready().await?;
        Ok(server)
    }

    /// Where it is reached, as a URL.
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it, so that nobody answers there.
    ///
    /// # Errors
    /// When it has ended by itself.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("Prometheus")
    }

    /// Starts it again, with what it knew.
    ///
    /// # Errors
    /// When it does not get ready.
    pub async fn again(&mut self) -> anyhow::Result<()> {
        self.child = spawn(self.address, &self.folder)?;
        self.ready().await
    }

    async fn ready(&self) -> anyhow::Result<()> {
        let ready = until("Prometheus is ready", PATIENCE, || async {
            Ok(client::get(self.address, "prometheus", "/-/ready", &[]).await?.status == 200)
        });
        ready.await.map(drop)
    }
}

fn spawn(address: SocketAddr, folder: &TempDir) -> anyhow::Result<Child> {
    let program = env::var_os(PROGRAM).with_context(|| format!("{PROGRAM} names the program"))?;
    let path = |name| folder.path().join(name).display().to_string();
    Command::new(program)
        .arg(format!("--config.file={}", path("config.yml")))
        .arg(format!("--storage.tsdb.path={}", path("data")))
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=error")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("starting Prometheus")
}
