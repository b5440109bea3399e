//! Numbers and states, as people say them.

use std::time::Duration;

use jiff::Timestamp;
use weir_model::Role;
use weir_release::{
    state::{AbortStage, Hold, HoldReason, OfflineStage, Phase, StepStage},
    text,
    view::View,
};

/// A rate: `0`, `0.4`, `45`.
pub(super) fn rate(number: f64) -> String {
    match number {
        number if number == 0.0 || number >= 9.95 => format!("{number:.0}"),
        number if number < 0.05 => "0.0".into(),
        number => format!("{number:.1}"),
    }
}

/// A latency: `8.1 ms`, `84 ms`, `1.2 s`.
pub(super) fn millis(millis: f64) -> String {
    match millis {
        millis if millis >= 1_000.0 => format!("{:.1} s", millis / 1_000.0),
        millis if millis < 9.95 => format!("{millis:.1} ms"),
        millis => format!("{millis:.0} ms"),
    }
}

/// A share: `0.25 %`, `12 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = match share * 100.0 {
        percent if percent >= 9.95 => return format!("{percent:.0} %"),
        percent if percent < 0.095 => format!("{percent:.3}"),
        percent => format!("{percent:.2}"),
    };
    format!("{} %", percent.trim_end_matches('0').trim_end_matches('.'))
}

/// A part of a number, 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts of requests stay far below 2^52")]
pub(super) fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

/// How many times as many: `0.5`, `12`.
pub(super) fn times(ratio: f64) -> String {
    if ratio >= 9.95 { format!("{ratio:.0}") } else { format!("{ratio:.1}") }
}

/// Whole seconds: people do not follow milliseconds.
pub(super) fn period(duration: Duration) -> String {
    text::duration(Duration::from_secs(duration.as_secs()))
}

/// How long ago something was.
pub(super) fn since(at: Timestamp, now: Timestamp) -> String {
    period(Duration::try_from(now.duration_since(at)).unwrap_or_default())
}

/// To the second, in UTC.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The time of day, in UTC.
pub(super) fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// What a release does: `Running, held`.
pub(super) fn phase(view: &View) -> String {
    let held = if view.state.hold.is_some() && !view.state.phase.is_over() { ", held" } else { "" };
    format!("{}{held}", view.state.phase.as_str())
}

/// How far the present phase is; empty where there is nothing more to say.
pub(super) fn stage(phase: &Phase) -> &'static str {
    match phase {
        Phase::Pending => "nothing has begun",
        Phase::Running { step } => step_stage(&step.stage),
        Phase::Superseded => "the new version was replaced",
        Phase::Promoting => "everything goes to the new version",
        Phase::Offlining { offline } => offline_stage(offline.state),
        Phase::Aborting { abort } => match abort.state {
            AbortStage::Restoring => "the old version comes back first",
            AbortStage::Routing => "everything goes back",
            AbortStage::Keeping => "the new version stays to be looked at",
        },
        Phase::Completed { .. } => "the new version serves everything",
        Phase::RolledBack { .. } => "the old version serves everything",
    }
}

/// How far a step is.
pub(super) fn step_stage(stage: &StepStage) -> &'static str {
    match stage {
        StepStage::Preparing { .. } => "preparing",
        StepStage::Routing => "routing",
        StepStage::Baking { .. } => "baking",
        StepStage::Approving => "waits for approval",
    }
}

/// How far a version is on its way offline.
pub(super) fn offline_stage(stage: OfflineStage) -> &'static str {
    match stage {
        OfflineStage::Hold => "held ready to take back",
        OfflineStage::Detach => "detaching from all routes",
        OfflineStage::InFlight => "ending requests",
        OfflineStage::LongLived => "ending WebSockets and streams",
        OfflineStage::VerifyZero => "watching that nothing comes",
        OfflineStage::ScaleDown => "scaling down",
        OfflineStage::LetGo => "letting go",
    }
}

/// The words for a version, as the release machine's own sentences have it.
pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::Stable => "the old version",
        Role::Canary => "the new version",
    }
}

/// What can be done about a hold.
pub(super) fn remedy(hold: &Hold) -> &'static str {
    match hold.reason {
        // No verb ends what the manifest says.
        HoldReason::Paused if hold.message.starts_with("spec.paused") => {
            "it goes on by itself once the manifest says so, `abort` goes back"
        }
        HoldReason::Paused => "`weir release resume` goes on",
        HoldReason::Rejected => "`weir release approve` goes on after all, `abort` goes back",
        HoldReason::Guardrail => "`weir release resume` compares anew, `abort` goes back",
        HoldReason::Error | HoldReason::Deadline => "`weir release resume` goes on, `abort` goes back",
        HoldReason::NoData => {
            "`weir release promote` goes on without, `resume` waits for more, `abort` goes back"
        }
        HoldReason::StableChanged => {
            "`weir release resume` compares with what is there now, `abort` goes back"
        }
        HoldReason::StillReferenced => "it goes on by itself once nothing else sends requests there",
        HoldReason::VersionsChanged => {
            "change the manifest back, or make a Release of its own for other versions"
        }
        HoldReason::Conflict => "it goes on by itself once the other release is over or deleted",
    }
}

/// A sentence that stands for itself.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_matter() {
        for (number, expected) in [(0.0, "0"), (0.01, "0.0"), (0.44, "0.4"), (9.96, "10"), (1234.5, "1234")] {
            assert_eq!(rate(number), expected);
        }
        for (number, expected) in [(8.13, "8.1 ms"), (84.2, "84 ms"), (1_230.0, "1.2 s")] {
            assert_eq!(millis(number), expected);
        }
        for (number, expected) in
            [(0.0, "0 %"), (0.0025, "0.25 %"), (0.05, "5 %"), (0.123, "12 %"), (0.00004, "0.004 %")]
        {
            assert_eq!(percent(number), expected);
        }
        assert_eq!((times(0.52), times(12.3)), ("0.5".into(), "12".into()));
    }

    #[test]
    fn times_are_told_to_the_second() {
        let at: Timestamp = "2026-03-01T10:00:00.25Z".parse().unwrap();
        assert_eq!(moment(at), "2026-03-01 10:00:00");
        assert_eq!(clock(at), "10:00:00");
        assert_eq!(since(at, "2026-03-01T12:14:00.9Z".parse().unwrap()), "2h14m");
        assert_eq!(since(at, "2026-03-01T09:00:00Z".parse().unwrap()), "0s");
    }

    #[test]
    fn no_verb_is_recommended_against_a_pause_of_the_manifest() {
        let hold = |message: &str| {
            let hold =
                serde_json::json!({"reason": "Paused", "message": message, "since": "2026-03-01T10:00:00Z"});
            serde_json::from_value::<Hold>(hold).unwrap()
        };
        assert!(remedy(&hold("sale until noon")).contains("resume"));
        assert!(!remedy(&hold("spec.paused is true; set it to false to go on")).contains("resume"));
    }

    #[test]
    fn sentences_begin_large_and_end_with_a_stop() {
        assert_eq!(sentence("it is held"), "It is held.");
        assert_eq!(sentence("It is."), "It is.");
        assert_eq!(sentence(""), "");
    }
}
