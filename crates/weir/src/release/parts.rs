//! The parts that a release is shown by, each a few lines.

use std::time::Duration;

use jiff::Timestamp;
use ratatui::text::Span;
use weir_model::Role;
use weir_release::{
    state::{BakeState, OfflineStage, OfflineState, Phase, StepStage, StepState},
    text::{self, count},
    view::{Figures, StepView, VersionView, View},
};

use super::{
    paint::{Text, bad, bar, doubtful, faint, good, padded, plain, strong},
    words::{self, millis, period, rate, since},
};

/// The way offline.
const OFFLINE: [OfflineStage; 6] = [
    OfflineStage::Hold,
    OfflineStage::Detach,
    OfflineStage::InFlight,
    OfflineStage::LongLived,
    OfflineStage::VerifyZero,
    OfflineStage::ScaleDown,
];

/// How far the steps are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// None has begun, or all of them were left.
    None,
    /// This one is under way.
    At(usize),
    /// All are done.
    All,
}

/// How far the steps are.
pub(super) fn reached(phase: &Phase) -> Reached {
    match phase {
        Phase::Running { step } => Reached::At(step.index),
        Phase::Promoting | Phase::Completed { .. } => Reached::All,
        Phase::Offlining { offline } if offline.role == Role::Stable => Reached::All,
        _ => Reached::None,
    }
}

/// `shop/web  Running, held  baking  attempt 2, 2h14m`.
pub(super) fn header(view: &View, now: Timestamp) -> Text {
    let phase = words::phase(view);
    let state = match &view.state.phase {
        _ if view.state.hold.is_some() => doubtful(phase),
        Phase::Completed { .. } => good(phase),
        Phase::Aborting { .. } | Phase::RolledBack { .. } => bad(phase),
        _ => strong(phase),
    };
    let mut spans =
        vec![strong(format!("{}/{}", view.namespace, view.name)), plain("  "), state, plain("  ")];
    spans.push(plain(words::stage(&view.state.phase)));
    if let Some(attempt) = &view.state.attempt {
        let end = match &view.state.phase {
            Phase::Completed { at } | Phase::RolledBack { at } => *at,
            _ => now,
        };
        let took = since(attempt.started_at, end);
        spans.push(faint(format!("  attempt {}, {took}", attempt.number)));
    }
    Text::from(spans)
}

/// A version in two lines: who it is, and what it does.
pub(super) fn version(view: &View, role: Role) -> [Text; 2] {
    let (version, figures) = of_role(view, role);
    let workload = version.workload.as_ref().map(|workload| format!("  {workload}")).unwrap_or_default();
    let mut who =
        vec![strong(weight(view, role)), plain(format!("  {:<6}  {}", role.as_str(), version.service))];
    who.push(plain(workload));
    if let Some(figures) = figures {
        who.push(plain("  "));
        who.push(ready(figures));
    }
    let does = figures.map_or_else(|| faint("no figures"), |figures| plain(figures_of(figures)));
    [Text::from(who), Text::from(does)]
}

/// A version in one line, for small screens.
pub(super) fn short_version(view: &View, role: Role, width: usize) -> Text {
    let line = one_line(view, role, ready);
    let shorter = |figures: &Figures| plain(pods(figures));
    if line.width() <= width { line } else { one_line(view, role, shorter) }
}

fn one_line(view: &View, role: Role, ready: fn(&Figures) -> Span<'static>) -> Text {
    let (version, figures) = of_role(view, role);
    let name = version.service.split(':').next().unwrap_or_default();
    let mut spans = vec![strong(weight(view, role)), plain(format!(" {:<6} {name}", role.as_str()))];
    match figures {
        Some(figures) => {
            spans.push(plain("  "));
            spans.push(ready(figures));
            let p99 = figures.p99_millis.map_or(String::new(), |p99| format!("  p99 {}", millis(p99)));
            let (rps, errors) = (rate(figures.rps), rate(figures.errors_per_second));
            spans.push(plain(format!("  {rps} rps  {errors} err/s{p99}")));
        }
        None => spans.push(faint("  no figures")),
    }
    Text::from(spans)
}

