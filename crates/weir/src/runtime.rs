//! A data plane that follows files: what `serve` and `demo` have in common.
//!
//! ```text
//! Follower (thread): Watch ─► Source ─► Proxy::apply, Status ──► admin
//! ```

mod follower;
pub(crate) mod status;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use anyhow::anyhow;
use weir_proxy::Proxy;
use weir_translate::Config;

use crate::{
    releases::{self, Releases, Store},
    source::{Broken, Source, Watch},
};
use follower::Follower;
use status::Status;

/// A running data plane with its source.
#[derive(Debug)]
pub(crate) struct Runtime {
    proxy: Arc<Proxy>,
    status: Arc<Status>,
    follower: Follower,
    releases: Releases,
}

// === impl Runtime ===

impl Runtime {
    /// Reads the manifests, serves them, and follows their changes.
    ///
    /// # Errors
    /// When a file cannot be read, or the data plane does not start.
    pub(crate) fn start(
        roots: Vec<PathBuf>,
        reading: Config,
        proxy: weir_proxy::Config,
        releases: releases::Config,
        status: Arc<Status>,
    ) -> anyhow::Result<Self> {
        let watch = Watch::new(roots.clone());
        let (store, stored) = Store::open(releases.state.clone())?;
        let mut source = Source::new(roots, reading).with_states(stored);
        let delta = source.refresh().map_err(|broken| unreadable(&broken))?;
        let proxy = Arc::new(Proxy::start(proxy, &delta.unwrap_or_default())?);
        status.in_force(source.findings());
        status.serving(&proxy);
        let source = Arc::new(Mutex::new(source));
        let follower = Follower::start(watch, Arc::clone(&source), Arc::clone(&proxy), Arc::clone(&status))?;
        let releases = Releases::start(releases, store, source, Arc::clone(&proxy))?;
        status.releasing(releases.board());
        Ok(Self { proxy, status, follower, releases })
    }

    pub(crate) fn proxy(&self) -> &Arc<Proxy> {
        &self.proxy
    }

    pub(crate) fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// Follows no file any more and gives the data plane back.
    pub(crate) fn unfollow(self) -> Arc<Proxy> {
        self.follower.stop();
        self.releases.stop();
        self.proxy
    }
}

/// One sentence for all broken files.
pub(crate) fn unreadable(broken: &[Broken]) -> anyhow::Error {
    let list: Vec<String> = broken.iter().map(ToString::to_string).collect();
    anyhow!("{}", list.join("; "))
}
