//! The data plane as a whole: threads, listeners, and the way in for changes.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{net::TcpListener, sync::watch};
use weir_model::{Blueprint, Delta, ReleaseReading};

use crate::{
    config::Config,
    drain::{Phase, Stage},
    listen,
    memory::Gauge,
    metrics::Metrics,
    snapshot::{Revision, Served},
    tls,
    worker::{Parts, Worker},
};

/// How often a shutdown looks whether connections are left.
const LOOK: Duration = Duration::from_millis(20);
/// What connections get to notice that they are cut off.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Why the data plane does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {}", reason(source))]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there; end it, or choose another port".into(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".into(),
        io::ErrorKind::PermissionDenied => "permission denied; ports below 1024 need privileges".into(),
        _ => error.to_string(),
    }
}

/// Tasks that run before a thread looks for new events. Large, so that what arrived together is served
/// together (see [`crate::worker::regroup`]); a task's turn takes a few microseconds.
const TASKS_PER_LOOK: u32 = 512;

/// A running data plane.
#[derive(Debug)]
pub struct Proxy {
    http: Option<SocketAddr>,
    https: Option<SocketAddr>,
    config: Arc<Config>,
    served: Arc<Served>,
    metrics: Arc<Metrics>,
    phase: watch::Sender<Phase>,
    threads: Vec<JoinHandle<()>>,
}

/// The listeners of one thread.
struct Listeners {
    http: Option<StdListener>,
    https: Option<(StdListener, Arc<ServerConfig>)>,
}

// === impl Proxy ===

impl Proxy {
    /// Binds the listeners and starts the threads, which serve `first` from their first connection on.
    ///
    /// # Errors
    /// When an address is taken, or the system has no thread to give.
    pub fn start(config: Config, first: &Delta) -> Result<Self, StartError> {
        for address in [config.http, config.https].into_iter().flatten() {
            listen::check_free(address).map_err(|source| StartError::Bind { address, source })?;
        }
        let config = Arc::new(config);
        let metrics = Arc::new(Metrics::new(config.threads));
        let served = Arc::new(Served::new(Arc::clone(&metrics)));
        served.apply(first);
        let (phase, receiver) = watch::channel(Phase::Serving);
        let memory = Arc::new(Gauge::default());
        let snapshot = Arc::clone(&served.snapshot);
        let tls = tls::server(move |name| snapshot.load().tls.certificate(name))?;
        let upstream_tls = tls::upstream()?;
        let mut proxy = Self {
            http: config.http,
            https: config.https,
            config: Arc::clone(&config),
            served,
            metrics,
            phase,
            threads: Vec::new(),
        };
        for index in 0..config.threads {
            let listeners = proxy.bind(&tls)?;
            let parts = Parts {
                index,
                config: Arc::clone(&config),
                snapshot: Arc::clone(&proxy.served.snapshot),
                metrics: Arc::clone(&proxy.metrics),
                memory: Arc::clone(&memory),
                upkeep: Arc::clone(&proxy.served.upkeep),
                stage: Stage::new(receiver.clone()),
                upstream_tls: upstream_tls.clone(),
            };
            let thread = std::thread::Builder::new().name(format!("proxy-{index}"));
            let thread = thread.spawn(move || run(parts, listeners)).map_err(StartError::Thread)?;
            proxy.threads.push(thread);
        }
        Ok(proxy)
    }

    /// Binds one thread's listeners; the first settles ports that were asked for as 0.
    fn bind(&mut self, tls: &Arc<ServerConfig>) -> Result<Listeners, StartError> {
        let http = self.http.as_mut().map(bind).transpose()?;
        let https = self.https.as_mut().map(bind).transpose()?;
        Ok(Listeners { http, https: https.map(|listener| (listener, Arc::clone(tls))) })
    }

    /// Where plain HTTP is served.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Where TLS is served.
    pub fn https(&self) -> Option<SocketAddr> {
        self.https
    }

    /// Puts a change in force for every request that arrives from now on.
    pub fn apply(&self, delta: &Delta) {
        self.served.apply(delta);
    }

    /// Which change is in force.
    pub fn revision(&self) -> Revision {
        self.served.revision()
    }

    /// What is served.
    pub fn blueprint(&self) -> Blueprint {
        self.served.blueprint()
    }

    /// The counters.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The counters of the releases in force.
    pub fn releases(&self) -> Vec<ReleaseReading> {
        self.served.releases()
    }

    /// The time since the start, by a clock that nobody sets.
    pub fn uptime(&self) -> Duration {
        self.served.upkeep.uptime()
    }

    /// Where a shutdown stands.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Ends politely: still accepts for a while, then finishes what is in flight, then stops.
    pub async fn shutdown(&self) {
        let times = self.config.drain;
        self.phase.send_replace(Phase::Leaving);
        tokio::time::sleep(times.accept).await;
        self.phase.send_replace(Phase::Draining);
        let deadline = tokio::time::Instant::now() + times.in_flight;
        // The threads notice within a tick; until then a count of zero may be yesterday's.
        tokio::time::sleep(crate::timer::TICK * 2).await;
        while self.metrics.totals().open > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
        }
        self.phase.send_replace(Phase::Closing);
        tokio::time::sleep(if self.metrics.totals().open > 0 { LAST_WORDS } else { Duration::ZERO }).await;
    }

    /// Waits for the threads, which end after [`Self::shutdown`].
    pub fn join(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a proxy thread panicked");
            }
        }
    }
}

fn bind(address: &mut SocketAddr) -> Result<StdListener, StartError> {
    let failed = |source| StartError::Bind { address: *address, source };
    let listener = listen::bind(*address).map_err(failed)?;
    *address = listener.local_addr().map_err(failed)?;
    Ok(listener)
}

/// One thread, from its start to the end of the shutdown.
fn run(parts: Parts, listeners: Listeners) {
    let index = parts.index;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(TASKS_PER_LOOK)
        .build_local(tokio::runtime::LocalOptions::default());
    match runtime {
        Ok(runtime) => runtime.block_on(serve(parts, listeners)),
        Err(error) => tracing::error!(%error, index, "no runtime for a proxy thread"),
    }
}

async fn serve(parts: Parts, listeners: Listeners) {
    let stage = parts.stage.clone();
    let worker = Worker::new(parts);
    let spawn = |listener: StdListener, tls| match TcpListener::from_std(listener) {
        Ok(listener) => drop(tokio::task::spawn_local(listen::accept(worker.clone(), listener, tls))),
        Err(error) => tracing::error!(%error, "a listener cannot be used"),
    };
    if let Some(listener) = listeners.http {
        spawn(listener, None);
    }
    if let Some((listener, tls)) = listeners.https {
        spawn(listener, Some(tls));
    }
    let ticking = tokio::task::spawn_local(worker.clone().tick());
    stage.reached(Phase::Closing).await;
    tokio::time::sleep(LAST_WORDS / 2).await;
    let cut_off = worker.in_flight();
    worker.counters().force_closed.add(cut_off);
    if let Some(log) = &worker.log {
        log.flush();
    }
    ticking.abort();
}
