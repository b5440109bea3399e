//! What Weir's developers run, as `cargo xtask VERB`.
//!
//! ```text
//!   test    every test of the workspace, closing with one line of counts
//!   lint    formatting, clippy, documentation, layering, tidiness, dependencies
//!   bench   Weir beside nginx, HAProxy and Envoy; writes docs/benchmarks.md
//!   image   Weir, or a backend for tests, as an OCI image in a tar file
//!   cluster a real Kubernetes node on this machine, for end-to-end tests
//!   e2e     Weir in such a cluster, under load, while things break
//!   sim     releases by the thousand in virtual time: how often healthy ones are given up
//! ```

mod bench;
mod cluster;
mod e2e;
mod image;
mod lint;
mod out;
mod packages;
mod run;
mod sim;
mod test;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Weir's own tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", version, about)]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run every test of the workspace; the last line counts them
    Test(test::Args),
    /// Check formatting, lints, documentation, layering, tidiness and dependencies
    Lint,
    /// Measure Weir beside nginx, HAProxy and Envoy
    Bench(bench::Args),
    /// Start, end or feed a real Kubernetes node on this machine
    Cluster(cluster::Args),
    /// Test Weir in a cluster, under load, while things break
    E2e(e2e::Args),
    /// Run releases by the thousand in virtual time
    Sim(sim::Args),
    /// Pack Weir, or a backend for tests, as an OCI image in a tar file
    Image(image::Args),
    /// Serve as the benchmark's origin until stdin closes
    #[command(hide = true)]
    Origin(bench::origin::Args),
    /// Generate one measurement's load and print what came of it as JSON
    #[command(hide = true)]
    Load(bench::load::Args),
}

fn main() -> ExitCode {
    let done = match Args::parse().verb {
        Verb::Test(args) => test::run(&args),
        Verb::Lint => lint::run().map(|()| ExitCode::SUCCESS),
        Verb::Bench(args) => bench::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Cluster(args) => cluster::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::E2e(args) => e2e::run(&args),
        Verb::Sim(args) => sim::run(&args),
        Verb::Image(args) => image::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Origin(args) => bench::origin::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Load(args) => bench::load::run(&args).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        out::note(format_args!("error: {error:#}"));
        ExitCode::FAILURE
    })
}