fn of_role(view: &View, role: Role) -> (&VersionView, Option<&Figures>) {
    let live = view.live.as_ref();
    match role {
        Role::Stable => (&view.stable, live.map(|live| &live.stable)),
        Role::Canary => (&view.canary, live.map(|live| &live.canary)),
    }
}

/// The share of a version, six characters wide or more.
fn weight(view: &View, role: Role) -> String {
    let weight = view.state.routing.as_ref().map(|routing| routing.split.weight(role).to_string());
    format!("{:>6}", weight.unwrap_or_else(|| "-".into()))
}

fn pods(figures: &Figures) -> String {
    match figures.desired {
        Some(desired) => format!("{}/{desired}", figures.ready),
        None => figures.ready.to_string(),
    }
}

fn ready(figures: &Figures) -> Span<'static> {
    let text = format!("{} ready", pods(figures));
    let all = figures.desired.is_none_or(|desired| figures.ready >= usize::try_from(desired).unwrap_or(0));
    if all && figures.ready > 0 { plain(text) } else { doubtful(text) }
}

fn figures_of(figures: &Figures) -> String {
    let latency = |name: &str, value: Option<f64>| {
        value.map_or(String::new(), |value| format!(", {name} {}", millis(value)))
    };
    let lasting = match figures.long_lived {
        0 => String::new(),
        lasting => format!(" ({lasting} long-lived)"),
    };
    format!(
        "{} rps, {} errors/s{}{}, {} in flight{lasting}",
        rate(figures.rps),
        rate(figures.errors_per_second),
        latency("p50", figures.p50_millis),
        latency("p99", figures.p99_millis),
        figures.in_flight,
    )
}

/// How many proxies have the last change.
pub(super) fn proxies(view: &View) -> Option<Text> {
    let live = view.live.as_ref()?;
    let have = format!("{} of {} have the last change", live.acknowledged, live.proxies);
    let routed = view.state.routing.is_some();
    let late = routed && live.acknowledged < live.proxies || live.proxies == 0;
    Some(Text::from(match () {
        () if late => doubtful(have),
        () if routed => plain(have),
        () => plain(live.proxies.to_string()),
    }))
}

/// The steps; of many, those around the present one.
pub(super) fn steps(view: &View, most: usize) -> Vec<Text> {
    let reached = reached(&view.state.phase);
    let names = view.steps.iter().map(|step| plain(step.name.as_str()).width()).max().unwrap_or(0);
    let at = match reached {
        Reached::At(index) => index,
        Reached::All => view.steps.len(),
        Reached::None => 0,
    };
    let window = window(view.steps.len(), at, most);
    let mut lines = Vec::new();
    if window.start > 0 {
        lines.push(Text::from(faint(format!("… {} before", window.start))));
    }
    for (index, step) in view.steps.iter().enumerate().take(window.end).skip(window.start) {
        lines.push(step_line(view, index, step, names));
    }
    if window.end < view.steps.len() {
        lines.push(Text::from(faint(format!("… {} more", view.steps.len() - window.end))));
    }
    lines
}

/// Which of so many lines to show, with the lines that say what is left out.
fn window(all: usize, at: usize, most: usize) -> std::ops::Range<usize> {
    if all <= most {
        return 0..all;
    }
    let inner = most.saturating_sub(2).max(1);
    let start = at.saturating_sub(inner / 3).min(all - inner.min(all));
    // A line that says "1 before" may as well be the step itself.
    let start = if start == 1 && at < inner { 0 } else { start };
    start..(start + inner).min(all)
}

