//! The controller's side: every proxy gets what it lacks, and one change at a time.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use futures_util::{Stream, StreamExt as _};
use prost::Message as _;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use weir_model::Delta;

use crate::{
    Acknowledged, Behind, Horizon, Ledger, Member, Members, Position, Reach, Reading, Refused, incoming,
    ledger::Update,
    proto::{
        self, FromController, FromProxy, Hello, Resource,
        fleet_server::{Fleet, FleetServer},
        from_proxy::Message,
    },
};

/// Resources of one message together; a single larger one is sent alone.
const PART: usize = 1 << 20;
/// What a proxy may say in one message. Its counters are the largest: 500 routes of about 200 bytes, and
/// releases of about 2 KiB.
const FROM_PROXY: usize = 4 << 20;
/// How long a proxy that serves more than this controller has read waits for it, before it is turned away.
const BEHIND: Duration = Duration::from_secs(5);
/// How long a stream lives, so that proxies spread over controllers again and show their token again.
const STREAM_AGE: Duration = Duration::from_hours(1);
/// How soon a peer that has gone without a word is noticed.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// Says who a proxy is.
#[tonic::async_trait]
pub trait Authenticate: Send + Sync + 'static {
    /// Looks at the token that a proxy shows.
    async fn authenticate(&self, token: &str) -> Result<Identity, Denied>;
}

/// Who a proxy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The pod's name, if the token is bound to one.
    pub pod: Option<String>,
}

/// Why a proxy is turned away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The token is not one of a proxy.
    #[error("the token is refused: {0}")]
    Refused(String),
    /// Nobody can tell now.
    #[error("the token cannot be checked now: {0}")]
    Unavailable(String),
}

/// What all streams share.
#[derive(Debug)]
pub struct Hub {
    ledger: Mutex<Ledger>,
    epoch: watch::Sender<u64>,
    /// How much was read of which the ledger is made. Changed while the ledger is locked.
    reach: watch::Sender<Reach>,
    /// How long a proxy waits for it.
    behind: Duration,
    members: Members,
    streams: AtomicU64,
    /// Where another controller leads.
    leader: watch::Sender<Option<String>>,
}

/// A running server.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens.
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
    /// Streams end when it is dropped.
    _running: watch::Sender<()>,
}

// === impl Hub ===

impl Hub {
    /// A hub of a run, which no other has the name of. Proxies wait until something is published.
    pub fn new(run: impl Into<String>) -> Self {
        Self {
            ledger: Mutex::new(Ledger::new(run)),
            epoch: watch::Sender::new(0),
            reach: watch::Sender::default(),
            behind: BEHIND,
            members: Members::default(),
            streams: AtomicU64::new(0),
            leader: watch::Sender::new(None),
        }
    }

    /// Lets proxies that serve more than was read here wait for another time than 5 s, for tests.
    #[must_use]
    pub fn waiting(self, behind: Duration) -> Self {
        Self { behind, ..self }
    }

    /// Sends proxies to a leader elsewhere, as soon as they have what they need; keeps them without one.
    pub fn follow_leader(&self, leader: Option<String>) {
        self.leader.send_if_modified(|known| {
            let changed = *known != leader;
            *known = leader;
            changed
        });
    }

    /// Tells every proxy about a change, and that with it everything is published that was read so far. The first
    /// one is the whole configuration, even if it is empty.
    pub fn publish(&self, delta: &Delta, reach: &Reach) -> Position {
        let mut ledger = self.ledger();
        ledger.record(delta);
        let position = ledger.position();
        self.reach(reach);
        drop(ledger);
        self.epoch.send_if_modified(|epoch| std::mem::replace(epoch, position.epoch) != position.epoch);
        position
    }

    /// More was read, and it changed nothing.
    pub fn reach(&self, reach: &Reach) {
        self.reach.send_if_modified(|known| {
            let changed = known != reach;
            if changed {
                known.clone_from(reach);
            }
            changed
        });
    }

    /// How much was read of what is published.
    pub fn reached(&self) -> Reach {
        self.reach.borrow().clone()
    }

    /// Waits until as much was read as somebody serves.
    async fn caught_up(&self, served: &Horizon) -> Result<(), Behind> {
        let mut reach = self.reach.subscribe();
        let enough = reach.wait_for(|reach| reach.covers(served).is_ok());
        let _ = tokio::time::timeout(self.behind, enough).await;
        self.reach.borrow().covers(served)
    }

