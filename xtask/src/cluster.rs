//! `cargo xtask cluster`: a real Kubernetes node on this machine, for the end-to-end tests.
//!
//! ```text
//! up ──► binaries (Go modules, built once) ─► network ─► init ─► pki ─► control plane ─► node
//!                                            (namespaces)             (etcd, apiserver, …) (containerd, kubelet, kube-proxy)
//! ```
//! The node lives in namespaces that `up` makes and `down` removes: one for its network, one for its processes,
//! one for its mounts. Nothing else of the machine changes. No docker: containerd runs the pods, and images
//! come from tar files.
//!
//! Every step of `down` can be repeated, and the folder of the cluster is what it removes last. So a `down` after
//! an `up` or a `down` that was interrupted anywhere leaves nothing behind.

mod binaries;
mod control;
mod dns;
mod groups;
mod init;
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
pub(crate) use network::HOST_ADDRESS;
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
    /// Stop a program of the cluster, such as kube-apiserver or etcd, to see what becomes of the others
    Stop {
        /// Its name
        program: String,
        /// Kill it instead of asking it to end
        #[arg(long)]
        kill: bool,
    },
    /// Start a stopped program as it was, and wait until it is ready
    Start {
        /// Its name
        program: String,
    },
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
        What::Stop { program, kill } => processes::stop(&place, program, *kill),
        What::Start { program } => {
            processes::start_again(&place, program)?;
            control::ready(&place, program)
        }
        What::Load { images } => images.iter().try_for_each(|image| node::import(&place, image)),
    }
}

/// Whether the cluster of the default folder runs.
pub(crate) fn is_up() -> bool {
    let place = Place::new(None);
    place.kubeconfig().exists() && runs(&place)
}

/// Whether a cluster runs; one that was not taken down, as by a restart of the machine, does not.
fn runs(place: &Place) -> bool {
    init::number(place).is_some_and(|number| network::residents().contains(&number))
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
        !runs(place),
        "a cluster is up in {} already; end it with: cargo xtask cluster down",
        place.run.display()
    );
    if place.run.exists() {
        out::note(format_args!("removing what is left of a cluster in {}", place.run.display()));
        down(place)?;
    }
    ensure!(
        !network::exists(),
        "a cluster that another --dir keeps is up; end it with: cargo xtask cluster --dir DIR down"
    );
    packages::ensure(Need::Cluster)?;
    binaries::build(place)?;
    let started = start(place);
    if started.is_err() {
        out::note(format_args!(
            "the cluster did not come up; its logs stay in {} until `cargo xtask cluster down`",
            place.run.join("log").display()
        ));
    }
    started?;
    out::say(place.exports());
    Ok(())
}

fn start(place: &Place) -> anyhow::Result<()> {
    place.create().with_context(|| format!("making {}", place.run.display()))?;
    network::make()?;
    init::start(place)?;
    pki::write(place)?;
    control::start(place)?;
    node::start(place)
}

fn down(place: &Place) -> anyhow::Result<()> {
    processes::end()?;
    groups::remove(place)?;
    network::remove()?;
    init::remove_private_folders(place);
    place.remove().with_context(|| format!("removing {}", place.run.display()))
}
