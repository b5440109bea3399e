//! The benchmark's load: one measurement's requests, from as many threads as there are cores for it.

mod idle;
mod requests;
mod websocket;

use std::{net::SocketAddr, path::PathBuf, thread};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use weir_testkit::{
    certs,
    client::Target,
    load::{Latency, Plan, Report, rate},
};

use crate::out;

/// Arguments of the hidden verb.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The proxy
    #[arg(long)]
    addr: SocketAddr,
    /// How many hosts there are: site-0.bench.test and so on
    #[arg(long, default_value_t = 1)]
    hosts: usize,
    /// Ask for the canary by header, cookie, query and sticky weight in turn
    #[arg(long)]
    gray: bool,
    /// The bytes of a response
    #[arg(long, default_value_t = 1024)]
    get: usize,
    /// The bytes of a request, sent by POST
    #[arg(long)]
    post: Option<usize>,
    /// How many requests
    #[arg(long)]
    requests: u64,
    /// How many connections
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How many threads
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// A connection for each request
    #[arg(long)]
    reconnect: bool,
    /// The authority to trust, as PEM, which turns TLS on
    #[arg(long)]
    authority: Option<PathBuf>,
    /// Send so many in a second, however slow the answers are
    #[arg(long)]
    rate: Option<u32>,
    /// WebSocket messages instead of requests
    #[arg(long)]
    websocket: bool,
    /// Make one request on so many connections and keep them open until stdin closes
    #[arg(long)]
    idle: Option<usize>,
}

/// What came of a measurement's load.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) failures: String,
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// The part that the canary answered.
    pub(crate) canary: f64,
}

impl Outcome {
    fn of(report: &Report) -> Self {
        Self {
            ok: report.ok,
            failed: report.failed(),
            failures: reasons(report),
            per_second: report.per_second(),
            p50_us: micros(&report.latency, 0.5),
            p99_us: micros(&report.latency, 0.99),
            canary: report.share("canary"),
        }
    }
}

fn reasons(report: &Report) -> String {
    let each = report.failures.iter().map(|(why, count)| format!("{count} × {why}"));
    each.collect::<Vec<_>>().join("; ")
}

fn micros(latency: &Latency, quantile: f64) -> f64 {
    latency.at(quantile).as_secs_f64() * 1e6
}

/// Runs the load.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    super::cores::raise_file_limit()?;
    if let Some(count) = args.idle {
        return runtime(61)?.block_on(idle::hold(args.plan()?, count));
    }
    let outcome = match args.rate {
        // The scheduler spins, so sockets have to be looked at between any two tasks.
        Some(rate) => runtime(1)?.block_on(async { anyhow::Ok(rate::run(args.plan()?, rate).await) })?,
        None => on_threads(args)?,
    };
    out::say(serde_json::to_string(&Outcome::of(&outcome))?);
    Ok(())
}

fn runtime(event_interval: u32) -> std::io::Result<Runtime> {
    Builder::new_current_thread().event_interval(event_interval).enable_all().build()
}

/// Shares connections and requests out over threads, each with a runtime of its own.
fn on_threads(args: &Args) -> anyhow::Result<Report> {
    let threads = args.threads.clamp(1, args.connections);
    let part = Args {
        connections: args.connections / threads,
        requests: args.requests / threads as u64,
        ..args.clone()
    };
    let running: Vec<_> =
        (0..threads).map(|_| part.clone()).map(|part| thread::spawn(move || one(&part))).collect();
    let mut report = Report::default();
    for thread in running {
        report.merge(&thread.join().ok().context("a thread of the load panicked")??);
    }
    Ok(report)
}

fn one(args: &Args) -> anyhow::Result<Report> {
    let plan = args.plan()?;
    runtime(61)?.block_on(async move {
        if args.websocket { websocket::run(plan).await } else { Ok(plan.run().await) }
    })
}

impl Args {
    fn plan(&self) -> anyhow::Result<Plan> {
        let target = match &self.authority {
            None => Target::plain(self.addr),
            Some(path) => {
                let config = certs::client(&std::fs::read_to_string(path)?, &["http/1.1"])?;
                Target::tls(self.addr, &super::site::host(0), config)
            }
        };
        let mut plan =
            Plan::new(target, requests::all(self)).connections(self.connections).total(self.requests);
        plan.reconnect = self.reconnect;
        Ok(plan)
    }
}
