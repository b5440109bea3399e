//! A backend for tests in a cluster: see [`weir_testkit::pod`].
//!
//! Prints `listening ADDR` when it serves, and at its end how many requests there were.

use std::{
    env,
    fmt::Display,
    io::{Write as _, stdout},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser;
use tokio::{
    net::lookup_host,
    signal::unix::{SignalKind, signal},
    time::sleep,
};
use weir_testkit::{
    certs::Authority,
    pod::{Config, OnTerm, Server, seconds},
};

/// A backend for tests in a cluster
#[derive(Parser)]
#[command(name = "weir-origin")]
struct Args {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// What `x-version` says [default: the environment's VERSION, or v1]
    #[arg(long, value_name = "NAME")]
    version: Option<String>,
    /// What SIGTERM does: exit, drain:SECONDS, ignore:SECONDS
    #[arg(long, value_name = "WHAT", default_value = "drain:5")]
    on_term: OnTerm,
    /// How long `/readyz` answers 503 after the start
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    ready_after: Duration,
    /// Speak TLS, with a certificate that nobody knows
    #[arg(long)]
    tls: bool,
    /// Print the addresses of a NAME:PORT and end: what a pod of this image can resolve
    #[arg(long, value_name = "NAME:PORT", hide = true)]
    resolve: Option<String>,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.context("starting the runtime").and_then(|runtime| {
        let args = Args::parse();
        match &args.resolve {
            Some(name) => runtime.block_on(resolve(name)),
            None => runtime.block_on(serve(args)),
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn resolve(name: &str) -> anyhow::Result<()> {
    lookup_host(name).await.with_context(|| format!("resolving {name}"))?.for_each(say);
    Ok(())
}

async fn serve(args: Args) -> anyhow::Result<()> {
    // In a container the program is process 1, which a signal without a handler does not reach.
    let mut term = signal(SignalKind::terminate()).context("handling SIGTERM")?;
    let config = Config {
        version: args.version.or_else(|| env::var("VERSION").ok()).unwrap_or_else(|| "v1".to_owned()),
        pod: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        ready_after: args.ready_after,
        tls: args.tls.then(certificate).transpose()?,
    };
    let mut server =
        Server::start(args.listen, config).await.with_context(|| format!("listening on {}", args.listen))?;
    say(format_args!("listening {}", server.addr()));
    term.recv().await;
    say(format_args!("terminating, {}", args.on_term));
    match args.on_term {
        OnTerm::Exit => {}
        OnTerm::Ignore(time) => sleep(time).await,
        OnTerm::Drain(time) => {
            server.drain();
            sleep(time).await;
            server.finish().await;
        }
    }
    say(format_args!("served {} requests", server.requests()));
    Ok(())
}

fn certificate() -> anyhow::Result<Arc<rustls::ServerConfig>> {
    let leaf = Authority::new()?.leaf(&["localhost", "*.svc.cluster.local"])?;
    leaf.server(&["h2", "http/1.1"]).context("making a certificate")
}

/// A line on stdout. A reader that went away isn't an error.
fn say(line: impl Display) {
    let mut out = stdout().lock();
    let _closed = writeln!(out, "{line}").and_then(|()| out.flush());
}
