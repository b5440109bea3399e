//! Requests without a pause, at a steady pace, over connections that stay open.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at},
};

use super::{
    client::Client,
    crowd::{CLIENTS, Group, Visitor},
    record::{Counters, Record, Version},
};

/// Connections at a time. Each serves its own clients, as a load balancer in front of Weir would, so that the
/// requests of one client follow one another.
const CONNECTIONS: usize = 64;
/// How long a connection waits from one request to the next: 4,000 requests a second over all.
const GAP: Duration = Duration::from_millis(16);

/// Running clients.
#[derive(Debug)]
pub(super) struct Load {
    end: watch::Sender<bool>,
    counters: Arc<Counters>,
    connections: JoinSet<Vec<Record>>,
}

/// One connection with its clients.
struct Line {
    address: SocketAddr,
    client: Option<Client>,
    counters: Arc<Counters>,
    records: Vec<Record>,
}

// === impl Load ===

impl Load {
    pub(super) fn start(address: SocketAddr, groups: &'static [Group]) -> Self {
        let (end, counters, mut connections) =
            (watch::Sender::new(false), Arc::<Counters>::default(), JoinSet::new());
        for (index, delay) in (0..CONNECTIONS).zip(0..) {
            let line = Line { address, client: None, counters: Arc::clone(&counters), records: Vec::new() };
            let clients = (index..CLIENTS).step_by(CONNECTIONS);
            let visitors = clients.map(|client| Visitor::new(groups, client)).collect();
            let begin = Instant::now() + GAP * delay / u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
            connections.spawn(line.run(visitors, end.subscribe(), begin));
        }
        Self { end, counters, connections }
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Lets every request end, and returns all there were. Those of one client are in their order.
    pub(super) async fn stop(mut self) -> Vec<Record> {
        self.end.send_replace(true);
        let mut records = Vec::new();
        while let Some(line) = self.connections.join_next().await {
            records.append(&mut line.unwrap_or_default());
        }
        records
    }
}

// === impl Line ===

impl Line {
    async fn run(
        mut self,
        mut visitors: Vec<Visitor>,
        end: watch::Receiver<bool>,
        begin: Instant,
    ) -> Vec<Record> {
        let mut pace = interval_at(begin, GAP);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for turn in (0..visitors.len()).cycle() {
            pace.tick().await;
            if *end.borrow() {
                break;
            }
            self.visit(&mut visitors[turn]).await;
        }
        self.records
    }

    async fn visit(&mut self, visitor: &mut Visitor) {
        let request = visitor.request();
        let begun = Timestamp::now();
        let (version, failed) = match self.exchange(visitor, request.as_bytes()).await {
            Ok((version, failed)) => (version, failed),
            Err(error) => {
                self.client = None;
                self.counters.explain(&error);
                (None, true)
            }
        };
        let record = Record { client: visitor.index, version, failed, begun, ended: Timestamp::now() };
        self.counters.count(&record);
        self.records.push(record);
    }

    /// Who answered, and whether it was something else than a 200.
    async fn exchange(
        &mut self,
        visitor: &mut Visitor,
        request: &[u8],
    ) -> std::io::Result<(Option<Version>, bool)> {
        let client = match &mut self.client {
            Some(client) => client,
            None => self.client.insert(Client::connect(self.address).await?),
        };
        let head = client.exchange(request).await?;
        if let Some(cookie) = &head.set_cookie {
            visitor.keep(cookie);
        }
        let failed = head.status != 200 || head.version.is_none();
        if failed {
            self.counters.explain(&client.unexpected(&head));
        }
        if head.close {
            self.client = None;
        }
        Ok((head.version, failed))
    }
}