fn step_line(view: &View, index: usize, step: &StepView, names: usize) -> Text {
    let row = format!("{}  {:>6}", padded(&step.name, names), step.weight);
    match (reached(&view.state.phase), &view.state.phase) {
        (Reached::At(now), Phase::Running { step: state }) if now == index => {
            let held = view.state.hold.is_some();
            let mark = if held { doubtful("! ") } else { strong("> ") };
            Text::from(vec![mark, strong(row), plain(format!("  {}", progress(step, state)))])
        }
        (Reached::At(now), _) if index > now => Text::from(vec![plain("· "), plain(row), faint(asked(step))]),
        (Reached::None, _) => Text::from(vec![plain("· "), plain(row), faint(asked(step))]),
        _ => Text::from(vec![good("✓ "), plain(row), faint(asked(step))]),
    }
}

/// What a step asks for.
pub(super) fn asked(step: &StepView) -> String {
    let bake = Duration::from_millis(step.bake_millis);
    let mut text = String::new();
    if step.audience {
        text.push_str("  of an audience");
    }
    if !bake.is_zero() {
        text.push_str("  ");
        text.push_str(&text::duration(bake));
        text.push_str(if step.clean { " without exceptions" } else { "" });
    }
    if step.min_requests > 0 {
        text.push_str("  ");
        text.push_str(&count(step.min_requests, "request"));
    }
    text.push_str(if step.approval { "  then approval" } else { "" });
    text
}

/// How far the present step is.
fn progress(step: &StepView, state: &StepState) -> String {
    let StepStage::Baking { bake } = &state.stage else {
        return format!("{}, {}", words::step_stage(&state.stage), period(state.elapsed));
    };
    let (whole, share) = (Duration::from_millis(step.bake_millis), baked(step, bake));
    let mut text = format!(
        "{} {:.0} %, {} of {}",
        bar(share, 10),
        share * 100.0,
        period(bake.credited),
        text::duration(whole)
    );
    if step.min_requests > 0 {
        let _infallible = std::fmt::Write::write_fmt(
            &mut text,
            format_args!(", {} of {}", bake.requests, count(step.min_requests, "request")),
        );
    }
    if bake.resets > 0 {
        text.push_str(", ");
        text.push_str(&count(bake.resets, "reset"));
    }
    text
}

/// How much of a bake is done: time or requests, whichever is further behind.
#[expect(clippy::cast_precision_loss, reason = "milliseconds stay far below 2^52")]
fn baked(step: &StepView, bake: &BakeState) -> f64 {
    let time = match step.bake_millis {
        0 => 1.0,
        whole => (bake.credited.as_secs_f64() * 1_000.0 / whole as f64).min(1.0),
    };
    let requests = match step.min_requests {
        0 => 1.0,
        whole => words::share(bake.requests.min(whole), whole),
    };
    time.min(requests)
}

/// The way offline with what is done: `stable: ✓ hold > in flight 12s · verify zero`.
pub(super) fn offline(offline: &OfflineState) -> Text {
    let mut spans = vec![plain(format!("{}: ", offline.role.as_str()))];
    for stage in OFFLINE {
        let word = word(stage);
        spans.push(match stage.cmp(&offline.state) {
            std::cmp::Ordering::Less => faint(format!("✓ {word} ")),
            std::cmp::Ordering::Equal => strong(format!("> {word} {} ", period(offline.elapsed))),
            std::cmp::Ordering::Greater => plain(format!("· {word} ")),
        });
    }
    Text::from(spans)
}

fn word(stage: OfflineStage) -> &'static str {
    match stage {
        OfflineStage::Hold => "hold",
        OfflineStage::Detach => "detach",
        OfflineStage::InFlight => "in flight",
        OfflineStage::LongLived => "long-lived",
        OfflineStage::VerifyZero => "verify zero",
        OfflineStage::ScaleDown => "scale down",
        OfflineStage::LetGo => "let go",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_steps_those_around_the_present_one_are_shown() {
        for (all, at, most, expected) in [
            (5, 0, 8, 0..5),
            (20, 0, 8, 0..6),
            (20, 3, 8, 0..6),
            (20, 10, 8, 8..14),
            (20, 19, 8, 14..20),
            (20, 20, 8, 14..20),
            (3, 1, 1, 1..2),
        ] {
            assert_eq!(window(all, at, most), expected, "{at} of {all}");
        }
    }
}
