//! The proxy's side: stays connected to some controller, and puts in force what it says.

use std::{
    fs,
    path::PathBuf,
    pin::Pin,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Request, Status, Streaming,
    metadata::MetadataValue,
    transport::{Certificate, ClientTlsConfig, Endpoint},
};
use weir_model::Delta;

use crate::{
    Assembly, Horizon, Position, Reading, Refused, Store,
    proto::{
        self, Acknowledgement, FromController, FromProxy, Hello, fleet_client::FleetClient,
        from_proxy::Message,
    },
};

/// One message from a controller; the largest holds one host with all its rules.
const FROM_CONTROLLER: usize = 64 << 20;
const CONNECT: Duration = Duration::from_secs(2);
/// How soon a controller that has gone without a word is noticed.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// Between two tries to connect: doubled from the first to the last, half of it at random.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(2);
/// A stream that has lived this long was a good one.
const GOOD: Duration = Duration::from_secs(5);
/// How many controllers in a row may say that they have read less than what is served here, before one is believed
/// all the same: versions go back when the API server's store is restored from a copy. Each lets us wait for some
/// seconds first.
const BEHIND: u32 = 12;
/// How long a leader that could not be reached is not looked for again.
const DEAF: Duration = Duration::from_secs(1);
/// Between two messages with counters.
const COUNTING: Duration = Duration::from_secs(1);
/// The least time between two saves: a burst of changes is saved once.
const SAVING: Duration = Duration::from_secs(1);

/// Where the controllers are, and how to be known there.
#[derive(Clone, Debug)]
pub struct Link {
    /// `HOST:PORT`.
    pub controller: String,
    /// A file with the certificates of the authorities that the controller's may come from, in PEM.
    pub authority: PathBuf,
    /// A file with the token that says who this is. Both files are read at every connect.
    pub token: PathBuf,
    /// The pod's name.
    pub identity: String,
    /// The program's version.
    pub version: String,
}

/// The data plane.
pub trait Apply {
    /// Puts a change in force. The first is a whole configuration.
    ///
    /// # Errors
    /// When the data plane cannot serve at all; that ends the client.
    fn apply(&mut self, delta: &Delta) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;

    /// Where it listens.
    fn listeners(&self) -> Vec<String>;

    /// What it has counted.
    fn reading(&self) -> Reading;
}

/// The connection to the controllers.
#[derive(Debug)]
pub struct Client {
    link: Link,
    boot: String,
    assembly: Assembly,
    store: Option<Store>,
    /// What was saved last, and when.
    saved: Option<Position>,
    save_at: Instant,
    /// Where the leader is, if that is whom this follows.
    leader: Option<String>,
    /// Until when nobody is believed who says where the leader is.
    deaf_until: Instant,
    /// How many controllers in a row were behind.
    behind: u32,
}

/// A stream to a controller.
struct Stream {
    outbound: mpsc::Sender<FromProxy>,
    inbound: Streaming<FromController>,
}

/// The way to a leader, while another controller is still followed.
struct Way {
    to: Aim,
    opening: Pin<Box<dyn Future<Output = Result<Stream, Ended>> + Send>>,
}

/// Which leader, and what it was told.
#[derive(Default)]
struct Aim {
    leader: String,
    /// From how much that was made which is served here.
    told: Horizon,
}

/// Why a stream ended.
enum Ended {
    /// The leader, who is elsewhere, is reached.
    Moved(String, Box<Stream>),
    /// It may be tried again.
    Lost(String),
    /// The controller has read less than what is served here.
    Behind(String),
    /// The data plane cannot serve.
    Fatal(Box<dyn std::error::Error + Send + Sync>),
}

impl From<Status> for Ended {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::FailedPrecondition => Self::Behind(status.message().to_owned()),
            code => Self::Lost(format!("{code}: {}", status.message())),
        }
    }
}

// === impl Client ===

impl Client {
    /// A client that holds what the assembly holds.
    pub fn new(link: Link, assembly: Assembly, store: Option<Store>) -> Self {
        let boot = format!("{:016x}", fastrand::u64(..));
        let saved = assembly.position().cloned();
        let now = Instant::now();
        Self { link, boot, assembly, store, saved, save_at: now, leader: None, deaf_until: now, behind: 0 }
    }

