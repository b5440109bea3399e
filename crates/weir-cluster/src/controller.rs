//! All of it together.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use kube::Client;
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};
use weir_fleet::{Hub, Serving};
use weir_translate::object::{EndpointSlice, Ingress, IngressClass, Release, Service};

use crate::{
    admission::{self, Classes, REVIEWS, Reviewer},
    client,
    index::{Change, Index, Outlets, View},
    keep::Keep,
    lead::{self, Desk},
    lease::{self, Standing},
    publish::{self, Publish},
    record, secrets,
    tokens::Tokens,
    watch::{follow, follow_if_installed},
};

/// What a controller is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// What its objects in the API are called.
    pub name: String,
    /// Where they are.
    pub namespace: String,
    /// The pod's name.
    pub identity: String,
    /// Where proxies connect.
    pub fleet: SocketAddr,
    /// Where the API server asks for reviews of Ingresses; nobody asks unless given.
    pub webhook: Option<SocketAddr>,
    /// Where other pods reach this one's fleet address: `10.0.0.7:9443`. Proxies are sent to the leader by it.
    pub advertise: Option<String>,
    /// As which DNS names they know it.
    pub fleet_names: Vec<String>,
    /// Namespace and name of the proxies' service account.
    pub proxy_account: (String, String),
    /// Namespaces whose Secrets may be read; none means all.
    pub secret_namespaces: Vec<String>,
    /// What the statuses of Ingresses say.
    pub publish: Publish,
    /// How objects are read.
    pub reading: weir_translate::Config,
}

/// A running controller. It ends when it is dropped.
#[derive(Debug)]
pub struct Controller {
    name: String,
    identity: String,
    hub: Arc<Hub>,
    view: watch::Receiver<Arc<View>>,
    ready: watch::Receiver<bool>,
    leads: Option<watch::Receiver<bool>>,
    serving: Serving,
    webhook: Option<SocketAddr>,
    parts: Parts,
    lease: tokio::task::JoinHandle<()>,
    /// Whether a part has ended that never should.
    failed: watch::Receiver<bool>,
}

/// What never ends, and tells when it does.
#[derive(Debug)]
struct Parts {
    tasks: JoinSet<()>,
    failed: watch::Sender<bool>,
}

/// Held by a part.
struct Guard(watch::Sender<bool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

// === impl Parts ===

impl Parts {
    fn new() -> (Self, watch::Receiver<bool>) {
        let (failed, receiver) = watch::channel(false);
        (Self { tasks: JoinSet::new(), failed }, receiver)
    }

    fn guard(&self) -> Guard {
        Guard(self.failed.clone())
    }

    fn spawn(&mut self, part: impl Future<Output = ()> + Send + 'static) {
        let guard = self.guard();
        self.tasks.spawn(async move {
            part.await;
            drop(guard);
        });
    }
}

// === impl Controller ===

impl Controller {
    /// Starts to follow the API server. One that does not answer yet is waited for: handshakes fail and
    /// [`Self::ready`] says no until it does.
    ///
    /// # Errors
    /// When nothing says where the API server is, or an address cannot be listened on.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let client = client::client().await.context("no way to the API server")?;
        let keep = Arc::new(Keep::new(&client, &config.namespace, &config.name, config.fleet_names.clone()));
        let run = format!("{}/{:016x}", config.identity, fastrand::u64(..));
        let hub = Arc::new(Hub::new(run));
        let (namespace, account) = &config.proxy_account;
        let tokens = Arc::new(Tokens::new(client.clone(), namespace, account));
        let serving = Serving::start(config.fleet, keep.tls(b"h2")?, Arc::clone(&hub), tokens).await;
        let serving = serving.with_context(|| format!("listening on {} for proxies", config.fleet))?;
        let (mut parts, failed) = Parts::new();
        let Views { view, ready, classes } = index(&client, &config, &hub, &mut parts)?;
        let mut webhook = None;
        if let Some(address) = config.webhook {
            let reviewer = Reviewer {
                classes,
                config: Arc::new(config.reading.clone()),
                slots: Arc::new(Semaphore::new(REVIEWS)),
            };
            let (address, serving) = admission::serve(address, keep.tls(b"http/1.1")?, reviewer).await?;
            parts.spawn(serving);
            webhook = Some(address);
        }
        let bundle = keep.bundle();
        parts.spawn(async move { keep.tend().await });
        let (leads, leading) = watch::channel(false);
        let (addresses, ours) = watch::channel(None);
        parts.spawn(publish::follow(client.clone(), config.publish.clone(), addresses));
        let desk = Desk {
            client: client.clone(),
            config: config.clone(),
            hub: Arc::clone(&hub),
            view: view.clone(),
            ours,
            ready: ready.clone(),
            bundle,
        };
        parts.spawn(lead::lead(desk, leading.clone()));
        let (name, identity) = (config.name.clone(), config.identity.clone());
        let lease = stand(client, config, Arc::clone(&hub), leads);
        Ok(Self {
            name,
            identity,
            hub,
            view,
            ready,
            leads: Some(leading),
            serving,
            webhook,
            parts,
            lease,
            failed,
        })
    }

    /// What its objects in the API are called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The pod's name.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// What proxies are told, and who they are.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Everything there is to say about the objects.
    pub fn view(&self) -> watch::Receiver<Arc<View>> {
        self.view.clone()
    }

    /// Whether proxies get their configuration from it.
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.ready.clone()
    }

    /// Whether this one writes status and events.
    pub fn leads(&self) -> bool {
        self.leads.as_ref().is_some_and(|leads| *leads.borrow())
    }

    /// Where the API server asks for reviews.
    pub fn webhook(&self) -> Option<SocketAddr> {
        self.webhook
    }

    /// Where proxies connect.
    pub fn fleet(&self) -> SocketAddr {
        self.serving.address
    }

    /// Returns when a part has ended that never should, as by a panic: a controller without it must not go on
    /// looking healthy.
    pub async fn failed(&self) {
        let mut failed = self.failed.clone();
        // The sender lives as long as this does.
        let _ = failed.wait_for(|failed| *failed).await;
    }

    /// Ends, and lets the next leader in at once. Proxies are sent to another controller first, since this one
    /// learns nothing more.
    pub async fn stop(mut self) {
        drop(self.serving);
        self.parts.tasks.shutdown().await;
        self.leads = None;
        if self.lease.await.is_err() {
            tracing::error!("the task that holds the Lease panicked");
        }
    }
}

