//! Findings for people: order, counts, and a form for JSON.

use std::{cmp::Reverse, fmt};

use serde::Serialize;
use weir_model::{Code, Finding, Severity};

use crate::output::count;

/// Errors first, then by object.
pub(crate) fn sort(findings: &mut Vec<Finding>) {
    findings.sort_unstable_by(|a, b| {
        let key = |finding: &Finding| Reverse(finding.severity);
        key(a).cmp(&key(b)).then_with(|| (&a.object, &a.field, a).cmp(&(&b.object, &b.field, b)))
    });
    findings.dedup();
}

/// How many there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    pub(crate) infos: usize,
}

impl Counts {
    pub(crate) fn of(findings: &[Finding]) -> Self {
        let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        Self { errors: of(Severity::Error), warnings: of(Severity::Warning), infos: of(Severity::Info) }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { errors, warnings, infos } = *self;
        write!(f, "{}, {}, {infos} info", count(errors, "error"), count(warnings, "warning"))
    }
}

/// A finding as programs read it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'f> {
    code: Code,
    severity: Severity,
    object: String,
    field: &'f str,
    message: &'f str,
}

/// The findings as programs read them.
pub(crate) fn shown<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Vec<Shown<'f>> {
    let show = |finding: &'f Finding| Shown {
        code: finding.code,
        severity: finding.severity,
        object: finding.object.to_string(),
        field: &finding.field,
        message: &finding.message,
    };
    findings.into_iter().map(show).collect()
}
