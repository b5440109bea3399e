//! `weir release get`: one release, as it is now or as it goes on.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use jiff::Timestamp;
use tokio::time::sleep;
use weir_model::ReleaseKey;
use weir_release::state::Phase;

use super::{
    change::{Change, line},
    desk::{Desk, Found},
    live,
    paint::unpainted,
    place::One,
    runtime,
    tree::{Detail, tree},
};
use crate::{
    arguments::{Format, UNUSABLE},
    output::{note, print},
};

/// How often a release is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Show a release: versions with their traffic, steps, evidence, and what it waits for.
///
/// With -w it stays on the screen and goes on; q leaves it. Where standard output is no terminal, -w writes a
/// line for each change until the release is over.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir release get shop -w")]
pub(super) struct Arguments {
    #[command(flatten)]
    one: One,

    /// Stay and follow it.
    #[arg(short, long, conflicts_with = "output")]
    watch: bool,

    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// Asks and prints.
///
/// # Errors
/// When the release is not there, or nobody answers.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = runtime()?;
    let (desk, found) = runtime.block_on(arguments.one.find())?;
    if arguments.watch && io::stdout().is_terminal() {
        live::run(runtime, desk, found)?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.watch {
        return runtime.block_on(follow(&desk, found));
    }
    print(&match arguments.output {
        Format::Text => unpainted(&tree(&found, Timestamp::now(), Detail::Page)),
        Format::Json => format!("{:#}\n", serde_json::to_value(&found.view)?),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A line for each change, until it is over.
async fn follow(desk: &Desk, found: Found) -> anyhow::Result<ExitCode> {
    let key = found.key();
    let (mut found, mut before) = (Some(found), None);
    loop {
        if let Some(found) = found {
            let change = Change::of(&found.view);
            if before.as_ref() != Some(&change) {
                print(&line(&found.view, Timestamp::now()))?;
                before = Some(change);
            }
            if is_over(&found.view.state.phase) {
                return Ok(ExitCode::SUCCESS);
            }
        }
        sleep(LOOK).await;
        found = match look(desk, &key).await {
            Some(Some(found)) => Some(found),
            Some(None) => {
                note(format_args!("weir: release {key} is gone"));
                return Ok(ExitCode::from(UNUSABLE));
            }
            None => None,
        };
    }
}

/// Looks again. Who does not answer now may answer later.
async fn look(desk: &Desk, key: &ReleaseKey) -> Option<Option<Found>> {
    let looked = desk.look(key).await;
    looked.inspect_err(|error| note(format_args!("weir: {error:#}"))).ok()
}

fn is_over(phase: &Phase) -> bool {
    phase.is_over()
}
