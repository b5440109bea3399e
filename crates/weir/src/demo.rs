//! `weir demo`: both gray-release scenarios from the first request to the old version offline, with real requests
//! through the real listener, and what becomes of a new version that misbehaves.
//!
//! ```text
//! story (a Release, clients, a fault) ─► stage: folder ─► Runtime (as in serve) ─► Origin old, Origin new
//!                                          │  ▲ Board ─► screen       ▲
//!                                          └─► load, streams ─────────┘ ─► records, events ─► spans ─► verdict
//! ```
//! Nothing is taken on trust: every request is recorded, and judged afterwards by the moments at which the release
//! says that a change began and that it was in force.

mod client;
mod crowd;
mod fault;
mod load;
mod manifests;
mod origin;
mod record;
mod screen;
mod spans;
mod stage;
mod story;
mod streams;
mod table;
mod tale;
mod verdict;

use std::{process::ExitCode, time::Instant};

use anyhow::Context as _;
use clap::Args;

use crate::output;
use fault::Fault;
use screen::Screen;
use stage::Stage;
use story::Story;
use verdict::Verdict;

/// How many threads play clients and origins.
const PLAYERS: usize = 2;

/// Show two gray releases from start to end with real traffic, or the rollback of a faulty one.
///
/// Starts an old and a new version of a service, serves manifests for them from a temporary folder, and sends
/// requests without a pause. Then it writes one Release and touches nothing more: first those with foo=bar in a
/// header or cookie get the new version, or 20 % of all clients; then everybody; then the old version goes offline
/// and is stopped. Every request is recorded and compared with what was asked. Needs nothing but this program.
///
/// Exit code: 0 if every figure holds and no request failed; with --fault, if the release was rolled back and no
/// request failed after that. Otherwise 1.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  weir demo\n  weir demo --fault errors")]
pub(crate) struct Arguments {
    /// Let the new version misbehave after the first step, and show how the release is rolled back.
    #[arg(long, value_name = "KIND")]
    fault: Option<Fault>,

    /// Print the result as one JSON object, and progress on standard error.
    #[arg(long)]
    json: bool,

    /// Divide the times in the manifests by this much. They are shown, and kept, as they are then.
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
}

/// Plays both scenarios, or a fault.
///
/// # Errors
/// When there is no temporary folder, no free port, or no standard output.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(PLAYERS).enable_all().build();
    let verdict = runtime.context("no runtime")?.block_on(play(arguments))?;
    output::print(&if arguments.json { verdict.json() } else { verdict.text() })?;
    Ok(ExitCode::from(u8::from(!verdict.holds())))
}

async fn play(arguments: &Arguments) -> anyhow::Result<Verdict> {
    let (started, speed) = (Instant::now(), arguments.speed);
    let screen = Screen::new(arguments.json);
    let stories = match arguments.fault {
        None => vec![Story::by_match(speed), Story::by_weight(speed)],
        Some(fault) => vec![Story::faulty(fault, speed)],
    };
    let mut verdict = Verdict::default();
    for story in stories {
        let stage = Stage::build(&story, speed).await?;
        let tale = Box::pin(stage.play(story, &screen)).await?;
        verdict.add(&tale);
    }
    verdict.elapsed = started.elapsed();
    Ok(verdict)
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "write a number above 0, such as 2".to_owned())?;
    if speed.is_finite() && speed > 0.0 { Ok(speed) } else { Err("write a number above 0, such as 2".into()) }
}
