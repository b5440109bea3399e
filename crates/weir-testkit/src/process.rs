//! The `weir` program as a child process.

use std::{
    net::SocketAddr,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
    time::{Instant, sleep, timeout, timeout_at},
};

use crate::client;

/// How long the program may take until it's ready.
const START: Duration = Duration::from_secs(20);
/// The time between two looks at `/readyz`, and between two looks at the log's end.
const LOOK: Duration = Duration::from_millis(10);

/// A running `weir`. Dropping it kills it.
///
/// The program prints its addresses on stderr, as `listening http=127.0.0.1:PORT`, and the same with `https`
/// and `admin`, so every test can ask for port 0.
#[derive(Debug)]
pub struct WeirProcess {
    child: Child,
    log: Arc<watch::Sender<Vec<String>>>,
}

impl WeirProcess {
    /// Starts `weir serve` on a folder of manifests, with free ports, and waits until it's ready.
    ///
    /// # Errors
    /// When it ends or isn't ready within twenty seconds; the error holds its log.
    pub async fn serve(program: &Path, manifests: &Path, more: &[&str]) -> anyhow::Result<Self> {
        let manifests = manifests.to_str().context("the folder's name is not UTF-8")?;
        let any = "127.0.0.1:0";
        let mut args = vec!["serve", "--manifests", manifests];
        args.extend(["--http", any, "--https", any, "--admin", any]);
        args.extend(more);
        let mut process = Self::spawn(program, &args)?;
        process.ready().await?;
        Ok(process)
    }

    /// Starts the program with arguments and doesn't wait.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn spawn(program: &Path, args: &[&str]) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let log = Arc::new(watch::Sender::new(Vec::new()));
        tokio::spawn(keep(child.stdout.take().context("no stdout")?, Arc::clone(&log)));
        tokio::spawn(keep(child.stderr.take().context("no stderr")?, Arc::clone(&log)));
        Ok(Self { child, log })
    }

    /// Waits until the admin listener's `/readyz` answers 200.
    ///
    /// # Errors
    /// When the program ends or twenty seconds pass first; the error holds its log.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = self.child.try_wait()? {
                sleep(LOOK).await; // The last lines may still be in the pipe.
                bail!("weir ended with {status}:\n{}", self.log());
            }
            if self.answers_ready().await {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("weir isn't ready after {START:?}:\n{}", self.log());
            }
            sleep(LOOK).await;
        }
    }

    async fn answers_ready(&self) -> bool {
        let Some(admin) = self.listening("admin") else { return false };
        client::get(admin, "localhost", "/readyz", &[]).await.is_ok_and(|response| response.status == 200)
    }

    /// The address of a listener: `http`, `https` or `admin`; `None` until it's printed.
    pub fn listening(&self, name: &str) -> Option<SocketAddr> {
        let prefix = format!("listening {name}=");
        let log = self.log.borrow();
        let after = log.iter().find_map(|line| line.split_once(&prefix))?.1;
        after.split_whitespace().next()?.parse().ok()
    }

    /// The address of the plain-text listener.
    ///
    /// # Panics
    /// When the program hasn't printed it.
    pub fn http(&self) -> SocketAddr {
        self.listening("http").expect("weir prints its http address before it's ready")
    }

    /// The address of the TLS listener.
    ///
    /// # Panics
    /// When the program hasn't printed it.
    pub fn https(&self) -> SocketAddr {
        self.listening("https").expect("weir prints its https address before it's ready")
    }

    /// The address of the admin listener.
    ///
    /// # Panics
    /// When the program hasn't printed it.
    pub fn admin(&self) -> SocketAddr {
        self.listening("admin").expect("weir prints its admin address before it's ready")
    }

    /// Everything it printed so far, stdout and stderr together.
    pub fn log(&self) -> String {
        self.log.borrow().join("\n")
    }

    /// Waits until a printed line holds a text, and returns the line.
    ///
    /// # Errors
    /// When twenty seconds pass first.
    pub async fn logged(&self, text: &str) -> anyhow::Result<String> {
        let mut log = self.log.subscribe();
        let find = |lines: &Vec<String>| lines.iter().find(|line| line.contains(text)).cloned();
        let deadline = Instant::now() + START;
        let waiting = log.wait_for(|lines| find(lines).is_some());
        match timeout_at(deadline, waiting).await {
            Ok(Ok(lines)) => find(&lines).context("the line is there"),
            _ => bail!("{text:?} wasn't logged within {START:?}:\n{}", self.log()),
        }
    }

    /// Its process id, as long as it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    /// When it has ended.
    pub fn terminate(&self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = self.child.id().context("weir has ended")?;
        let pid = Pid::from_raw(id.try_into()?).context("a process id is not 0")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When `limit` passes first; the error holds its log.
    pub async fn ended(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        match timeout(limit, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => bail!("weir still runs after {limit:?}:\n{}", self.log()),
        }
    }

    /// Kills it and waits until it's gone.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

async fn keep(pipe: impl AsyncRead + Unpin, log: Arc<watch::Sender<Vec<String>>>) {
    let mut lines = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        log.send_modify(|all| all.push(line));
    }
}
