//! `weir release history`: what happened to a release.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use weir_release::view::View;

use super::{
    change::place,
    describe::told,
    desk::{Found, Told},
    paint::{Text, plain, strong, unpainted},
    place::One,
    runtime,
    words::{moment, sentence},
};
use crate::{arguments::Format, output::print};

/// Show what happened to a release, the latest last: attempts, steps, holds, what was asked by whom.
///
/// Outside of a cluster the last 200 events are kept while `weir serve` runs. In a cluster they are Events, which
/// the API server forgets after an hour unless it is told otherwise.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir release history shop")]
pub(super) struct Arguments {
    #[command(flatten)]
    one: One,

    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// Asks and prints.
///
/// # Errors
/// When the release is not there, or nobody answers.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (Found { view, .. }, events) = runtime()?.block_on(arguments.one.story())?;
    print(&match arguments.output {
        Format::Text => unpainted(&history(&view, &events)),
        Format::Json => {
            let state = &view.state;
            let (attempt, last) = (&state.attempt, &state.last_action);
            format!("{:#}\n", json!({ "attempt": attempt, "lastAction": last, "events": events }))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn history(view: &View, events: &[Told]) -> Vec<Text> {
    let name = format!("{}/{}", view.namespace, view.name);
    let mut lines = vec![Text::from(vec![strong(name), plain(format!("  now: {}", place(view)))])];
    let began = view.state.attempt.as_ref();
    let (before, after) = events.split_at(
        began.map_or(events.len(), |attempt| events.partition_point(|event| event.at < attempt.started_at)),
    );
    lines.extend(told(before));
    if let Some(attempt) = began {
        lines.push(
            strong(format!("attempt {} began at {}", attempt.number, moment(attempt.started_at))).into(),
        );
    }
    lines.extend(told(after));
    if events.is_empty() {
        lines.push(plain("no events are known any more").into());
    }
    if let Some(failure) = &view.state.failure {
        let message = sentence(&failure.message);
        lines.push(
            plain(format!("it went back at {} ({}): {message}", moment(failure.at), failure.cause)).into(),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{super::samples, *};

    #[test]
    fn attempts_and_events_are_told_in_order() {
        let found = samples::rolled_back();
        insta::assert_snapshot!(unpainted(&history(&found.view, &samples::events())));
        assert!(unpainted(&history(&found.view, &[])).contains("no events are known"));
    }
}
