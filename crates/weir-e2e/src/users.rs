//! Users who come back: each with a key of its own, through every proxy.
//!
//! ```text
//!   site.users(ways) ──start──► Visits ──more(n)──► (break something) ──stop()──► Story: errors, users, returns
//! ```
//! Unlike [`Traffic`](crate::Traffic) it knows who sent what, so that it can tell how many people were hit, and who
//! was sent back and forth between versions. Its failures are its findings, and not those of the case.

mod story;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use tokio::{
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use weir_testkit::{load::get, wire::Wire};

use crate::Via;
pub use story::Story;
use story::Visit;

/// The header that tells users apart.
pub const USER: &str = "x-user-id";
/// How many users ask at a time.
const WORKERS: u32 = 10;
/// How long one exchange may take.
const EXCHANGE: Duration = Duration::from_secs(15);
/// The longest time that users come: no test may leave them behind.
const LONGEST: Duration = Duration::from_mins(7);
/// How long a number of visits may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// Connections, and requests that are written at once on each, where only the versions count.
const CONNECTIONS: u32 = 64;
const AT_ONCE: usize = 64;

/// Users in the making.
#[derive(Clone, Debug)]
pub struct Users {
    host: String,
    ways: Vec<Via>,
    count: u32,
    rate: u32,
}

/// Users who come, until they are stopped.
#[derive(Debug)]
pub struct Visits {
    shared: Arc<Shared>,
    done: watch::Receiver<u64>,
    workers: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    over: AtomicBool,
    story: Mutex<Story>,
}

type Connections = HashMap<String, Wire<TcpStream>>;

// === impl Users ===

impl Users {
    pub(crate) fn new(host: &str, ways: Vec<Via>) -> Self {
        Self { host: host.to_owned(), ways, count: 200, rate: 100 }
    }

    /// Sets how many there are.
    #[must_use]
    pub fn count(mut self, count: u32) -> Self {
        self.count = count;
        self
    }

    /// Sets how many requests a second they send in all.
    #[must_use]
    pub fn rate(mut self, rate: u32) -> Self {
        self.rate = rate;
        self
    }

    /// Lets them come, each to any of the ways each time.
    pub fn start(self) -> Visits {
        let shared = Arc::new(Shared::default());
        let (sender, done) = watch::channel(0);
        let mut workers = JoinSet::new();
        for number in 0..WORKERS {
            workers.spawn(come(self.clone(), number, Arc::clone(&shared), sender.clone()));
        }
        Visits { shared, done, workers }
    }

    fn request(&self, user: u32) -> Bytes {
        get(&self.host, "/", &[(USER, &format!("u{user}"))])
    }

    /// Asks once for each user, on one way, and tells whose answer came from a version.
    ///
    /// # Errors
    /// When one is not answered by any version.
    pub async fn who_gets(&self, via: &Via, version: &str) -> anyhow::Result<Vec<bool>> {
        let mut parts = JoinSet::new();
        let size = self.count.div_ceil(CONNECTIONS);
        for number in 0..CONNECTIONS {
            let (users, via, version) = (self.clone(), via.clone(), version.to_owned());
            let range = (number * size).min(self.count)..((number + 1) * size).min(self.count);
            parts.spawn(async move { (number, users.each(&via, range, &version).await) });
        }
        let mut answers: Vec<_> = parts.join_all().await;
        answers.sort_unstable_by_key(|(number, _)| *number);
        let answers: anyhow::Result<Vec<Vec<bool>>> =
            answers.into_iter().map(|(_, answers)| answers).collect();
        Ok(answers?.concat())
    }

    /// Many at once on one connection, in order (RFC 9112 §9.3.2).
    async fn each(&self, via: &Via, range: std::ops::Range<u32>, version: &str) -> anyhow::Result<Vec<bool>> {
        let mut wire = connect(via).await?;
        let mut answers = Vec::with_capacity(range.len());
        let users: Vec<u32> = range.collect();
        for some in users.chunks(AT_ONCE) {
            let requests: Vec<u8> = some.iter().flat_map(|user| self.request(*user)).collect();
            wire.send(&requests).await?;
            for user in some {
                let response =
                    timeout(EXCHANGE, wire.response(false)).await.context("no answer in time")??;
                match (response.status, response.headers.get("x-version")) {
                    (200, Some(by)) => answers.push(by == version),
                    (status, _) => bail!("user {user} by {}: {status}", via.name),
                }
            }
        }
        Ok(answers)
    }
}

async fn connect(via: &Via) -> anyhow::Result<Wire<TcpStream>> {
    let stream = TcpStream::connect(via.http).await.with_context(|| format!("connecting to {}", via.name))?;
    stream.set_nodelay(true)?;
    Ok(Wire::new(stream))
}

/// The users of one worker, who are nobody else's: so the visits of one user have an order.
async fn come(users: Users, number: u32, shared: Arc<Shared>, done: watch::Sender<u64>) {
    let mut connections = Connections::new();
    let mut beat = interval(Duration::from_secs(1) * WORKERS / users.rate.max(1));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = Instant::now() + LONGEST;
    while !shared.over.load(Ordering::Relaxed) && Instant::now() < end {
        beat.tick().await;
        let user = fastrand::u32(..users.count / WORKERS) * WORKERS + number;
        let via = &users.ways[fastrand::usize(..users.ways.len())];
        let since = Instant::now();
        let answer = timeout(EXCHANGE, ask(&mut connections, via, &users.request(user))).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("nothing for {EXCHANGE:?}")));
        if answer.is_err() {
            connections.remove(&via.name);
        }
        let visit = Visit { user, via: &via.name, since, answer };
        shared.story.lock().unwrap_or_else(PoisonError::into_inner).add(visit);
        done.send_modify(|done| *done += 1);
    }
}

/// The version that answered. What a proxy says when it has none is an answer as well.
async fn ask(connections: &mut Connections, via: &Via, request: &Bytes) -> Result<(u16, String), String> {
    let mut wire = match connections.remove(&via.name) {
        Some(wire) => wire,
        None => connect(via).await.map_err(|error| format!("{error:#}"))?,
    };
    wire.send(request).await.map_err(|error| error.to_string())?;
    let response = wire.response(false).await.map_err(|error| error.to_string())?;
    let version = response.headers.get("x-version").unwrap_or("-").to_owned();
    if response.keeps_alive() {
        connections.insert(via.name.clone(), wire);
    }
    Ok((response.status, version))
}

// === impl Visits ===

impl Visits {
    /// Waits until so many more have come: the event to await between two changes.
    ///
    /// # Errors
    /// When that takes more than a minute.
    pub async fn more(&self, count: u64) -> anyhow::Result<()> {
        let mut done = self.done.clone();
        let goal = *done.borrow() + count;
        match timeout(PATIENCE, done.wait_for(|now| *now >= goal)).await {
            Ok(Ok(_)) => Ok(()),
            _ => bail!("nobody comes any more"),
        }
    }

    /// What there is to tell until now.
    pub fn so_far(&self) -> Story {
        self.shared.story.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets those who came leave, and tells what there is to tell.
    ///
    /// # Errors
    /// When a worker ended by itself.
    pub async fn stop(mut self) -> anyhow::Result<Story> {
        self.shared.over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.workers.join_next().await {
            ended.context("users")?;
        }
        Ok(self.so_far())
    }
}

#[cfg(test)]
mod tests;
