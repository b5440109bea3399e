//! What an origin remembers.

use std::{
    hash::{DefaultHasher, Hasher},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::watch;

use crate::wire::{Headers, RequestHead};

/// How much an origin remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// Every request.
    Full,
    /// Only how many there were, for load.
    Count,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The method as sent.
    pub method: String,
    /// The target as sent.
    pub target: String,
    /// The minor version of HTTP/1.
    pub minor: u8,
    /// The fields in order and spelling.
    pub headers: Headers,
    /// The length of the decoded body.
    pub body_len: u64,
    /// A hash of the decoded body; compare with [`Recorded::hash_of`].
    pub body_hash: u64,
    /// The fields behind a chunked body.
    pub trailers: Headers,
    /// Which connection it came on, counted from 1.
    pub connection: u64,
}

impl Recorded {
    /// The hash that a body has in a record.
    pub fn hash_of(body: &[u8]) -> u64 {
        let mut sum = Sum::default();
        sum.add(body);
        sum.hash()
    }
}

/// Length and hash of a body as it streams by.
#[derive(Default)]
pub(super) struct Sum {
    length: u64,
    hasher: DefaultHasher,
}

impl Sum {
    pub(super) fn add(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        self.hasher.write(piece);
    }

    fn hash(&self) -> u64 {
        self.hasher.finish()
    }
}

/// What the connections of an origin share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) count: watch::Sender<u64>,
    pub(super) held: watch::Sender<bool>,
    recording: Recording,
    requests: Mutex<Vec<Recorded>>,
    connections: AtomicU64,
}

impl Shared {
    pub(super) fn new(name: &str, recording: Recording) -> Self {
        Self {
            name: name.to_owned(),
            count: watch::Sender::new(0),
            held: watch::Sender::new(true),
            recording,
            requests: Mutex::default(),
            connections: AtomicU64::new(0),
        }
    }

    /// The number of a new connection.
    pub(super) fn connected(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers a request whose body is read.
    pub(super) fn record(&self, head: &RequestHead, sum: &Sum, trailers: &Headers, connection: u64) {
        if self.recording == Recording::Full {
            let recorded = recorded(head, sum, trailers, connection);
            self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
        }
        self.count.send_modify(|count| *count += 1);
    }
}

fn recorded(head: &RequestHead, sum: &Sum, trailers: &Headers, connection: u64) -> Recorded {
    Recorded {
        method: head.method.clone(),
        target: head.target.clone(),
        minor: head.minor,
        headers: head.headers.clone(),
        body_len: sum.length,
        body_hash: sum.hash(),
        trailers: trailers.clone(),
        connection,
    }
}
