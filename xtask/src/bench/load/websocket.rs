//! WebSocket messages there and back, on many connections.

use std::{sync::Arc, time::Instant};

use anyhow::Context as _;
use tokio::task::JoinSet;
use weir_testkit::{
    load::{Plan, Report},
    websocket::WebSocket,
};

/// The length of a message.
const LENGTH: usize = 64;

/// Opens the plan's connections and shares its count of messages out over them.
pub(super) async fn run(plan: Plan) -> anyhow::Result<Report> {
    let plan = Arc::new(plan);
    let started = Instant::now();
    let mut sockets = JoinSet::new();
    for number in 0..plan.connections {
        sockets.spawn(echo(Arc::clone(&plan), number));
    }
    let mut report = Report::default();
    while let Some(part) = sockets.join_next().await {
        match part? {
            Ok(part) => report.merge(&part),
            Err(error) => *report.failures.entry(format!("{error:#}")).or_default() += 1,
        }
    }
    report.elapsed = started.elapsed();
    Ok(report)
}

async fn echo(plan: Arc<Plan>, number: usize) -> anyhow::Result<Report> {
    let place = std::str::from_utf8(&plan.requests[number % plan.requests.len()])?;
    let (host, path) = place.split_once('/').context("a place is host/path")?;
    let mut socket = WebSocket::connect(plan.target.addr, host, &format!("/{path}")).await?;
    let text = "m".repeat(LENGTH);
    let mut report = Report::default();
    for _ in 0..plan.total / plan.connections as u64 {
        let sent = Instant::now();
        socket.echo(&text).await?;
        report.ok += 1;
        report.latency.add(sent.elapsed());
    }
    socket.close().await?;
    Ok(report)
}
