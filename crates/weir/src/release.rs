//! `weir release`: watch releases, and steer them.
//!
//! ```text
//! Place (flags) ─► Desk ─┬─ Server: the admin listener of `weir serve`
//!                        └─ Cluster: Release, ReleaseAction and Event objects
//!                             │
//!              Found (View, Spec), Told ─┬─► tree, list, describe, history, report (text)
//!                                        ├─► live (a screen), wait (a line for each change)
//!                                        └─► plan (what will come, and what it can find)
//! ```
//!
//! What is absent on purpose: any decision about a release (`weir-release`). A verb only asks.

mod act;
mod change;
mod cluster;
mod describe;
mod desk;
mod evidence;
mod get;
mod history;
mod list;
mod live;
mod pace;
mod paint;
mod parts;
mod place;
mod plan;
mod report;
#[cfg(test)]
mod samples;
mod server;
mod sheet;
mod tree;
mod wait;
mod words;

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use weir_crd::text::Period;

/// Watch releases, and steer them.
///
/// In a cluster these verbs read `Release` objects and make `ReleaseAction` objects, with the rights of the
/// kubeconfig's user. With --server they ask a Weir that serves files (`weir serve`) at its admin listener.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "Examples: weir release get shop -w\n          weir release list --server http://127.0.0.1:9901"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Get(get::Arguments),
    List(list::Arguments),
    Describe(describe::Arguments),
    Plan(plan::Arguments),
    Promote(act::Promote),
    Approve(act::Approve),
    Reject(act::Reject),
    Pause(act::Pause),
    Resume(act::Resume),
    Abort(act::Abort),
    Retry(act::Retry),
    Undo(act::Undo),
    Offline(act::Offline),
    Wait(wait::Arguments),
    Report(report::Arguments),
    History(history::Arguments),
}

/// Runs a verb.
///
/// # Errors
/// When nobody can be asked, or the release is not there.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.verb {
        Verb::Get(arguments) => get::run(arguments),
        Verb::List(arguments) => list::run(arguments),
        Verb::Describe(arguments) => describe::run(arguments),
        Verb::Plan(arguments) => plan::run(arguments),
        Verb::Promote(asked) => act::run(asked),
        Verb::Approve(asked) => act::run(asked),
        Verb::Reject(asked) => act::run(asked),
        Verb::Pause(asked) => act::run(asked),
        Verb::Resume(asked) => act::run(asked),
        Verb::Abort(asked) => act::run(asked),
        Verb::Retry(asked) => act::run(asked),
        Verb::Undo(asked) => act::run(asked),
        Verb::Offline(asked) => act::run(asked),
        Verb::Wait(arguments) => wait::run(arguments),
        Verb::Report(arguments) => report::run(arguments),
        Verb::History(arguments) => history::run(arguments),
    }
}

/// Where a verb waits for answers.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")
}

/// A duration as manifests have it.
fn period(text: &str) -> Result<Duration, String> {
    Period::from(text).parse().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
