//! The data plane as the fleet sees it.

use std::{
    error::Error,
    sync::{Arc, OnceLock},
};

use weir_fleet::{Apply, Reading, RouteReading};
use weir_model::Delta;
use weir_proxy::{Config, Proxy, RouteMetrics};

use super::user::User;
use crate::{output::note, runtime::status::Status};

/// Starts with the first whole configuration, so that no client ever meets an empty table.
#[derive(Debug)]
pub(super) struct Plane {
    user: Option<User>,
    config: Config,
    proxy: Arc<OnceLock<Arc<Proxy>>>,
    status: Arc<Status>,
}

// === impl Plane ===

impl Plane {
    pub(super) fn new(
        user: Option<User>,
        config: Config,
        proxy: Arc<OnceLock<Arc<Proxy>>>,
        status: Arc<Status>,
    ) -> Self {
        Self { user, config, proxy, status }
    }

    fn start(&self, first: &Delta) -> Result<(), Box<dyn Error + Send + Sync>> {
        let proxy = Arc::new(Proxy::start(self.config.clone(), first)?);
        if let Some(user) = self.user {
            user.become_it()?;
        }
        self.status.serving(&proxy);
        // Only this thread sets it.
        let _ = self.proxy.set(proxy);
        for listener in self.listeners() {
            note(format_args!("listening {listener}"));
        }
        Ok(())
    }
}

impl Apply for Plane {
    fn apply(&mut self, delta: &Delta) -> Result<(), Box<dyn Error + Send + Sync>> {
        match self.proxy.get() {
            Some(_) if delta.is_empty() => {}
            Some(proxy) => proxy.apply(delta),
            None => self.start(delta)?,
        }
        Ok(())
    }

    fn listeners(&self) -> Vec<String> {
        let Some(proxy) = self.proxy.get() else { return Vec::new() };
        let listeners = [("http", proxy.http()), ("https", proxy.https())];
        let bound = listeners.into_iter().filter_map(|(name, address)| Some((name, address?)));
        bound.map(|(name, address)| format!("{name}={address}")).collect()
    }

    fn reading(&self) -> Reading {
        let Some(proxy) = self.proxy.get() else { return Reading::default() };
        let totals = proxy.metrics().totals();
        let route = |RouteMetrics { route, service, statuses, failures, .. }: RouteMetrics| RouteReading {
            route,
            service,
            statuses: statuses.to_vec(),
            failures,
        };
        Reading {
            connections: totals.connections,
            open: totals.open,
            retries: totals.retries,
            connect_failures: totals.connect_failures,
            force_closed: totals.force_closed,
            routes: proxy.metrics().routes().into_iter().map(route).collect(),
            uptime: proxy.uptime(),
            releases: proxy.releases(),
        }
    }
}
