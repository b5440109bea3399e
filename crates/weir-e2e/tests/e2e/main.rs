//! The end-to-end tests. `cargo xtask e2e` brings up what they need; without it they say that they were not run.

mod authors;
mod certificates;
mod changes;
mod controllers;
mod flood;
mod install;
mod measure;
mod outage;
mod proxies;
mod releases;
mod rollout;
mod status;
mod steady;
mod tenants;

use std::{env, path::PathBuf, process::ExitCode};

use clap::Parser;
use weir_e2e::{Case, Options, Suite, say};

/// What says that there is a cluster with the images in it.
const READY: &str = "WEIR_E2E";

/// The longest first, so that they don't make the others wait at the end.
const CASES: &[Case] = &[
    Case::new("controllers-away", |stage| Box::pin(controllers::away(stage))),
    Case::new("rolling-update-exit", |stage| Box::pin(rollout::without_farewell(stage))),
    Case::new("chart-upgrade", |stage| Box::pin(proxies::upgraded(stage))),
    Case::new("proxies-restarted", |stage| Box::pin(proxies::restarted(stage))),
    Case::new("release-by-match", |stage| Box::pin(releases::by_match(stage))),
    Case::new("release-by-weight", |stage| Box::pin(releases::by_weight(stage))),
    Case::new("release-killed", |stage| Box::pin(releases::sometimes(stage))),
    Case::new("release-gates", |stage| Box::pin(releases::by_gates(stage))),
    Case::new("release-prometheus", |stage| Box::pin(releases::by_prometheus(stage))),
    Case::new("release-survives", |stage| Box::pin(releases::nonsense(stage))),
    Case::new("release-gitops", |stage| Box::pin(releases::beside(stage))),
    Case::new("release-verbs", |stage| Box::pin(releases::verbs(stage))),
    Case::new("release-faulty", |stage| Box::pin(releases::faulty(stage))),
    Case::new("release-aborted", |stage| Box::pin(releases::aborted(stage))),
    Case::new("leader-killed", |stage| Box::pin(controllers::leader_killed(stage))),
    Case::new("install", |stage| Box::pin(install::scenarios(stage))),
    Case::new("rolling-update-prestop", |stage| Box::pin(rollout::with_pre_stop(stage))),
    Case::new("rolling-update-drain", |stage| Box::pin(rollout::with_drain(stage))),
    Case::new("all-terminating", |stage| Box::pin(rollout::all_terminating(stage))),
    Case::new("scale", |stage| Box::pin(rollout::scale(stage))),
    Case::new("claimed-host", |stage| Box::pin(tenants::claimed(stage))),
    Case::new("status-written-once", |stage| Box::pin(status::written_once(stage))),
    Case::new("command-line", |stage| Box::pin(authors::command_line(stage))),
    Case::new("admission", |stage| Box::pin(authors::admission(stage))),
    Case::new("certificate-rotated", |stage| Box::pin(certificates::rotated(stage))),
    Case::new("secret-deleted", |stage| Box::pin(certificates::deleted(stage))),
    Case::new("route-order", |stage| Box::pin(changes::route_order(stage))),
    Case::new("service-port", |stage| Box::pin(changes::service_port(stage))),
    Case::new("service-deleted", |stage| Box::pin(changes::service_deleted(stage))),
    Case::new("weight-flips", |stage| Box::pin(changes::weight(stage))),
    Case::new("everything-invalid", |stage| Box::pin(changes::everything_invalid(stage))),
    Case::alone("release-shares", |stage| Box::pin(releases::measured(stage))),
    Case::alone("flood-of-ingresses", |stage| Box::pin(flood::of_ingresses(stage))),
    Case::alone("api-server-gone", |stage| Box::pin(outage::api_server(stage))),
];

/// What is measured when it is asked for.
const MEASUREMENTS: &[Case] = &[
    Case::alone("measure", |stage| Box::pin(measure::all(stage))),
    Case::alone("release-killed-often", |stage| Box::pin(releases::often(stage))),
];

/// End-to-end tests of Weir; run them by cargo xtask e2e.
#[derive(Parser)]
struct Args {
    /// Only cases whose names hold one of these texts
    filters: Vec<String>,
    /// How many cases at a time
    #[arg(long, default_value_t = jobs())]
    jobs: usize,
    /// Measure instead
    #[arg(long)]
    measure: bool,
    /// Where the figures go as JSON
    #[arg(long, value_name = "FILE", requires = "measure")]
    json: Option<PathBuf>,
    /// Print the names of all cases, and run none
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    if env::var_os(READY).is_none() {
        say(format_args!("e2e: {} cases not run, for want of a cluster: cargo xtask e2e", CASES.len()));
        return ExitCode::SUCCESS;
    }
    let args = Args::parse();
    if args.list {
        for case in CASES {
            say(case.name());
        }
        return ExitCode::SUCCESS;
    }
    let suite = Suite(if args.measure { MEASUREMENTS } else { CASES });
    match run(suite, &Options { filters: args.filters, jobs: args.jobs, json: args.json }) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(format_args!("e2e: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// As many as there are cores, but a case that waits should not keep all others waiting, and many loads at a time
/// would only measure each other.
fn jobs() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4))
}

fn run(suite: Suite, options: &Options) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    runtime.block_on(suite.run(options))
}
