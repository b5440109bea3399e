//! A bounded load of every kind of client at the same time, which tells what each kind sent and what failed.
//!
//! ```text
//!   site.traffic(ways) ──start──► Running ──more(n).await──► (break something) ──stop().await──► Tally
//! ```
//! Every way (each proxy, and their Service) gets one client of each kind. Clients are paced, so that a machine
//! with few cores is not only busy with them, and well-behaved: they leave when they are asked to, and never send
//! a request again that could have been received.

mod client;
mod http1;
mod http2;
mod socket;
mod stream;
mod tally;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use crate::Https;
pub use client::{Client, Method};
use client::{Outcome, Talk};
pub use tally::{Count, Failure, Tally};

/// Between two requests of a client.
const PACE: Duration = Duration::from_millis(20);
/// The longest time that a load runs: no test may leave one behind.
const LONGEST: Duration = Duration::from_mins(10);
/// How long one exchange may take.
const EXCHANGE: Duration = Duration::from_secs(15);
/// How long a number of requests may take that clients need a moment for.
const PATIENCE: Duration = Duration::from_mins(1);

/// A way to the proxies.
#[derive(Clone, Debug)]
pub struct Via {
    /// What it is called in reports.
    pub name: String,
    /// Where it speaks plain text.
    pub http: SocketAddr,
    /// Where it speaks TLS.
    pub https: SocketAddr,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The host.
    pub host: String,
    /// The path, with a query.
    pub path: String,
    /// Whom TLS clients trust.
    pub https: Https,
}

/// Every load of a case, so that all of them are counted, however the case ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<Arc<Shared>>>>);

/// A load in the making.
#[derive(Clone, Debug)]
pub struct Traffic {
    journal: Journal,
    flow: Flow,
    ways: Vec<Via>,
    clients: Vec<(Client, Method)>,
    pace: Duration,
}

/// A load that is running. Dropping it ends it.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
}

/// What the clients of a load share.
#[derive(Debug)]
struct Shared {
    started: Instant,
    stop: watch::Sender<bool>,
    done: watch::Sender<u64>,
    tally: Mutex<Tally>,
}

// === impl Traffic ===

impl Traffic {
    pub(crate) fn new(journal: &Journal, flow: &Flow, ways: impl IntoIterator<Item = Via>) -> Self {
        Self {
            journal: journal.clone(),
            flow: flow.clone(),
            ways: ways.into_iter().collect(),
            clients: Client::every_kind(),
            pace: PACE,
        }
    }

    /// Asks for another path.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.flow.path);
        self
    }

    /// Every kind of client but one.
    #[must_use]
    pub fn without(mut self, client: Client) -> Self {
        self.clients.retain(|(kind, _)| *kind != client);
        self
    }

    /// So many clients of some kinds for each way, and no others.
    #[must_use]
    pub fn only(mut self, kinds: &[(Client, Method)], each: usize) -> Self {
        self.clients = kinds.repeat(each);
        self
    }

    /// Sets the time between two requests of a client.
    #[must_use]
    pub fn pace(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }

    /// Starts, and waits until every client has been answered a few times.
    ///
    /// # Errors
    /// When there is no way, or the first requests fail.
    pub async fn start(self) -> anyhow::Result<Running> {
        ensure!(!self.ways.is_empty(), "there is no way to the proxies");
        let shared = Arc::new(Shared::new());
        self.journal.add(Arc::clone(&shared));
        let mut clients = JoinSet::new();
        for via in &self.ways {
            for (client, method) in &self.clients {
                let talk = client.talk(*method, &self.flow, via)?;
                let (via, shared) = (via.name.clone(), Arc::clone(&shared));
                clients.spawn(work(talk, (*client, *method), via, self.pace, shared));
            }
        }
        let few = 3 * clients.len() as u64;
        let running = Running { shared, clients };
        running.more(few).await?;
        ensure!(running.failed() == 0, "the load does not begin well: {}", running.so_far());
        Ok(running)
    }
}

// === impl Journal ===

impl Journal {
    fn add(&self, load: Arc<Shared>) {
        self.lock().push(load);
    }

    /// What came of all of them until now.
    pub(crate) fn sum(&self) -> Tally {
        let mut sum = Tally::default();
        self.lock().iter().for_each(|load| sum.merge(&load.tally()));
        sum
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Shared>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Running ===

impl Running {
    /// Waits until so many more requests have ended: the event to await between two changes under load.
    ///
    /// # Errors
    /// When they don't end within a minute.
    pub async fn more(&self, count: u64) -> anyhow::Result<()> {
        let mut done = self.shared.done.subscribe();
        let goal = *done.borrow() + count;
        let reached = timeout(PATIENCE, done.wait_for(|now| *now >= goal)).await;
        let Ok(Ok(_)) = reached else { bail!("the load stands still: {}", self.so_far()) };
        Ok(())
    }

    /// Goes on for a time, where a test is about that time.
    ///
    /// # Errors
    /// When the load stands still meanwhile.
    pub async fn for_a_while(&self, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.more(1).await?;
        }
        Ok(())
    }

    /// How many requests have failed.
    pub fn failed(&self) -> u64 {
        self.so_far().failed()
    }

    /// What there is to tell until now.
    pub fn so_far(&self) -> Tally {
        self.shared.tally().clone()
    }

    /// Lets every exchange at hand end, and tells what came of all.
    ///
    /// # Errors
    /// When a client ended by itself.
    pub async fn stop(mut self) -> anyhow::Result<Tally> {
        self.shared.stop.send_replace(true);
        while let Some(ended) = self.clients.join_next().await {
            ended.context("a client")?;
        }
        Ok(self.so_far())
    }
}

// === impl Shared ===

impl Shared {
    fn new() -> Self {
        let (stop, done) = (watch::Sender::new(false), watch::Sender::new(0));
        Self { started: Instant::now(), stop, done, tally: Mutex::default() }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn goes_on(&self) -> bool {
        !*self.stop.borrow() && self.started.elapsed() < LONGEST
    }
}

/// One client: a request, its answer, a pause, again.
async fn work(
    mut talk: Box<dyn Talk>,
    kind: (Client, Method),
    via: String,
    pace: Duration,
    shared: Arc<Shared>,
) {
    let mut beat = interval(pace);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shared.goes_on() {
        beat.tick().await;
        let since = Instant::now();
        let outcome = timeout(EXCHANGE, talk.turn()).await;
        let outcome = outcome.unwrap_or_else(|_| Outcome::Failed(format!("nothing for {EXCHANGE:?}")));
        let at = since.duration_since(shared.started);
        shared.tally().add(kind, &via, at, since.elapsed(), outcome);
        shared.done.send_modify(|done| *done += 1);
    }
}

#[cfg(test)]
mod tests;
