//! Load: a closed loop of keep-alive connections, or of a connection for each request, that checks every answer.
//!
//! ```text
//!   Plan ──start──► Running ──more(n).await──► (change something) ──stop().await──► Report
//! ```
//! Each request is whole bytes, prepared once. A plan is always bounded in count and in time.

mod histogram;
pub mod rate;
mod report;
mod worker;

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{Instant, timeout},
};

use crate::{client::Target, wire::Response};

pub use histogram::Latency;
pub use report::Report;
use worker::Shared;

/// How long [`Running::more`] waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a response has to be; the error becomes the reason of the failure.
pub type Check = Arc<dyn Fn(&Response) -> Result<(), String> + Send + Sync>;

/// What to send, how often, and what to expect.
#[derive(Clone)]
pub struct Plan {
    /// Where to.
    pub target: Target,
    /// Whole requests, taken in turn.
    pub requests: Vec<Bytes>,
    /// How many connections at a time.
    pub connections: usize,
    /// The most requests in total.
    pub total: u64,
    /// The longest time in total.
    pub limit: Duration,
    /// The longest time for one exchange.
    pub patience: Duration,
    /// Whether each request gets a connection of its own.
    pub reconnect: bool,
    /// What a response has to be.
    pub check: Check,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, requests, connections, total, .. } = self;
        write!(
            f,
            "{} kinds of request to {}, {connections} connections, {total} in all",
            requests.len(),
            target.addr
        )
    }
}

impl Plan {
    /// `GET path` for a host: 16 connections, at most a million requests and a minute, 200 expected.
    pub fn get(addr: SocketAddr, host: &str, path: &str) -> Self {
        Self::new(Target::plain(addr), vec![get(host, path, &[])])
    }

    /// Requests in turn, with the defaults of [`Plan::get`].
    pub fn new(target: Target, requests: Vec<Bytes>) -> Self {
        Self {
            target,
            requests,
            connections: 16,
            total: 1_000_000,
            limit: Duration::from_mins(1),
            patience: Duration::from_secs(10),
            reconnect: false,
            check: Arc::new(expect_ok),
        }
    }

    /// Sets the number of connections.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// Sets the most requests in total.
    #[must_use]
    pub fn total(mut self, total: u64) -> Self {
        self.total = total;
        self
    }

    /// Gives each request a connection of its own.
    #[must_use]
    pub fn connection_per_request(mut self) -> Self {
        self.reconnect = true;
        self
    }

    /// Sets what a response has to be.
    #[must_use]
    pub fn check(mut self, check: impl Fn(&Response) -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.check = Arc::new(check);
        self
    }

    /// Runs to the end.
    pub async fn run(self) -> Report {
        run(self, watch::Sender::new(false), watch::Sender::new(0)).await
    }

    /// Runs until stopped, or until a bound is reached.
    pub fn start(self) -> Running {
        let (stop, done) = (watch::Sender::new(false), watch::Sender::new(0));
        let task = tokio::spawn(run(self, stop.clone(), done.clone()));
        Running { stop, done, task }
    }
}

fn expect_ok(response: &Response) -> Result<(), String> {
    match response.status {
        200 => Ok(()),
        status => Err(format!("status {status}")),
    }
}

/// A `GET` as bytes.
pub fn get(host: &str, path: &str, fields: &[(&str, &str)]) -> Bytes {
    let fields = crate::wire::field_lines(fields);
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{fields}\r\n").into()
}

/// A `POST` with a body as bytes.
pub fn post(host: &str, path: &str, fields: &[(&str, &str)], body: &[u8]) -> Bytes {
    let fields = crate::wire::field_lines(fields);
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\n{fields}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat().into()
}

async fn run(plan: Plan, stop: watch::Sender<bool>, done: watch::Sender<u64>) -> Report {
    let started = Instant::now();
    let connections = plan.connections;
    let shared = Arc::new(Shared::new(plan, stop, done));
    let mut workers = JoinSet::new();
    for _ in 0..connections {
        workers.spawn(worker::work(Arc::clone(&shared)));
    }
    let mut report = Report::default();
    while let Some(worked) = workers.join_next().await {
        match worked {
            Ok(part) => report.merge(&part),
            Err(error) => report.fail(format!("a worker ended: {error}")),
        }
    }
    report.elapsed = started.elapsed();
    report
}

/// Load that is running.
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    done: watch::Sender<u64>,
    task: JoinHandle<Report>,
}

impl Running {
    /// How many requests have ended, well or not.
    pub fn completed(&self) -> u64 {
        *self.done.borrow()
    }

    /// Waits until so many more requests have ended: the event to await between two changes under load.
    ///
    /// # Panics
    /// When they don't end within 30 seconds.
    pub async fn more(&self, count: u64) {
        let mut done = self.done.subscribe();
        let goal = *done.borrow() + count;
        let reached = timeout(PATIENCE, done.wait_for(|now| *now >= goal)).await.is_ok();
        assert!(reached, "only {} of {goal} requests ended in 30 s", self.completed());
    }

    /// Lets every exchange at hand end, and reports.
    ///
    /// # Panics
    /// When the load itself panicked.
    pub async fn stop(self) -> Report {
        self.stop.send_replace(true);
        self.task.await.expect("the load runs to its end")
    }
}
