//! `weir release describe`: everything that is known of a release.

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use weir_release::{
    spec::{OnError, OnInconclusive, ScaleDown, Spec},
    text,
};

use super::{
    desk::{Found, Told},
    paint::{Text, bad, faint, plain, unpainted},
    place::One,
    runtime,
    sheet::Sheet,
    tree::{Detail, tree},
    words::{moment, percent},
};
use crate::{arguments::Format, output::print};

/// Events that are shown; `history` shows all.
const EVENTS: usize = 10;

/// Show everything that is known of a release: also all steps, the evidence with its thresholds, what the
/// manifest says of errors and the way offline, and the latest events.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir release describe shop/web")]
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
    let (found, events) = runtime()?.block_on(arguments.one.story())?;
    print(&match arguments.output {
        Format::Text => unpainted(&describe(&found, &events, Timestamp::now())),
        Format::Json => format!("{:#}\n", json!({ "release": found.view, "events": events })),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn describe(found: &Found, events: &[Told], now: Timestamp) -> Vec<Text> {
    let mut lines = tree(found, now, Detail::All);
    let mut sheet = Sheet::default();
    if let Some(spec) = &found.spec {
        sheet.gap();
        sheet.section("asks for", asked(spec).into_iter().map(|line| plain(line).into()));
    }
    if let Some(attempt) = &found.view.state.attempt {
        sheet.gap();
        sheet.text("attempt", &format!("{}, since {}", attempt.number, moment(attempt.started_at)));
        let revisions = [("old version", &attempt.stable), ("new version", &attempt.canary)];
        for (name, revision) in revisions {
            sheet.text(name, revision.as_deref().unwrap_or_default());
        }
    }
    if let Some(routing) = &found.view.state.routing {
        sheet.text("routing", &format!("epoch {}, {} to the new version", routing.epoch, found.view.weight));
    }
    sheet.gap();
    sheet.section("events", told(&events[events.len().saturating_sub(EVENTS)..]));
    if events.is_empty() {
        sheet.text("events", "none are known");
    }
    lines.extend(sheet.lines());
    lines
}

/// Events, each in a line.
pub(super) fn told(events: &[Told]) -> Vec<Text> {
    let line = |event: &Told| {
        let reason = format!("  {:<15} ", event.reason);
        let reason = if event.warning { bad(reason) } else { plain(reason) };
        Text::from(vec![faint(moment(event.at)), reason, plain(event.message.clone())])
    };
    events.iter().map(line).collect()
}

/// What the manifest says, as far as steps do not show it.
pub(super) fn asked(spec: &Spec) -> Vec<String> {
    let mut lines: Vec<String> = spec
        .overrides
        .iter()
        .map(|entry| {
            let conditions = text::count(u64::try_from(entry.any.len()).unwrap_or(0), "condition");
            format!("requests that match override {} ({conditions}) go to {}", entry.name, entry.to.as_str())
        })
        .collect();
    for step in spec.steps.iter().filter(|step| !step.gates.is_empty()) {
        let gates: Vec<&str> = step.gates.iter().map(|gate| &*gate.name).collect();
        lines.push(format!("gates before step {step}: {}", gates.join(", ")));
    }
    let undecided = match spec.analysis.on_inconclusive {
        OnInconclusive::Hold => "held",
        OnInconclusive::Proceed => "left",
    };
    let alpha = percent(spec.analysis.false_abort);
    lines.push(format!(
        "a healthy version is rolled back with a chance of {alpha} at most; a step without a verdict is {undecided}"
    ));
    lines.extend(on_error(spec));
    lines.push(format!("after a rollback the new version stays for {}", text::duration(spec.keep_canary)));
    lines.push(offline(spec));
    lines.push(format!("a step may take {}, then it is held", text::duration(spec.step_deadline)));
    if spec.paused {
        lines.push("paused by the manifest".into());
    }
    lines
}

/// What an error does to a clean bake, where steps agree on it.
fn on_error(spec: &Spec) -> Option<String> {
    let mut clean = spec.steps.iter().filter(|step| step.bake.clean);
    let first = clean.next()?;
    let does = match first.bake.on_error {
        OnError::ResetClock => "the time of a bake begins again".to_owned(),
        OnError::Hold => "the release is held".to_owned(),
        OnError::Count(most) => {
            format!("{} are let pass, then the time of a bake begins again", text::count(most, "client"))
        }
    };
    let same = clean.all(|step| step.bake.on_error == first.bake.on_error);
    let steps = if same { String::new() } else { format!(" (at step {first}; others differ)") };
    Some(format!("after an error that only the new version has, {does}{steps}"))
}

fn offline(spec: &Spec) -> String {
    let offline = &spec.offline;
    let scale = match offline.scale_down {
        ScaleDown::Scale { keep } => format!("scaled down to {keep}"),
        ScaleDown::Annotate => "marked for somebody else to scale".into(),
        ScaleDown::None => "left as it is".into(),
    };
    format!(
        "offline: held ready for {}, requests get {}, streams {}, nothing for {}, then the workload is {scale}",
        text::duration(offline.rollback_hold),
        text::duration(offline.in_flight),
        text::duration(offline.long_lived),
        text::duration(offline.verify_zero),
    )
}

#[cfg(test)]
mod tests {
    use super::{super::samples, *};

    #[test]
    fn everything_is_told() {
        let text = unpainted(&describe(&samples::baking(), &samples::events(), samples::now()));
        insta::assert_snapshot!(text);
    }
}
