//! The explanation as JSON.

use serde::Serialize;
use weir_model::RuleOrigin;
use weir_route::{DecidedBy, Explanation, Share, Step};

use crate::findings::{Shown, shown};

/// The fields that programs rely on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'e> {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'e RuleOrigin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forwarded_target: Option<&'e str>,
    arms: &'e [Share],
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<DecidedBy>,
    trace: &'e [Step],
    findings: Vec<Shown<'e>>,
}

/// One JSON object.
pub(super) fn render(explanation: &Explanation) -> serde_json::Result<String> {
    let Explanation { outcome, status, code, decided_by, .. } = *explanation;
    let report = Report {
        outcome,
        status,
        code,
        location: explanation.location.as_deref(),
        rule: explanation.rule.as_ref(),
        forwarded_target: explanation.forwarded_target.as_deref(),
        arms: &explanation.arms,
        decided_by,
        trace: &explanation.trace,
        findings: shown(&explanation.findings),
    };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}
