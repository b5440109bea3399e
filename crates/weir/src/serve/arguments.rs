//! The arguments of `weir serve`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use weir_translate::Config;

use crate::{
    arguments::{Reading, Traffic, address},
    releases::{self, Hook},
};

/// Serve manifests from files, and follow every change of them without a restart.
///
/// A change takes effect as a whole, for new requests, without disturbing those in flight. While a file
/// cannot be read, the last good set stays in force. Services name their endpoints in the annotation
/// weir.dev/endpoints ("10.0.0.1:8080,10.0.0.2:8080") or in EndpointSlices beside them.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: weir serve --manifests examples/scenario-2-weight/nginx --http 127.0.0.1:8080"
)]
pub(crate) struct Arguments {
    /// A file, or a folder with all .yaml, .yml and .json files below it. Repeatable.
    #[arg(short = 'f', long, visible_alias = "file", value_name = "PATH", required = true, num_args = 1..)]
    manifests: Vec<PathBuf>,

    #[command(flatten)]
    traffic: Traffic,

    /// Where to serve health, metrics, table and findings. It needs no password: keep it local.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9901", value_parser = address)]
    admin: SocketAddr,

    /// A folder for where releases stand. Without one a release begins again when Weir does.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// A program to call when a release has taken a version offline, so that it can be stopped. It is told
    /// `WEIR_NAMESPACE`, `WEIR_RELEASE`, `WEIR_VERSION` (stable or canary) and `WEIR_SERVICE` in its environment.
    #[arg(long, value_name = "PROGRAM")]
    on_offline: Option<String>,

    #[command(flatten)]
    reading: Reading,
}

// === impl Arguments ===

impl Arguments {
    pub(crate) fn roots(&self) -> Vec<PathBuf> {
        self.manifests.clone()
    }

    /// `admin` is where the admin listener really is.
    pub(crate) fn reading(&self, admin: SocketAddr) -> Config {
        Config { serving: true, admin: Some(admin), ..self.reading.config() }
    }

    pub(crate) fn releases(&self) -> releases::Config {
        releases::Config { state: self.state.clone(), hook: self.on_offline.clone().map(Hook) }
    }

    pub(crate) fn shutdown_delay(&self) -> Duration {
        self.traffic.shutdown_delay()
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    pub(crate) fn proxy(self) -> weir_proxy::Config {
        self.traffic.config()
    }
}