/// Takes part in who leads, and sends proxies to whoever does.
fn stand(
    client: Client,
    config: Config,
    hub: Arc<Hub>,
    leads: watch::Sender<bool>,
) -> tokio::task::JoinHandle<()> {
    let standing = Standing {
        namespace: config.namespace,
        name: format!("{}-controller", config.name),
        me: config.identity,
        address: config.advertise,
    };
    tokio::spawn(async move {
        lease::take_part(client, &standing, &leads, |leader| hub.follow_leader(leader)).await;
    })
}

/// What comes out of the index.
struct Views {
    view: watch::Receiver<Arc<View>>,
    ready: watch::Receiver<bool>,
    classes: watch::Receiver<Classes>,
}

/// The watches, and the thread that translates.
fn index(client: &Client, config: &Config, hub: &Arc<Hub>, parts: &mut Parts) -> anyhow::Result<Views> {
    let (sender, changes) = mpsc::unbounded_channel::<Change>();
    let (view, views) = watch::channel(Arc::default());
    let (wanted, named) = watch::channel(secrets::Wanted::new());
    let (ready, is_ready) = watch::channel(false);
    let (classes, known) = watch::channel(Classes::default());
    let out = Outlets { view, wanted, classes, ready };
    let index = Index::new(config.reading.clone(), Arc::clone(hub), out);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let thread = std::thread::Builder::new().name("index".into());
    let guard = parts.guard();
    let run = move || {
        runtime.block_on(index.run(changes));
        drop(guard);
    };
    thread.spawn(run).context("starting a thread")?;
    parts.spawn(follow::<Ingress>(client.clone(), sender.clone()));
    parts.spawn(follow::<IngressClass>(client.clone(), sender.clone()));
    parts.spawn(follow::<Service>(client.clone(), sender.clone()));
    parts.spawn(follow::<EndpointSlice>(client.clone(), sender.clone()));
    parts.spawn(follow_if_installed::<Release>(client.clone(), sender.clone()));
    let (secrets, namespaces) = (client.clone(), config.secret_namespaces.clone());
    let changes = sender.clone();
    parts.spawn(async move { secrets::follow(secrets, &namespaces, named, changes).await });
    let (client, Config { namespace, name, .. }) = (client.clone(), config.clone());
    parts.spawn(async move { record::follow(client, &namespace, &name, sender).await });
    Ok(Views { view: views, ready: is_ready, classes: known })
}
