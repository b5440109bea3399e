//! ACK: one Ingress lists the same host and path once per service; `service-match` and
//! `service-weight` say who gets what.

mod grammar;
mod split;
mod weight;

use weir_model::{
    Absent, Case, Code, Condition, HeaderName, InvalidPattern, Pattern, Predicate, Subject, Test,
};

use super::policy::{Refused, variable};
use crate::{
    notes::{Notes, quote},
    settings::{Setting, Settings, catalogue},
};
use grammar::{PatternText, RuleText, Term, TermKind};
pub(crate) use split::{Group, divide};

/// What both annotations say together.
#[derive(Debug, Default)]
pub(crate) struct AckPolicy<'a> {
    /// At most one per service.
    pub(crate) matches: Vec<Match<'a>>,
    /// At most one per service; empty if not set.
    pub(crate) weights: Vec<(&'a str, u32)>,
    match_key: &'a str,
    weight_key: &'a str,
}

/// Who may get the named service.
#[derive(Debug)]
pub(crate) struct Match<'a> {
    pub(crate) service: &'a str,
    /// `None` if the pattern is invalid: nobody.
    pub(crate) predicate: Option<Predicate>,
}

/// Reads both annotations. Invalid ones are noted and mean: no policy.
pub(crate) fn read<'a>(settings: &Settings<'a>, notes: &mut Notes) -> Option<AckPolicy<'a>> {
    if settings.poisoned(catalogue::ACK).is_some() {
        return None;
    }
    let mut policy = AckPolicy::default();
    if let Some(setting) = settings.filled("service-match") {
        policy.match_key = setting.key;
        policy.matches = read_match(setting, notes)?;
    }
    if let Some(setting) = settings.filled("service-weight") {
        policy.weight_key = setting.key;
        policy.weights = weight::read(setting, notes)?;
    }
    let set = !policy.matches.is_empty() || !policy.weights.is_empty();
    set.then_some(policy)
}

// === impl AckPolicy ===

impl AckPolicy<'_> {
    /// The annotation that speaks first, for findings.
    pub(crate) fn key(&self) -> &str {
        if self.match_key.is_empty() { self.weight_key } else { self.match_key }
    }

    /// Every service that is named, with the annotation that names it.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&str, &str)> {
        let matches = self.matches.iter().map(|rule| (rule.service, self.match_key));
        matches.chain(self.weights.iter().map(|(service, _)| (*service, self.weight_key)))
    }
}

fn read_match<'a>(setting: Setting<'a>, notes: &mut Notes) -> Option<Vec<Match<'a>>> {
    match grammar::parse(setting.value) {
        Ok(parsed) => {
            for piece in &parsed.skipped {
                note_skipped(setting, piece, notes);
            }
            parsed.rules.into_iter().try_fold(Vec::new(), |rules, rule| push(rules, &rule, setting, notes))
        }
        Err(error) => {
            invalid(setting, &error.to_string(), notes);
            None
        }
    }
}

/// Adds a rule; of several for one service the last counts.
fn push<'a>(
    mut rules: Vec<Match<'a>>,
    rule: &RuleText<'a>,
    setting: Setting<'a>,
    notes: &mut Notes,
) -> Option<Vec<Match<'a>>> {
    let service = rule.service;
    if let Some(earlier) = rules.iter().position(|earlier| earlier.service == service) {
        let message = format!("Service {service} has two rules; the last one counts. Remove the other.");
        notes.annotation(Code::InertAnnotation, setting.key, message);
        rules.remove(earlier);
    }
    note_deviations(rule, setting, notes);
    rules.push(Match { service, predicate: predicate(rule, setting, notes).ok()? });
    Some(rules)
}

/// `None` if a pattern is invalid.
fn predicate(
    rule: &RuleText<'_>,
    setting: Setting<'_>,
    notes: &mut Notes,
) -> Result<Option<Predicate>, Refused> {
    let mut all = Vec::new();
    for term in &rule.terms {
        let subject = match subject(term) {
            Ok(subject) => subject,
            Err(error) => {
                invalid(setting, &error.to_string(), notes);
                return Err(Refused);
            }
        };
        let Ok(test) = test(term).map_err(|(text, error)| note_pattern(setting, text, &error, notes)) else {
            return Ok(None);
        };
        all.push(Condition { subject, test, absent: Absent::Empty });
    }
    Ok(Some(Predicate { all }))
}

fn subject(term: &Term<'_>) -> Result<Subject, weir_model::InvalidHeaderName> {
    Ok(match term.kind {
        TermKind::Header => Subject::FirstHeader(HeaderName::new(&variable(term.key))?),
        TermKind::Cookie => Subject::Cookie(term.key.into(), Case::Insensitive),
        TermKind::Query => Subject::Query(term.key.into(), Case::Insensitive),
    })
}

fn test<'t>(term: &Term<'t>) -> Result<Test, (&'t str, InvalidPattern)> {
    match term.pattern {
        PatternText::Exact(text) => Ok(Test::Equals(text.into())),
        PatternText::Regex(text) => Pattern::search(text).map(Test::Matches).map_err(|error| (text, error)),
    }
}

fn note_deviations(rule: &RuleText<'_>, setting: Setting<'_>, notes: &mut Notes) {
    if rule.terms.len() > 1 {
        let message = format!(
            "The rule for service {} joins tests with &&: all of them have to hold. Upstream read only the first.",
            rule.service
        );
        notes.annotation(Code::Deviation, setting.key, message);
    }
    let has_parenthesis = |term: &Term<'_>| match term.pattern {
        PatternText::Exact(text) | PatternText::Regex(text) => text.contains(')'),
    };
    if rule.terms.iter().any(has_parenthesis) {
        let message =
            "A pattern contains `)`. Weir reads it as written; upstream refused the whole annotation.";
        notes.annotation(Code::Deviation, setting.key, message);
    }
}

fn note_skipped(setting: Setting<'_>, piece: &str, notes: &mut Notes) {
    let message = format!(
        "{} is not a rule and has no effect. Write rules as service: header(\"key\", /regex/), with header, cookie or query.",
        quote(piece)
    );
    notes.annotation(Code::InertAnnotation, setting.key, message);
}

fn note_pattern(setting: Setting<'_>, text: &str, error: &InvalidPattern, notes: &mut Notes) {
    let message = format!(
        "The pattern {} cannot be used: {error}. No request matches it, so all go to the other service. Correct the pattern.",
        quote(text)
    );
    notes.annotation(Code::InvalidPattern, setting.key, message);
}

/// The policy can't be used.
pub(super) fn invalid(setting: Setting<'_>, why: &str, notes: &mut Notes) {
    let message = format!(
        "The value {} is invalid: {why}. The gray policy is off: the first service of each path gets all requests. Correct the value.",
        quote(setting.value)
    );
    notes.annotation(Code::InvalidGrayPolicy, setting.key, message);
}
