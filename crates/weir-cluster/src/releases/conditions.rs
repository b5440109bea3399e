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
    let condition = |(kind, is_so, reason): Said| {
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
    said(state).into_iter().map(condition).collect()
}

fn old(release: &ReleaseView) -> Vec<Value> {
    let conditions = release.known.conditions.iter();
    conditions.map(|condition| serde_json::to_value(condition).unwrap_or_default()).collect()
}

fn said(state: &State) -> [Said; 8] {
    let phase = state.phase.as_str();
    let over = state.phase.is_over();
    let rolled_back = matches!(state.phase, Phase::RolledBack { .. });
    let held = state.hold.is_some() && !over;
    let reason = state.hold.as_ref().filter(|_| held).map_or(phase, |hold| reason(hold.reason));
    let completed = matches!(state.phase, Phase::Completed { .. });
    let contested = state.scaled.values().any(Scaled::is_contested);
    let offline = completed && state.scaled.get(&Role::Stable).is_none_or(|scaled| !scaled.is_contested());
    [
        ("Ready", completed, phase),
        ("Reconciling", !over && !held, reason),
        ("Stalled", held || rolled_back, reason),
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
