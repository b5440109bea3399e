//! The benchmark's origin: the testkit's, counting only, on one thread.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::io::AsyncReadExt as _;
use weir_testkit::{Origin, Recording};

use crate::out;

/// Arguments of the hidden verb.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The port of the stable version
    #[arg(long)]
    stable: u16,
    /// The port of the canary
    #[arg(long)]
    canary: u16,
}

/// Serves until stdin closes, so that it ends with whoever started it.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let _stable = start("stable", args.stable).await?;
        let _canary = start("canary", args.canary).await?;
        out::say("ready");
        let _closed = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
        Ok(())
    })
}

async fn start(name: &str, port: u16) -> anyhow::Result<Origin> {
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    Origin::start_at(name, addr, Recording::Count).await.with_context(|| format!("listening on {addr}"))
}
