//! Load at a constant rate, whether or not the answers keep up.
//!
//! Every request has its time on a schedule, and its latency runs from that time: a request that had to
//! wait for a free connection counts its wait, so a slow proxy can't hide by slowing the load.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, mpsc, watch},
    task::JoinSet,
    time::Instant,
};

use super::{Plan, Report, worker};

/// A request that is due.
struct Due {
    at: Instant,
    ticket: u64,
}

type Queue = Arc<Mutex<mpsc::UnboundedReceiver<Due>>>;

/// Sends `plan.total` requests, `per_second` of them in a second, over the plan's connections.
///
/// The scheduler spins, since a timer's millisecond would be the latency: give it a core of its own.
pub async fn run(plan: Plan, per_second: u32) -> Report {
    let (total, limit, connections) = (plan.total, plan.limit, plan.connections);
    let shared = Arc::new(worker::Shared::new(plan, watch::Sender::new(false), watch::Sender::new(0)));
    let (due, queue) = mpsc::unbounded_channel();
    let queue = Arc::new(Mutex::new(queue));
    let mut workers = JoinSet::new();
    for _ in 0..connections {
        workers.spawn(work(Arc::clone(&shared), Arc::clone(&queue)));
    }
    let started = Instant::now();
    schedule(&due, total, Duration::from_secs(1) / per_second.max(1), started + limit).await;
    drop(due);
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

async fn schedule(due: &mpsc::UnboundedSender<Due>, total: u64, gap: Duration, deadline: Instant) {
    let mut at = Instant::now();
    for ticket in 0..total {
        while Instant::now() < at {
            tokio::task::yield_now().await;
        }
        if at > deadline || due.send(Due { at, ticket }).is_err() {
            return;
        }
        at += gap;
    }
}

async fn work(shared: Arc<worker::Shared>, queue: Queue) -> Report {
    let mut report = Report::default();
    let mut connection = None;
    loop {
        let next = queue.lock().await.recv().await;
        let Some(Due { at, ticket }) = next else { return report };
        worker::attempt(&shared.plan, shared.request(ticket), &mut connection, at, &mut report).await;
    }
}
