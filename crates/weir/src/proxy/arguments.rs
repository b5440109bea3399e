//! The arguments of `weir proxy`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use weir_fleet::{Link, Store};

use super::user::User;
use crate::arguments::{Traffic, address};

/// Serve what the controllers say. The Helm chart starts it; it needs no access to the Kubernetes API.
///
/// Without a controller the last configuration stays in force, over restarts too where --state is kept.
/// /readyz of the admin listener answers 200 once a whole configuration is served.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where the controllers are.
    #[arg(long, value_name = "HOST:PORT")]
    controller: String,

    /// The certificates of the authorities that the controllers' may come from, in PEM.
    #[arg(long = "ca", value_name = "FILE")]
    authority: PathBuf,

    /// The service account token for the audience weir.
    #[arg(long, value_name = "FILE")]
    token: PathBuf,

    /// A folder for the last configuration, with the private keys in it: give it memory, not a disk.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// The pod's name.
    #[arg(long, value_name = "NAME", env = "HOSTNAME", default_value = "proxy")]
    identity: String,

    /// Become this user once the ports are bound, if started as root for ports below 1024.
    #[arg(long, value_name = "UID:GID")]
    user: Option<User>,

    #[command(flatten)]
    traffic: Traffic,

    /// Where to serve health, metrics and table. It needs no password: keep it local.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9901", value_parser = address)]
    admin: SocketAddr,
}

// === impl Arguments ===

impl Arguments {
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    pub(super) fn user(&self) -> Option<User> {
        self.user
    }

    pub(crate) fn store(&self) -> Option<Store> {
        self.state.clone().map(Store::new)
    }

    pub(crate) fn link(&self) -> Link {
        Link {
            controller: self.controller.clone(),
            authority: self.authority.clone(),
            token: self.token.clone(),
            identity: self.identity.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    pub(crate) fn shutdown_delay(&self) -> Duration {
        self.traffic.shutdown_delay()
    }

    pub(crate) fn proxy(self) -> weir_proxy::Config {
        self.traffic.config()
    }
}
