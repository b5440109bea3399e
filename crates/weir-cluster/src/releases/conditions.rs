//! Conditions of a Release, as kstatus reads them: `Ready` when nothing is left to do, `Reconciling` while
//! something is, `Stalled` when somebody has to act; and what else people look for.

use jiff::Timestamp;
use serde_json::{Value, json};
use weir_model::Role;
use weir_release::{
    Plan,
    state::{Phase, Scaled, State},
};

use crate::index::ReleaseView;

/// The condition that says whether the manifest makes sense.
const ACCEPTED: &str = "Accepted";
/// How long what is wrong with a manifest may be, in bytes.
const LONGEST: usize = 4_000;

/// One condition: its name, whether it is so, and one word.
type Said = (&'static str, bool, &'static str);

/// All conditions; those that did not change keep their time.
pub(super) fn conditions(release: &ReleaseView, plan: &Plan, now: Timestamp) -> Value {
    let state = &plan.next;
    let message = match &state.failure {
        Some(failure) if plan.report.waiting_for.is_empty() => failure.message.clone(),
        _ => plan.report.waiting_for.clone(),
    };
    let old = old(release);
    let fault = fault(release);
    let stalled_by_that = !is_stalled(state);
    let condition = |(kind, is_so, reason): Said| {
        let of_manifest = kind == ACCEPTED || kind == "Stalled" && !fault.is_empty() && stalled_by_that;
        let message = if of_manifest { &fault } else { &message };
        let status = if is_so { "True" } else { "False" };
        let same = old.iter().find(|one| one["type"] == kind && one["status"] == status);
        let since = same.and_then(|one| one["lastTransitionTime"].as_str().map(str::to_owned));
        // The API takes whole seconds.
        let now = || now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        json!({
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": since.unwrap_or_else(now),
            "observedGeneration": release.known.metadata.generation,
        })
    };
    said(state, fault.is_empty()).into_iter().map(condition).collect()
}

/// What is wrong with the manifest, each with its field, and what counts instead; empty if nothing is.
pub(super) fn fault(release: &ReleaseView) -> String {
    let known = &release.known;
    let mut faults: Vec<String> = known.refusals.iter().map(|refusal| format!("{refusal}.")).collect();
    if !faults.is_empty() {
        faults.push(known.basis.consequence().into());
    }
    let mut text = faults.join(" ").trim_end().to_owned();
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

/// What was told of it last.
pub(super) fn told_fault(release: &ReleaseView) -> String {
    let mut conditions = release.known.status.conditions.iter();
    let told = conditions.find(|condition| condition.kind == ACCEPTED && condition.status == "False");
    told.map(|condition| condition.message.clone()).unwrap_or_default()
}

fn old(release: &ReleaseView) -> Vec<Value> {
    let conditions = release.known.status.conditions.iter();
    conditions.map(|condition| serde_json::to_value(condition).unwrap_or_default()).collect()
}

/// Whether somebody has to act because of what happened to the release.
fn is_stalled(state: &State) -> bool {
    let held = state.hold.is_some() && !state.phase.is_over();
    held || matches!(state.phase, Phase::RolledBack { .. })
}

fn said(state: &State, accepted: bool) -> [Said; 9] {
    let phase = state.phase.as_str();
    let over = state.phase.is_over();
    let held = state.hold.is_some() && !over;
    let reason = state.hold.as_ref().filter(|_| held).map_or(phase, |hold| reason(hold.reason));
    let completed = matches!(state.phase, Phase::Completed { .. });
    let contested = state.scaled.values().any(Scaled::is_contested);
    let offline = completed && state.scaled.get(&Role::Stable).is_none_or(|scaled| !scaled.is_contested());
    let of_manifest = if accepted { phase } else { "InvalidSpec" };
    [
        (ACCEPTED, accepted, if accepted { "Accepted" } else { "InvalidSpec" }),
        ("Ready", completed, phase),
        ("Reconciling", !over && !held, reason),
        ("Stalled", is_stalled(state) || !accepted, if is_stalled(state) { reason } else { of_manifest }),
        ("Progressing", !over && !held, reason),
        ("Healthy", state.failure.is_none(), if state.failure.is_none() { "NoFailure" } else { "Failed" }),
        ("Held", held, reason),
        ("OldVersionOffline", offline, phase),
        ("ScaleContested", contested, phase),
    ]
}

fn reason(reason: weir_release::state::HoldReason) -> &'static str {
    use weir_release::state::HoldReason as Reason;
    match reason {
        Reason::Paused => "Paused",
        Reason::Rejected => "Rejected",
        Reason::Guardrail => "Guardrail",
        Reason::Error => "Error",
        Reason::Deadline => "Deadline",
        Reason::NoData => "NoData",
        Reason::StableChanged => "StableChanged",
        Reason::VersionsChanged => "VersionsChanged",
        Reason::StillReferenced => "StillReferenced",
        Reason::Conflict => "Conflict",
    }
}
