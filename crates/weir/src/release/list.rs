//! `weir release list`: every release in a line.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use weir_release::{state::Phase, view::View};

use super::{desk::Found, paint::padded, place::Place, runtime, words};
use crate::{arguments::Format, output::print};

/// The columns; what it waits for comes last, as long as it is.
const COLUMNS: [&str; 6] = ["RELEASE", "PHASE", "STEP", "WEIGHT", "ATTEMPT", "WAITS FOR"];

/// List releases, each in a line.
///
/// In a cluster those of one namespace, with -A those of all. Outside of a cluster all of them unless -n names
/// a namespace.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir release list -A")]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,

    /// Those of all namespaces.
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,

    /// How to print them.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// Asks and prints.
///
/// # Errors
/// When nobody answers.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let place = &arguments.place;
    let (all, namespace) = runtime()?.block_on(async {
        let desk = place.open().await?;
        let everywhere = arguments.all_namespaces || place.is_server() && place.given_namespace().is_none();
        let namespace = (!everywhere).then(|| place.namespace(&desk).to_owned());
        anyhow::Ok((desk.list(namespace.as_deref()).await?, namespace))
    })?;
    print(&match arguments.output {
        Format::Text => text(&all, namespace.as_deref()),
        Format::Json => {
            let views: Vec<&View> = all.iter().map(|found| &*found.view).collect();
            format!("{:#}\n", json!({ "releases": views }))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn text(all: &[Found], namespace: Option<&str>) -> String {
    if all.is_empty() {
        return match namespace {
            Some(namespace) => {
                format!("no release in namespace {namespace}; -A lists those of all namespaces\n")
            }
            None => "no release\n".into(),
        };
    }
    let header = COLUMNS.map(str::to_owned);
    let rows: Vec<[String; 6]> =
        [header].into_iter().chain(all.iter().map(|found| row(&found.view))).collect();
    let widths: Vec<usize> = (0..COLUMNS.len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| padded(cell, width + 2));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    rows.iter().map(line).collect()
}

fn row(view: &View) -> [String; 6] {
    let step = match &view.state.phase {
        Phase::Running { step } => format!("{} ({}/{})", step.name, step.index + 1, view.steps.len()),
        _ => "-".into(),
    };
    let attempt =
        view.state.attempt.as_ref().map_or_else(|| "-".into(), |attempt| attempt.number.to_string());
    let weight = if view.state.routing.is_some() { view.weight.clone() } else { "-".into() };
    let name = format!("{}/{}", view.namespace, view.name);
    [name, words::phase(view), step, weight, attempt, waits_for(view)]
}

fn waits_for(view: &View) -> String {
    match (view.refusals.first(), &view.state.failure) {
        (Some(refusal), _) => format!("refused: {refusal}"),
        (None, Some(failure)) if view.waiting_for.is_empty() => {
            format!("{}: {}", failure.cause, failure.message)
        }
        _ => view.waiting_for.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::samples, *};

    #[test]
    fn every_release_has_a_line() {
        let all = vec![samples::baking(), samples::held(), samples::rolled_back(), samples::refused()];
        insta::assert_snapshot!(text(&all, None));
        assert!(text(&[], Some("a")).contains("-A"));
    }
}
