//! One connection of a load: the next request, its answer, again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::{Plan, Report};
use crate::{
    client::Duplex,
    wire::{Response, Wire, WireError},
};

/// A pause after a refused connection, so that a dead proxy isn't hammered.
const AFTER_REFUSAL: Duration = Duration::from_millis(1);

/// What the workers of a load share.
pub(super) struct Shared {
    pub(super) plan: Plan,
    stop: watch::Sender<bool>,
    done: watch::Sender<u64>,
    issued: AtomicU64,
    deadline: Instant,
}

impl Shared {
    pub(super) fn new(plan: Plan, stop: watch::Sender<bool>, done: watch::Sender<u64>) -> Self {
        let deadline = Instant::now() + plan.limit;
        Self { plan, stop, done, issued: AtomicU64::new(0), deadline }
    }

    /// The next request, unless the load is over.
    fn next(&self) -> Option<&Bytes> {
        if *self.stop.borrow() || Instant::now() >= self.deadline {
            return None;
        }
        let ticket = self.issued.fetch_add(1, Ordering::Relaxed);
        (ticket < self.plan.total).then(|| self.request(ticket))
    }

    /// The request with a number.
    pub(super) fn request(&self, ticket: u64) -> &Bytes {
        let kinds = self.plan.requests.len();
        &self.plan.requests[usize::try_from(ticket).unwrap_or_default() % kinds]
    }
}

pub(super) async fn work(shared: Arc<Shared>) -> Report {
    let mut report = Report::default();
    let mut connection = None;
    while let Some(request) = shared.next() {
        let started = Instant::now();
        attempt(&shared.plan, request, &mut connection, started, &mut report).await;
        shared.done.send_modify(|done| *done += 1);
    }
    report
}

/// Sends one request and counts what comes of it; the latency runs from `since`.
pub(super) async fn attempt(
    plan: &Plan,
    request: &Bytes,
    connection: &mut Option<Wire<Box<dyn Duplex>>>,
    since: Instant,
    report: &mut Report,
) {
    let exchanged = timeout(plan.patience, exchange(plan, request, connection)).await;
    let outcome = exchanged.unwrap_or_else(|_| Err("no response in time".to_owned()));
    if plan.reconnect || !outcome.as_ref().is_ok_and(Response::keeps_alive) {
        *connection = None;
    }
    match outcome.and_then(|response| (plan.check)(&response).map(|()| response)) {
        Ok(response) => report.pass(&response, since.elapsed()),
        Err(reason) => report.fail(reason),
    }
}

async fn exchange(
    plan: &Plan,
    request: &Bytes,
    connection: &mut Option<Wire<Box<dyn Duplex>>>,
) -> Result<Response, String> {
    let reused = connection.is_some();
    let wire = match connection {
        Some(wire) => wire,
        None => connection.insert(connect(plan).await?),
    };
    // A proxy may answer before it has read everything, so a failed write still waits for the answer.
    let sent = wire.send(request).await;
    let received = wire.response(request.starts_with(b"HEAD ")).await;
    let on = if reused { "reused connection" } else { "new connection" };
    received.map_err(|error| match sent {
        Err(error) if !matches!(error, WireError::Closed) => format!("{on}: sending: {error}"),
        _ => format!("{on}: {error}"),
    })
}

async fn connect(plan: &Plan) -> Result<Wire<Box<dyn Duplex>>, String> {
    match plan.target.connect().await {
        Ok(io) => Ok(Wire::new(io)),
        Err(error) => {
            sleep(AFTER_REFUSAL).await;
            Err(format!("connecting: {error}"))
        }
    }
}
