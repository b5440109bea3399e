//! `weir demo`: both gray-release scenarios, with real requests through the real listener.
//!
//! ```text
//! scenario (phases as data) ─► stage: manifests ─► Runtime (as in serve) ─► Origin old, Origin new
//!                                │                     ▲
//!                                └─► load ─ requests ──┘ ─► tally ─► verdict
//! ```

mod client;
mod load;
mod manifests;
mod origin;
mod scenario;
mod screen;
mod stage;
mod tally;
mod verdict;

use std::{process::ExitCode, time::Instant};

use anyhow::Context as _;
use clap::Args;

use crate::output;
use scenario::Scenario;
use screen::Screen;
use stage::Stage;
use verdict::Verdict;

/// How many threads play clients and origins.
const PLAYERS: usize = 2;

/// Show a gray release by header, cookie and query parameter, and one by weight, with real traffic.
///
/// Starts an old and a new version of two services, serves manifests for them from a temporary folder,
/// sends requests without a pause, edits the manifests until the new version has everything, takes the
/// old one offline, and compares what was asked with what was measured. Needs nothing but this program.
///
/// Exit code: 0 if every figure holds and no request failed, otherwise 1.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir demo")]
pub(crate) struct Arguments {
    /// Print the result as one JSON object, and progress on standard error.
    #[arg(long)]
    json: bool,

    /// Divide the time that each phase lasts by this much; the fewest requests stay.
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
}

/// Plays both scenarios.
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
    let started = Instant::now();
    let mut rows = Vec::new();
    for scenario in [Scenario::by_match(), Scenario::by_weight()] {
        let screen = Screen::new(arguments.json);
        let stage = Stage::build(&scenario, arguments.speed).await?;
        rows.extend(stage.play(scenario, &screen).await?);
    }
    Ok(Verdict { rows, elapsed: started.elapsed() })
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "write a number above 0, such as 2".to_owned())?;
    if speed.is_finite() && speed > 0.0 { Ok(speed) } else { Err("write a number above 0, such as 2".into()) }
}
