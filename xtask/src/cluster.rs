//! `cargo xtask cluster`: a real Kubernetes node on this machine, for the end-to-end tests.
//!
//! ```text
//! up ──► binaries (Go modules, built once) ─► network ─► pki ─► control plane ─► node
//!                                            (namespace)       (etcd, apiserver, …) (containerd, kubelet, kube-proxy)
//! ```
//! The node lives in a network namespace that `up` makes and `down` removes; nothing else of the machine's
//! network changes. No docker: containerd runs the pods, and images come from tar files.

mod binaries;
mod control;
mod network;
mod node;
mod pause;
mod pki;
mod place;
mod processes;

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::Subcommand;

use crate::{
    out,
    packages::{self, Need},
    run,
};
use place::Place;

/// Arguments of the verb.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
    /// Where the cluster keeps its state [default: a folder of the cache]
    #[arg(long, value_name = "DIR", global = true)]
    dir: Option<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    /// Start the cluster; the last line is what a shell needs to use it
    Up,
    /// End what `up` started, and forget its state
    Down,
    /// Import images, as OCI tar files
    Load {
        /// The tar files
        #[arg(required = true, value_name = "TAR")]
        images: Vec<PathBuf>,
    },
}

/// Runs the verb.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let place = Place::new(args.dir.clone());
    match &args.what {
        What::Up => up(&place),
        What::Down => down(&place),
        What::Load { images } => images.iter().try_for_each(|image| node::import(&place, image)),
    }
}

fn up(place: &Place) -> anyhow::Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "a cluster needs network namespaces and mounts: run it as root"
    );
    ensure!(
        run::has("go"),
        "go is missing: Kubernetes is built from its Go modules; install Go 1.26 or newer"
    );
    ensure!(
        !place.run.exists(),
        "a cluster is up in {} already; end it with: cargo xtask cluster down",
        place.run.display()
    );
    packages::ensure(Need::Cluster)?;
    binaries::build(place)?;
    let started = start(place);
    if started.is_err() {
        out::note("the cluster did not come up; its logs are kept until `cargo xtask cluster down`");
    }
    started?;
    out::say(place.exports());
    Ok(())
}

fn start(place: &Place) -> anyhow::Result<()> {
    place.create().with_context(|| format!("making {}", place.run.display()))?;
    network::make()?;
    pki::write(place)?;
    control::start(place)?;
    node::start(place)
}

fn down(place: &Place) -> anyhow::Result<()> {
    processes::end(place);
    node::unmount(place)?;
    network::remove()?;
    place.remove().with_context(|| format!("removing {}", place.run.display()))
}
