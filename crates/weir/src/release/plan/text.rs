//! A plan for people and programs.

use std::fmt::Write as _;

use serde_json::{Value, json};
use weir_model::ReleaseKey;
use weir_release::text::duration;

use super::{
    Traffic,
    outline::{Outline, Step},
    timeline::{Finds, Row, Timeline},
};
use crate::release::{
    paint::padded,
    words::{percent, rate, times},
};

/// A plan for people.
pub(super) fn render(key: &ReleaseKey, outline: &Outline, traffic: Traffic, timeline: &Timeline) -> String {
    let mut text = format!("plan of {key}, {}\n", supposed(traffic));
    if outline.is_assumed {
        text.push_str(
            "the manifest is not told here: the usual guardrails are assumed; -f reads it from a file\n",
        );
    }
    text.push('\n');
    table(&mut text, outline, traffic, timeline);
    let _infallible = writeln!(
        text,
        "\neverything goes to the new version after {} at the earliest",
        duration(timeline.all)
    );
    if let Some(offline) = timeline.offline {
        let _infallible =
            writeln!(text, "the old version is offline after {} at the earliest", duration(offline));
    }
    if let Some(most) = outline.absolute {
        let _infallible =
            writeln!(text, "at every step, more than {} of failing requests are too many", percent(most));
    }
    if !timeline.warnings.is_empty() {
        text.push_str("\nworth knowing\n");
    }
    for warning in &timeline.warnings {
        let _infallible = writeln!(text, "- {warning}");
    }
    text
}

fn supposed(traffic: Traffic) -> String {
    let errors = format!("the old version fails {} ({})", percent(traffic.errors), traffic.source);
    match traffic.rps {
        Some(rps) => format!("at {} requests a second; {errors}", rate(rps)),
        None => "at unknown traffic; --rps N tells what each step can find".into(),
    }
}

fn table(text: &mut String, outline: &Outline, traffic: Traffic, timeline: &Timeline) {
    let header = ["step", "weight", "from", "takes", "finds"].map(str::to_owned);
    let steps = outline.steps.iter().skip(outline.from).zip(&timeline.rows);
    let rows: Vec<[String; 5]> =
        [header].into_iter().chain(steps.map(|(step, row)| cells(step, row, traffic))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    for row in &rows {
        let line: String = row.iter().zip(widths).map(|(cell, width)| padded(cell, width + 2)).collect();
        let _infallible = writeln!(text, "{}", line.trim_end());
    }
}

fn cells(step: &Step, row: &Row, traffic: Traffic) -> [String; 5] {
    let approval = if step.approval { " + approval" } else { "" };
    let gates =
        if step.gates.is_empty() { String::new() } else { format!(" after gate {}", step.gates.join(", ")) };
    [
        step.name.clone(),
        format!("{}{}", step.weight, if step.audience { " of an audience" } else { "" }),
        format!("{}{gates}", duration(row.at)),
        format!("{}{approval}", duration(row.takes)),
        finds(row.finds, step, traffic),
    ]
}

fn finds(finds: Finds, step: &Step, traffic: Traffic) -> String {
    let all = if step.audience { ", were everybody in the audience" } else { "" };
    match finds {
        Finds::Unknown => "?".into(),
        Finds::Overrides => "nothing is compared: only overrides reach the new version".into(),
        Finds::Alone => "nothing is compared: the old version gets none of these".into(),
        Finds::Nothing => format!("no error rate{all}"),
        Finds::Ratio(ratio) => {
            let rate = percent((ratio * traffic.errors).min(1.0));
            format!("{} times the errors or more ({rate}){all}", times(ratio))
        }
    }
}

/// A plan for programs.
pub(super) fn json(key: &ReleaseKey, outline: &Outline, traffic: Traffic, timeline: &Timeline) -> Value {
    let steps = outline.steps.iter().skip(outline.from).zip(&timeline.rows);
    let step = |(step, row): (&Step, &Row)| {
        let ratio = match row.finds {
            Finds::Ratio(ratio) => Some(ratio),
            _ => None,
        };
        json!({
            "name": step.name,
            "weight": step.share,
            "atSeconds": row.at.as_secs(),
            "takesSeconds": row.takes.as_secs(),
            "approval": step.approval,
            "gates": step.gates,
            "smallestRatio": ratio,
        })
    };
    json!({
        "namespace": key.namespace,
        "name": key.name,
        "requestsPerSecond": traffic.rps,
        "errorRate": traffic.errors,
        "steps": steps.map(step).collect::<Vec<_>>(),
        "allSeconds": timeline.all.as_secs(),
        "offlineSeconds": timeline.offline.map(|offline| offline.as_secs()),
        "warnings": timeline.warnings,
    })
}
