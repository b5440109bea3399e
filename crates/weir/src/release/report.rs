//! `weir release report`: the whole story, for a ticket or an archive.

use std::{fmt::Write as _, process::ExitCode};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::json;
use weir_model::Role;
use weir_release::{
    state::{Phase, State},
    stats::Verdict,
    view::View,
};

use super::{
    change::place,
    describe::asked,
    desk::{Found, Told},
    evidence::{Errors, rails},
    parts::{self, Reached},
    place::One,
    runtime,
    words::{moment, sentence, since},
};
use crate::output::print;

/// Write the whole story of a release: what was asked for, how far it came, the evidence, what happened, and the
/// verdict.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir release report shop -o md > shop.md")]
pub(super) struct Arguments {
    #[command(flatten)]
    one: One,

    /// How to write it.
    #[arg(short, long, value_name = "FORMAT", default_value = "md")]
    output: Form,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Markdown.
    Md,
    /// One JSON object; the fields are stable.
    Json,
}

/// Asks and prints.
///
/// # Errors
/// When the release is not there, or nobody answers.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (found, events) = runtime()?.block_on(arguments.one.story())?;
    let now = Timestamp::now();
    print(&match arguments.output {
        Form::Md => markdown(&found, &events, now),
        Form::Json => format!("{:#}\n", json(&found, &events, now)),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn json(found: &Found, events: &[Told], now: Timestamp) -> serde_json::Value {
    let rail = |rail: super::evidence::Rail| json!({ "name": rail.name, "verdict": rail.verdict, "says": rail.sentence });
    json!({
        "at": now,
        "verdict": verdict(&found.view),
        "evidence": Errors::of(found).map(|errors| errors.sentence()),
        "guardrails": rails(found).into_iter().map(rail).collect::<Vec<_>>(),
        "asksFor": found.spec.as_ref().map(asked),
        "release": found.view,
        "events": events,
    })
}

fn markdown(found: &Found, events: &[Told], now: Timestamp) -> String {
    let view = &found.view;
    let mut text = format!("# Release {}/{}\n\n**{}**\n", view.namespace, view.name, verdict(view));
    versions(&mut text, view, now);
    steps(&mut text, view);
    evidence(&mut text, found);
    if let Some(spec) = &found.spec {
        text.push_str("\n## What the manifest asks for\n\n");
        for line in asked(spec) {
            item(&mut text, &sentence(&line));
        }
    }
    happened(&mut text, events);
    let _infallible = writeln!(text, "\nWritten at {} UTC by `weir release report`.", moment(now));
    text
}

/// How it stands or ended, in a sentence.
fn verdict(view: &View) -> String {
    let State { phase, hold, failure, .. } = &view.state;
    match (phase, failure, hold) {
        (Phase::Completed { at }, ..) => {
            let version = &view.canary.service;
            format!(
                "Completed at {} UTC: {version} serves everything, the old version is offline.",
                moment(*at)
            )
        }
        // Only what goes back, or did, has one.
        (_, Some(failure), _) => {
            let (at, why) = (moment(failure.at), sentence(&failure.message));
            format!("{} at {at} UTC ({}): {why}", went_back(phase), failure.cause)
        }
        (_, _, Some(hold)) => format!("Held since {} UTC: {}", moment(hold.since), sentence(&hold.message)),
        _ if !view.refusals.is_empty() => "Refused: the manifest makes no sense.".into(),
        _ => format!("{}.", place(view)),
    }
}

fn went_back(phase: &Phase) -> &'static str {
    if phase.is_over() { "Rolled back" } else { "Going back since the decision" }
}

fn versions(text: &mut String, view: &View, now: Timestamp) {
    text.push_str("\n| | Service | workload |\n|---|---|---|\n");
    for (name, version) in [("old version", &view.stable), ("new version", &view.canary)] {
        let workload = version.workload.as_deref().unwrap_or("not named");
        let _infallible = writeln!(text, "| {name} | {} | {} |", cell(&version.service), cell(workload));
    }
    text.push('\n');
    item(text, &format!("Routes: {}", view.routes.join(", ")));
    if let Some(attempt) = &view.state.attempt {
        let end = match &view.state.phase {
            Phase::Completed { at } | Phase::RolledBack { at } => *at,
            _ => now,
        };
        let (began, took) = (moment(attempt.started_at), since(attempt.started_at, end));
        item(text, &format!("Attempt {}: began at {began} UTC, took {took}", attempt.number));
    }
    for (role, drained) in &view.state.drained {
        let version = match role {
            Role::Stable => "old",
            Role::Canary => "new",
        };
        item(text, &format!("When the {version} version went offline: {}", drained.sentence()));
    }
    if let Some(acted) = &view.state.last_action {
        let by = acted.by.as_deref().unwrap_or("somebody");
        let refused =
            acted.refused.as_deref().map_or(String::new(), |why| format!(", which was refused: {why}"));
        item(text, &format!("Last asked for: {} by {by} at {} UTC{refused}", acted.verb, moment(acted.at)));
    }
    for refusal in &view.refusals {
        item(text, &format!("Refused: {refusal}"));
    }
}

fn steps(text: &mut String, view: &View) {
    text.push_str("\n## Steps\n\n| step | weight | asks for | |\n|---|---|---|---|\n");
    let reached = parts::reached(&view.state.phase);
    for (index, step) in view.steps.iter().enumerate() {
        let state = match reached {
            Reached::All => "done",
            Reached::At(now) if index < now => "done",
            Reached::At(now) if index == now => "under way",
            Reached::At(_) | Reached::None => "",
        };
        let asks = parts::asked(step);
        let asks = asks.split("  ").filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
        let _infallible = writeln!(text, "| {} | {} | {asks} | {state} |", cell(&step.name), step.weight);
    }
}

fn evidence(text: &mut String, found: &Found) {
    text.push_str("\n## Evidence\n\n");
    match Errors::of(found) {
        Some(errors) => {
            let _infallible = writeln!(text, "{}\n", sentence(&errors.sentence()));
        }
        None => text.push_str("Nothing was compared.\n\n"),
    }
    let rails = rails(found);
    if rails.is_empty() {
        return;
    }
    text.push_str("| guardrail | | |\n|---|---|---|\n");
    for rail in rails {
        let verdict = match rail.verdict {
            Verdict::Successful => "ok",
            Verdict::Failed => "**failed**",
            Verdict::Inconclusive => "open",
        };
        let _infallible = writeln!(text, "| {} | {verdict} | {} |", cell(&rail.name), cell(&rail.sentence));
    }
}

fn happened(text: &mut String, events: &[Told]) {
    text.push_str("\n## What happened\n\n");
    if events.is_empty() {
        text.push_str("No events are known any more.\n");
        return;
    }
    text.push_str("| UTC | | |\n|---|---|---|\n");
    for event in events {
        let reason = if event.warning { format!("**{}**", event.reason) } else { event.reason.clone() };
        let _infallible = writeln!(text, "| {} | {reason} | {} |", moment(event.at), cell(&event.message));
    }
}

fn item(text: &mut String, line: &str) {
    let _infallible = writeln!(text, "- {line}");
}

/// A text that does not break its table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::{super::samples, *};

    #[test]
    fn the_whole_story() {
        insta::assert_snapshot!(markdown(&samples::rolled_back(), &samples::events(), samples::now()));
    }

    #[test]
    fn every_end_has_a_verdict() {
        for (found, expected) in [
            (samples::completed(), "Completed at 2026-03-01 12:00:00 UTC: web-v2:80 serves everything"),
            (samples::held(), "Held since 2026-03-01 11:30:00 UTC: "),
            (samples::refused(), "Refused: "),
            (samples::baking(), "Running, step fifth (3 of 9), baking."),
        ] {
            let verdict = verdict(&found.view);
            assert!(verdict.starts_with(expected), "{verdict}");
        }
    }

    #[test]
    fn json_has_everything() {
        let json = json(&samples::baking(), &samples::events(), samples::now());
        for field in ["at", "verdict", "evidence", "guardrails", "asksFor", "release", "events"] {
            assert!(!json[field].is_null(), "{field}");
        }
    }
}
