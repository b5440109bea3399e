//! `cargo xtask bench`: Weir beside nginx, `HAProxy` and Envoy, interleaved, on pinned cores.
//!
//! ```text
//!   load (the other cores) ──► proxy (a core) ──► origin (a core)
//!    xtask load, h2load        one after another    xtask origin
//! ```
//! Every round measures every proxy once, one right after the other, so that a noisy moment hits neighbours
//! alike; what counts is the ratio within a round. Absolute figures only mean something beside each other.

mod case;
mod cores;
mod cpu;
mod facts;
pub(crate) mod load;
mod measure;
pub(crate) mod origin;
mod peer;
mod report;
mod sample;
mod scale;
mod site;
mod stats;
mod template;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Subcommand, ValueEnum};

use crate::{
    out,
    packages::{self, Need},
    run,
};
use case::{CASES, Case, Route};
use peer::PeerName;
use sample::Sample;
use site::Site;

/// Rounds of a full run, and of a quick one.
const ROUNDS: u32 = 5;
const QUICK_ROUNDS: u32 = 3;

/// Arguments of the verb.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Fewer requests and rounds: shows breakage, proves nothing
    #[arg(long)]
    quick: bool,
    /// Where to write every sample [default: docs/benchmarks.json, or the target folder unless the run is full]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How many times to measure everything [default: 5, quick: 3]
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,
    /// Only these cases
    #[arg(long, value_name = "CASE", value_delimiter = ',')]
    only: Vec<String>,
    /// Only these routes
    #[arg(long, value_name = "ROUTE", value_delimiter = ',')]
    routes: Vec<Route>,
    /// Only these proxies
    #[arg(long, value_name = "PROXY", value_delimiter = ',')]
    proxies: Vec<PeerName>,
}

#[derive(Subcommand)]
enum What {
    /// Measure tables of up to 100 000 hosts, and reconfiguration under load
    Scale,
}

/// What one run measures.
struct Scope {
    quick: bool,
    rounds: u32,
    cases: Vec<&'static Case>,
    routes: Vec<Route>,
    proxies: Vec<PeerName>,
}

impl Scope {
    fn new(args: &Args) -> anyhow::Result<Self> {
        for name in &args.only {
            let known = || CASES.iter().map(|case| case.name).collect::<Vec<_>>().join(", ");
            ensure!(CASES.iter().any(|case| case.name == name), "no case {name}; there are {}", known());
        }
        let chosen = |case: &&Case| args.only.is_empty() || args.only.iter().any(|name| name == case.name);
        Ok(Self {
            quick: args.quick,
            rounds: args.rounds.unwrap_or(if args.quick { QUICK_ROUNDS } else { ROUNDS }).max(1),
            cases: CASES.iter().filter(chosen).collect(),
            routes: if args.routes.is_empty() {
                Route::value_variants().to_vec()
            } else {
                args.routes.clone()
            },
            proxies: or_all(&args.proxies),
        })
    }

    /// Whether everything is measured as published.
    fn is_full(&self) -> bool {
        let all = self.cases.len() == CASES.len() && self.routes.len() == Route::value_variants().len();
        all && self.proxies.len() == PeerName::value_variants().len() && !self.quick && self.rounds >= ROUNDS
    }
}

fn or_all<T: ValueEnum>(chosen: &[T]) -> Vec<T> {
    if chosen.is_empty() { T::value_variants().to_vec() } else { chosen.to_vec() }
}

/// Runs the verb.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(What::Scale) = args.what {
        return scale::run();
    }
    let scope = Scope::new(args)?;
    packages::ensure(Need::Bench)?;
    cores::raise_file_limit()?;
    let site = Site::build(&scope.proxies)?;
    let mut samples = Vec::new();
    for route in &scope.routes {
        samples.extend(measure::route(&site, &scope, *route)?);
    }
    publish(args, &scope, &site, &samples)
}

fn publish(args: &Args, scope: &Scope, site: &Site, samples: &[Sample]) -> anyhow::Result<()> {
    let facts = facts::gather(site);
    let page = report::page(&facts, scope, samples);
    let folder = if scope.is_full() { run::root().join("docs") } else { site.target.join("bench") };
    fs::create_dir_all(&folder)?;
    let json = args.json.clone().unwrap_or_else(|| folder.join("benchmarks.json"));
    fs::write(&json, report::json(&facts, scope, samples)?).context("writing the samples")?;
    fs::write(folder.join("benchmarks.md"), &page).context("writing the page")?;
    out::say(page);
    let failed: u64 = samples.iter().map(|sample| sample.failed).sum();
    ensure!(failed == 0, "{failed} requests failed; see the samples");
    Ok(())
}
