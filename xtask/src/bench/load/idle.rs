//! Connections that have made one request and now do nothing.

use anyhow::ensure;
use tokio::io::AsyncReadExt as _;
use weir_testkit::{client::Connection, load::Plan};

use crate::out;

/// Opens them, says so, and keeps them until stdin closes.
pub(super) async fn hold(plan: Plan, count: usize) -> anyhow::Result<()> {
    let mut connections = Vec::with_capacity(count);
    for number in 0..count {
        let mut connection = Connection::open_to(&plan.target).await?;
        let response = connection.exchange(&plan.requests[number % plan.requests.len()]).await?;
        ensure!(response.status == 200, "status {}", response.status);
        connections.push(connection);
    }
    out::say("ready");
    let _closed = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
    Ok(())
}
