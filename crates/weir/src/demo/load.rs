//! Requests without a pause, over connections that stay open.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use tokio::{sync::watch, task::JoinSet};

use super::{client::Client, scenario::Route, tally::Tally};

/// Connections at a time.
const CONNECTIONS: usize = 16;

/// What is sent for now, and what came of it.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) routes: Vec<Route>,
    pub(super) tallies: Vec<Tally>,
}

/// Running clients.
#[derive(Debug)]
pub(super) struct Load {
    leg: watch::Sender<Option<Arc<Leg>>>,
    clients: JoinSet<()>,
}

// === impl Leg ===

impl Leg {
    pub(super) fn new(routes: Vec<Route>) -> Arc<Self> {
        let tallies = routes.iter().map(|_| Tally::default()).collect();
        Arc::new(Self { routes, tallies })
    }

    /// Whether every route has seen enough requests.
    pub(super) fn is_enough(&self) -> bool {
        let mut pairs = self.routes.iter().zip(&self.tallies);
        pairs.all(|(route, tally)| {
            let reading = tally.read();
            reading.answered() + reading.failed >= route.enough
        })
    }
}

// === impl Load ===

impl Load {
    /// Begins with a leg.
    pub(super) fn start(address: SocketAddr, leg: Arc<Leg>) -> Self {
        let leg = watch::Sender::new(Some(leg));
        let mut clients = JoinSet::new();
        for index in 0..CONNECTIONS {
            clients.spawn(run(address, leg.subscribe(), index));
        }
        Self { leg, clients }
    }

    /// Changes to another leg, and returns when the last request of the old one has ended.
    pub(super) async fn change(&self, leg: Arc<Leg>) {
        let old = self.leg.send_replace(Some(leg));
        finished(old).await;
    }

    /// Lets every request end.
    pub(super) async fn stop(mut self) {
        self.leg.send_replace(None);
        while self.clients.join_next().await.is_some() {}
    }
}

/// Each request of a leg holds a reference to it.
async fn finished(leg: Option<Arc<Leg>>) {
    let Some(leg) = leg.as_ref().map(Arc::downgrade) else { return };
    while leg.strong_count() > 1 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// One client; `turn` spreads the clients over routes and requests.
async fn run(address: SocketAddr, leg: watch::Receiver<Option<Arc<Leg>>>, mut turn: usize) {
    let mut client = None;
    loop {
        let Some(leg) = leg.borrow().clone() else { return };
        let index = turn % leg.routes.len();
        let requests = &leg.routes[index].requests;
        let sent = &requests[turn / leg.routes.len() % requests.len()];
        let started = Instant::now();
        match exchange(&mut client, address, &sent.bytes).await {
            Ok(version) => leg.tallies[index].answered(version, sent.expected, started.elapsed()),
            Err(error) => {
                leg.tallies[index].failed(&error);
                client = None;
            }
        }
        turn += 1;
    }
}

async fn exchange(
    client: &mut Option<Client>,
    address: SocketAddr,
    request: &[u8],
) -> std::io::Result<super::tally::Version> {
    let client = match client {
        Some(client) => client,
        None => client.insert(Client::connect(address).await?),
    };
    client.exchange(request).await
}