    /// Follows the controllers until the future is dropped.
    ///
    /// # Errors
    /// When the data plane cannot serve.
    pub async fn follow(
        mut self,
        apply: &mut impl Apply,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut pause = FIRST_PAUSE;
        let mut next = None;
        loop {
            let started = Instant::now();
            match self.stream(next.take(), apply).await {
                Ended::Fatal(error) => return Err(error),
                Ended::Moved(leader, stream) => {
                    tracing::debug!(leader, "going to the leader");
                    self.leader = Some(leader);
                    next = Some(*stream);
                    continue;
                }
                Ended::Lost(why) => {
                    let controller = self.leader.take().unwrap_or_else(|| self.link.controller.clone());
                    tracing::warn!("no controller at {controller}: {why}; what is in force stays");
                }
                Ended::Behind(why) => {
                    tracing::warn!("{why}; what is in force stays");
                    self.turned_away();
                    pause = FIRST_PAUSE;
                }
            }
            self.save();
            if started.elapsed() >= GOOD {
                pause = FIRST_PAUSE;
            }
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Counts the controllers that are behind.
    fn turned_away(&mut self) {
        self.behind += 1;
        if self.behind >= BEHIND {
            self.behind = 0;
            self.assembly.forget_horizon();
            tracing::warn!("all controllers are behind what is in force; what they say counts from now on");
        }
    }

    /// One stream, opened already or not, to its end.
    async fn stream(&mut self, opened: Option<Stream>, apply: &mut impl Apply) -> Ended {
        let stream = match opened {
            Some(stream) => Ok(stream),
            None => open(self.link.clone(), self.link.controller.clone(), self.hello()).await,
        };
        match stream {
            Ok(stream) => self.hold(stream, apply).await,
            Err(ended) => ended,
        }
    }

    fn hello(&self) -> FromProxy {
        let Link { identity, version, .. } = &self.link;
        said(Message::Hello(Hello {
            identity: identity.clone(),
            boot: self.boot.clone(),
            version: version.clone(),
            holds: self.assembly.position().cloned().map(Into::into),
            horizon: Some(self.assembly.horizon().clone().into()),
        }))
    }

    /// Follows a controller, and looks for the leader where that one says. What it says counts until the leader is
    /// reached: one that is gone must not keep changes away.
    async fn hold(&mut self, stream: Stream, apply: &mut impl Apply) -> Ended {
        let Stream { outbound, mut inbound } = stream;
        let mut counting = tokio::time::interval(COUNTING);
        let mut counted = Reading::default();
        let mut parts = Vec::new();
        let mut way: Option<Way> = None;
        loop {
            tokio::select! {
                (Aim { leader, told }, reached) = arrival(&mut way) => {
                    way = None;
                    match reached {
                        Ok(stream) if told == *self.assembly.horizon() => {
                            return Ended::Moved(leader, Box::new(stream));
                        }
                        // More has come meanwhile than the leader may have read.
                        Ok(_) => {
                            way = self.way_to(leader);
                            continue;
                        }
                        Err(Ended::Lost(why) | Ended::Behind(why)) => {
                            tracing::info!("no leader at {leader} yet: {why}");
                        }
                        Err(ended) => return ended,
                    }
                    self.deaf_until = Instant::now() + DEAF;
                }
                heard = inbound.message() => {
                    let part = match heard {
                        Ok(Some(part)) => part,
                        Ok(None) => return Ended::Lost("the controller ended the stream".into()),
                        Err(status) => return status.into(),
                    };
                    if !part.leader.is_empty() {
                        way = way.or_else(|| self.way_to(part.leader));
                        continue;
                    }
                    let answer = match self.heard(part, &mut parts, apply) {
                        Ok(Some(answer)) => answer,
                        Ok(None) => continue,
                        Err(ended) => return ended,
                    };
                    if outbound.send(answer).await.is_err() {
                        return Ended::Lost("the stream is closed".into());
                    }
                    let reading = apply.reading();
                    if !reading.has_epochs_of(&counted) {
                        count(&outbound, reading, &mut counted);
                    }
                }
                _ = counting.tick() => {
                    self.save_in_time();
                    let reading = apply.reading();
                    if reading.is_news_after(&counted) {
                        count(&outbound, reading, &mut counted);
                    }
                }
            }
        }
    }

    /// The way to a leader, unless it is followed already or was just not there.
    fn way_to(&self, leader: String) -> Option<Way> {
        if self.leader.as_ref() == Some(&leader) || Instant::now() < self.deaf_until {
            return None;
        }
        let opening = Box::pin(open(self.link.clone(), leader.clone(), self.hello()));
        Some(Way { to: Aim { leader, told: self.assembly.horizon().clone() }, opening })
    }

    /// Collects the parts of a change; the last one puts it in force.
    fn heard(
        &mut self,
        part: FromController,
        parts: &mut Vec<proto::Resource>,
        apply: &mut impl Apply,
    ) -> Result<Option<FromProxy>, Ended> {
        parts.extend(part.resources);
        let horizon = part.horizon.unwrap_or_default().into();
        let position = part.position.ok_or_else(|| Ended::Lost("a change has no position".into()))?;
        if part.more {
            return Ok(None);
        }
        let resources = std::mem::take(parts);
        let (delta, refused) = self.assembly.apply(position.clone().into(), part.complete, resources);
        self.assembly.made_from(&horizon);
        self.behind = 0;
        apply.apply(&delta).map_err(Ended::Fatal)?;
        for Refused { resource, reason } in &refused {
            tracing::error!(resource, "refused, the one before it stays: {reason}");
        }
        let (hosts, backends) = (delta.hosts.len(), delta.backends.len());
        tracing::debug!(epoch = position.epoch, hosts, backends, "in force");
        let refused = refused.into_iter().map(proto::Refused::from).collect();
        let listeners = apply.listeners();
        self.save_in_time();
        Ok(Some(said(Message::Acknowledgement(Acknowledgement {
            position: Some(position),
            listeners,
            refused,
        }))))
    }

    fn save_in_time(&mut self) {
        if Instant::now() >= self.save_at {
            self.save();
        }
    }

    fn save(&mut self) {
        let Some(store) = &self.store else { return };
        if self.saved.as_ref() == self.assembly.position() {
            return;
        }
        self.save_at = Instant::now() + SAVING;
        match store.save(&self.assembly) {
            Ok(()) => self.saved = self.assembly.position().cloned(),
            Err(error) => tracing::warn!(%error, "what is in force cannot be saved for a restart"),
        }
    }
}

/// Opens a stream to the controller at an address.
async fn open(link: Link, address: String, hello: FromProxy) -> Result<Stream, Ended> {
    let read = |path: &PathBuf| {
        fs::read_to_string(path).map_err(|error| Ended::Lost(format!("{}: {error}", path.display())))
    };
    let (authority, token) = (read(&link.authority)?, read(&link.token)?);
    let lost = |error: tonic::transport::Error| Ended::Lost(chain(&error));
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
    // All controllers have the same name, whatever address one is reached by.
    let name = link.controller.rsplit_once(':').map_or(&*link.controller, |(name, _)| name);
    let tls = tls.domain_name(name);
    let endpoint = Endpoint::from_shared(format!("https://{address}")).map_err(lost)?;
    let endpoint = endpoint.connect_timeout(CONNECT).tcp_nodelay(true);
    let endpoint = endpoint.http2_keep_alive_interval(KEEPALIVE).keep_alive_timeout(KEEPALIVE);
    let channel = endpoint.keep_alive_while_idle(true).tls_config(tls).map_err(lost)?;
    let channel = channel.connect().await.map_err(lost)?;
    let (outbound, said) = mpsc::channel(4);
    outbound.try_send(hello).map_err(|_| Ended::Lost("the stream is closed".into()))?;
    let mut request = Request::new(ReceiverStream::new(said));
    let bearer = MetadataValue::try_from(format!("Bearer {}", token.trim()));
    let bearer = bearer.map_err(|_| Ended::Lost("the token is not text".into()))?;
    request.metadata_mut().insert("authorization", bearer);
    let mut client = FleetClient::new(channel).max_decoding_message_size(FROM_CONTROLLER);
    let inbound = client.follow(request).await?.into_inner();
    Ok(Stream { outbound, inbound })
}

/// The end of a way; never, while there is none.
async fn arrival(way: &mut Option<Way>) -> (Aim, Result<Stream, Ended>) {
    match way {
        Some(Way { to, opening }) => {
            let reached = opening.as_mut().await;
            (std::mem::take(to), reached)
        }
        None => std::future::pending().await,
    }
}

/// A full channel is tried again at the next tick: counters are cumulative.
fn count(outbound: &mpsc::Sender<FromProxy>, reading: Reading, counted: &mut Reading) {
    if outbound.try_send(said(Message::Counters(reading.clone().into()))).is_ok() {
        *counted = reading;
    }
}

fn said(message: Message) -> FromProxy {
    FromProxy { message: Some(message) }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

// === refusals as messages ===

impl From<proto::Refused> for Refused {
    fn from(refused: proto::Refused) -> Self {
        Self { resource: refused.resource, reason: refused.reason }
    }
}

impl From<Refused> for proto::Refused {
    fn from(refused: Refused) -> Self {
        Self { resource: refused.resource, reason: refused.reason }
    }
}