    /// What is published.
    pub fn position(&self) -> Position {
        self.ledger().position()
    }

    /// Whether proxies are told a certificate for a host name; for tests.
    pub fn has_certificate(&self, host: &str) -> bool {
        self.ledger().has_certificate(host)
    }

    /// The connected proxies.
    pub fn members(&self) -> &Members {
        &self.members
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Serving ===

impl Serving {
    /// Serves proxies at an address.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(
        address: SocketAddr,
        tls: Arc<rustls::ServerConfig>,
        hub: Arc<Hub>,
        authenticate: Arc<dyn Authenticate>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (running, ended) = watch::channel(());
        let service = FleetServer::new(Service { hub, authenticate, ended });
        let service = service.max_decoding_message_size(FROM_PROXY);
        let server = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .add_service(service);
        let incoming = incoming(listener, TlsAcceptor::from(tls)).map(|(stream, _)| io::Result::Ok(stream));
        let task = tokio::spawn(async move {
            if let Err(error) = server.serve_with_incoming(incoming).await {
                tracing::error!(%error, "the fleet's listener ended");
            }
        });
        Ok(Self { address, task, _running: running })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Service ===

struct Service {
    hub: Arc<Hub>,
    authenticate: Arc<dyn Authenticate>,
    /// Says nothing, and closes when the server ends.
    ended: watch::Receiver<()>,
}

#[tonic::async_trait]
impl Fleet for Service {
    type FollowStream = Pin<Box<dyn Stream<Item = Result<FromController, Status>> + Send>>;

    async fn follow(
        &self,
        request: Request<Streaming<FromProxy>>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        let identity = self.identify(&request).await?;
        let address = request.remote_addr();
        let mut inbound = request.into_inner();
        let Some(FromProxy { message: Some(Message::Hello(hello)) }) = inbound.message().await? else {
            return Err(Status::invalid_argument("the first message is not a Hello"));
        };
        let horizon = hello.horizon.clone().unwrap_or_default().into();
        self.hub.caught_up(&horizon).await.map_err(|behind| {
            tracing::warn!(proxy = hello.identity, "turned away: {behind}");
            Status::failed_precondition(behind.to_string())
        })?;
        // One change is under way at a time, in parts.
        let (outbound, parts) = mpsc::channel(2);
        let stream = self.hub.streams.fetch_add(1, Ordering::Relaxed);
        let conversation = Conversation::new(Arc::clone(&self.hub), identity, hello, address, stream);
        let mut server = self.ended.clone();
        tokio::spawn(async move {
            let who = conversation.identity.clone();
            let hub = Arc::clone(&conversation.hub);
            let why = tokio::select! {
                ended = conversation.hold(inbound, outbound) => match ended {
                    Ok(()) => "the proxy ended the stream".to_owned(),
                    Err(status) => status.message().to_owned(),
                },
                () = tokio::time::sleep(STREAM_AGE) => "the stream is old enough".to_owned(),
                _ = server.changed() => "this controller ends".to_owned(),
            };
            hub.members.leave(&who, stream);
            tracing::info!(proxy = who, "disconnected: {why}");
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(parts).map(Ok))))
    }
}

impl Service {
    async fn identify(&self, request: &Request<Streaming<FromProxy>>) -> Result<Identity, Status> {
        let header = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer "));
        let token = token.ok_or_else(|| Status::unauthenticated("there is no bearer token"))?;
        self.authenticate.authenticate(token).await.map_err(|denied| {
            tracing::warn!(from = ?request.remote_addr(), "a proxy is turned away: {denied}");
            match denied {
                Denied::Refused(_) => Status::unauthenticated(denied.to_string()),
                Denied::Unavailable(_) => Status::unavailable(denied.to_string()),
            }
        })
    }
}

/// One proxy's stream.
struct Conversation {
    hub: Arc<Hub>,
    identity: String,
    held: Option<Position>,
    /// Sent and not acknowledged yet.
    awaited: Option<Position>,
    /// Whether anything has been sent.
    greeted: bool,
}

impl Conversation {
    fn new(
        hub: Arc<Hub>,
        identity: Identity,
        hello: Hello,
        address: Option<SocketAddr>,
        stream: u64,
    ) -> Self {
        // What the cluster says counts more than what the proxy says.
        let name = identity.pod.unwrap_or(hello.identity);
        tracing::info!(proxy = name, version = hello.version, "connected");
        hub.members.join(Member {
            identity: name.clone(),
            boot: hello.boot,
            version: hello.version,
            address,
            since: SystemTime::now(),
            acknowledged: None,
            reading: Reading::default(),
            stream,
        });
        Self { hub, identity: name, held: hello.holds.map(Position::from), awaited: None, greeted: false }
    }

    async fn hold(
        mut self,
        mut inbound: Streaming<FromProxy>,
        outbound: mpsc::Sender<FromController>,
    ) -> Result<(), Status> {
        let mut epoch = self.hub.epoch.subscribe();
        let mut leader = self.hub.leader.subscribe();
        loop {
            epoch.mark_unchanged();
            let update = match self.awaited {
                None => self.next(),
                Some(_) => None,
            };
            if let Some((update, horizon)) = update {
                self.awaited = Some(update.position.clone());
                for part in parts(update, &horizon.into()) {
                    if outbound.send(part).await.is_err() {
                        return Ok(());
                    }
                }
            }
            // Whoever lacks something gets it first: a leader that is gone must not keep it away.
            let elsewhere = leader.borrow_and_update().clone();
            if let Some(leader) = elsewhere.filter(|_| self.greeted && self.awaited.is_none()) {
                let hint = FromController { leader, ..FromController::default() };
                if outbound.send(hint).await.is_err() {
                    return Ok(());
                }
            }
            tokio::select! {
                said = inbound.message() => match said? {
                    Some(said) => self.heard(said)?,
                    None => return Ok(()),
                },
                changed = epoch.changed(), if self.awaited.is_none() => if changed.is_err() {
                    return Ok(());
                },
                changed = leader.changed() => if changed.is_err() {
                    return Ok(());
                },
            }
        }
    }

    /// What to send now. The first time something is sent in any case: the acknowledgement says what the
    /// proxy has in force.
    fn next(&mut self) -> Option<(Update, Horizon)> {
        let ledger = self.hub.ledger();
        let greeting = || Update { position: ledger.position(), complete: false, resources: Vec::new() };
        let lacking = ledger.since(self.held.as_ref());
        let greeted = self.greeted || ledger.position().epoch == 0;
        let update = lacking.or_else(|| (!greeted).then(greeting));
        self.greeted |= update.is_some();
        update.map(|update| (update, self.hub.reach.borrow().seen().clone()))
    }

    fn heard(&mut self, said: FromProxy) -> Result<(), Status> {
        match said.message {
            Some(Message::Acknowledgement(said)) => {
                let position = said.position.map(Position::from);
                if position.is_none() || position != self.awaited.take() {
                    return Err(Status::invalid_argument("this epoch was not sent"));
                }
                let refused = said.refused.into_iter().map(Refused::from).collect::<Vec<_>>();
                for Refused { resource, reason } in &refused {
                    tracing::error!(proxy = self.identity, resource, "refused: {reason}");
                }
                self.held.clone_from(&position);
                let position = position.unwrap_or_else(|| self.hub.position());
                let at = SystemTime::now();
                let acknowledged = Acknowledged { position, at, listeners: said.listeners, refused };
                self.hub.members.acknowledged(&self.identity, acknowledged);
            }
            Some(Message::Counters(counters)) => self.hub.members.counted(&self.identity, counters),
            // A later version may say more.
            Some(Message::Hello(_)) | None => {}
        }
        Ok(())
    }
}

/// Cuts an update into messages of bounded size; at least one.
fn parts(update: Update, horizon: &proto::Horizon) -> Vec<FromController> {
    let position = update.position;
    let part = |resources, more| FromController {
        position: Some(position.clone().into()),
        complete: update.complete,
        more,
        resources,
        leader: String::new(),
        horizon: Some(horizon.clone()),
    };
    let mut parts = Vec::new();
    let (mut resources, mut size) = (Vec::<Resource>::new(), 0);
    for resource in update.resources {
        let length = resource.encoded_len();
        if size + length > PART && !resources.is_empty() {
            parts.push(part(std::mem::take(&mut resources), true));
            size = 0;
        }
        size += length;
        resources.push(resource);
    }
    parts.push(part(resources, false));
    parts
}
