//! Releases without a cluster: a thread that looks at them a few times a second, and at once when somebody asks
//! for something.
//!
//! ```text
//! admin ── Ask ──► Desk: Source + Proxy ─ observe ─► Keeper (weir-release) ─► Store ─► Translator ─► Proxy
//!   ▲                                                                │
//!   └──────────────── Board (views, events) ◄──────────── actions ◄──┘
//! ```
//! What has been decided is stored before it is put in force, so a kill at any moment loses nothing.

pub(crate) mod api;
mod board;
mod desk;
mod hook;
mod observe;
mod store;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::JoinHandle,
    time::Duration,
};

use weir_cluster::Inquiries;
use weir_proxy::Proxy;

pub(crate) use board::{Ask, Board, Told};
use desk::Desk;
pub(crate) use hook::Hook;
pub(crate) use store::{States, Store, Stored};

use crate::source::Source;

/// How often releases are looked at when nothing happens.
const LOOK: Duration = Duration::from_millis(100);

/// Where releases are kept, and what is called when a version is offline.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    /// The folder of the states; without one they end with the process.
    pub(crate) state: Option<PathBuf>,
    /// A program that is called when a version is offline.
    pub(crate) hook: Option<Hook>,
}

/// The thread that runs releases.
#[derive(Debug)]
pub(crate) struct Releases {
    asks: Sender<Ask>,
    board: Arc<Board>,
    thread: JoinHandle<()>,
    /// Where questions to others run.
    inquiries: tokio::runtime::Runtime,
}

// === impl Releases ===

impl Releases {
    /// Runs the releases of a source.
    ///
    /// # Errors
    /// When there is no thread.
    pub(crate) fn start(
        config: Config,
        store: Store,
        source: Arc<Mutex<Source>>,
        proxy: Arc<Proxy>,
    ) -> anyhow::Result<Self> {
        let (asks, asked) = mpsc::channel();
        let board = Arc::new(Board::new(asks.clone()));
        let inquiries = tokio::runtime::Builder::new_multi_thread();
        let inquiries = { inquiries }.worker_threads(1).thread_name("inquiries").enable_all().build()?;
        let asking = Inquiries::new(inquiries.handle().clone())?;
        let mut desk = Desk::new(store, config.hook, source, proxy, Arc::clone(&board), asking);
        let run = move || {
            loop {
                match asked.recv_timeout(LOOK) {
                    Ok(Ask::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                    Ok(ask) => desk.ask(ask),
                    Err(RecvTimeoutError::Timeout) => {}
                }
                desk.look();
            }
        };
        let thread = std::thread::Builder::new().name("releases".into()).spawn(run)?;
        Ok(Self { asks, board, thread, inquiries })
    }

    /// What is shown of them.
    pub(crate) fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Ends the thread; states stay as they are.
    pub(crate) fn stop(self) {
        // An error means that it has ended already.
        let _ = self.asks.send(Ask::Stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread that runs releases panicked");
        }
        self.inquiries.shutdown_background();
    }
}
