//! Keys of clients, overrides, and tests of requests.

use weir_model::{Absent, Case, Condition, HeaderName, Pattern, Predicate, StickyKey, Subject, Test};
use weir_release::spec;

use super::{list, shadow, value};
use crate::{
    refusal::{At, Refusals},
    release::{Assignment, Key, Matcher, Override, ReleaseSpec, ValueMatch},
};

const MOST_KEYS: usize = 8;
const MOST_OVERRIDES: usize = 32;
const MOST_MATCHERS: usize = 32;
/// Regular expressions in overrides and audiences together: every proxy keeps all of them, and each may compile to a
/// megabyte (`weir_model::Pattern`).
const MOST_PATTERNS: usize = 64;
/// The cookie that Weir issues; proxies know it by this name.
const ISSUED: &str = "weir-cohort";

/// What clients are recognised by.
pub(super) fn keys(
    assignment: Option<&Assignment>,
    at: &At<'_>,
    refusals: &mut Refusals,
) -> Option<Vec<StickyKey>> {
    let Some(keys) = assignment.and_then(|assignment| assignment.keys.as_ref()) else {
        return Some(vec![StickyKey::Issued]);
    };
    list::not_empty(keys, "header or cookie, or leave the field out", at, refusals)?;
    list::at_most(keys, MOST_KEYS, at, refusals)?;
    list::each(keys, at, refusals, key)
}

fn key(key: &Key, at: &At<'_>, refusals: &mut Refusals) -> Option<StickyKey> {
    match (&key.header, &key.cookie) {
        (Some(name), None) if !key.issue => {
            refusals.keep(&at.field("header"), HeaderName::new(name)).map(StickyKey::Header)
        }
        (None, Some(name)) if key.issue => {
            refusals.require(name == ISSUED, &at.field("cookie"), || {
                format!("the cookie that Weir issues is called {ISSUED}; write that name, or leave out issue")
            })?;
            Some(StickyKey::Issued)
        }
        (None, Some(name)) => value::cookie_name(name, &at.field("cookie"), refusals).map(StickyKey::Cookie),
        (Some(_), None) => {
            refusals.add(&at.field("issue"), "only a cookie can be issued; leave it out, or write cookie");
            None
        }
        _ => {
            refusals.add(at, "a key is either a header or a cookie; write one entry for each");
            None
        }
    }
}

/// Refuses more regular expressions than proxies should keep for one release.
pub(super) fn few_patterns(spec: &ReleaseSpec, at: &At<'_>, refusals: &mut Refusals) -> Option<()> {
    let overrides = spec.overrides.iter().flat_map(|one| &one.matches);
    let audiences = spec.steps.iter().flatten().flat_map(|step| step.audience.iter().flatten());
    let values = overrides.chain(audiences).flat_map(|one| [&one.header, &one.cookie, &one.query]).flatten();
    let count = values.filter(|value| value.regex.is_some()).count();
    refusals.require(count <= MOST_PATTERNS, at, || {
        format!("{count} regular expressions are too many; write at most {MOST_PATTERNS}, such as alice|bob for several")
    })
}

/// Requests that go to one version at every step.
pub(super) fn overrides(
    overrides: &[Override],
    at: &At<'_>,
    refusals: &mut Refusals,
) -> Option<Vec<spec::Override>> {
    list::at_most(overrides, MOST_OVERRIDES, at, refusals)?;
    let unique = list::unique(overrides.iter().map(|one| Some(&*one.name)), "override", at, refusals);
    let read = list::each(overrides, at, refusals, |one, at, refusals| {
        let name = value::label(&one.name, &at.field("name"), refusals);
        let matches = at.field("match");
        let filled = list::not_empty(&one.matches, "header, cookie or query", &matches, refusals);
        let any = predicates(&one.matches, &matches, refusals);
        filled?;
        Some(spec::Override { name: name?, any: any?, to: one.to })
    });
    unique?;
    let read = read?;
    shadow::refuse(&read, at, refusals)?;
    Some(read)
}

/// Tests of which any has to hold.
pub(super) fn predicates(
    matchers: &[Matcher],
    at: &At<'_>,
    refusals: &mut Refusals,
) -> Option<Vec<Predicate>> {
    list::at_most(matchers, MOST_MATCHERS, at, refusals)?;
    list::each(matchers, at, refusals, predicate)
}

fn predicate(matcher: &Matcher, at: &At<'_>, refusals: &mut Refusals) -> Option<Predicate> {
    let (field, value) = match (&matcher.header, &matcher.cookie, &matcher.query) {
        (Some(value), None, None) => ("header", value),
        (None, Some(value), None) => ("cookie", value),
        (None, None, Some(value)) => ("query", value),
        _ => {
            refusals
                .add(at, "name exactly one of header, cookie and query; of several entries any has to hold");
            return None;
        }
    };
    let at = at.field(field);
    let subject = subject(field, &value.name, &at.field("name"), refusals);
    let test = test(field, value, &at, refusals);
    Some(Condition { subject: subject?, test: test?, absent: Absent::Fails }.into())
}

fn subject(field: &str, name: &str, at: &At<'_>, refusals: &mut Refusals) -> Option<Subject> {
    match field {
        "header" => refusals.keep(at, HeaderName::new(name)).map(Subject::Header),
        "cookie" => value::cookie_name(name, at, refusals).map(|name| Subject::Cookie(name, Case::Sensitive)),
        _ => {
            let is_name = !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_graphic() && !b"&=#".contains(&byte));
            refusals.require(is_name, at, || {
                format!("{name:?} is not the name of a query parameter: write it as it arrives, such as %20 for a blank")
            })?;
            Some(Subject::Query(name.into(), Case::Sensitive))
        }
    }
}

fn test(field: &str, value: &ValueMatch, at: &At<'_>, refusals: &mut Refusals) -> Option<Test> {
    match (&value.exact, &value.regex, value.present) {
        (Some(text), None, None) => exact(field, text, &at.field("exact"), refusals),
        (None, Some(text), None) => {
            let at = at.field("regex");
            refusals.require(!text.is_empty(), &at, || {
                "it is empty; write exact: \"\" for the empty value".to_owned()
            })?;
            let pattern = Pattern::whole(text).map_err(|error| format!("{text:?} cannot be used: {error}"));
            refusals.keep(&at, pattern).map(Test::Matches)
        }
        (None, None, Some(true)) => Some(Test::Present),
        (None, None, Some(false)) => {
            let message = "only true can be asked for; requests without it are left to the other rules";
            refusals.add(&at.field("present"), message);
            None
        }
        _ => {
            refusals.add(at, "name exactly one of exact, regex and present");
            None
        }
    }
}

/// Refuses values that no request can have: a mistake that nobody would notice otherwise.
fn exact(field: &str, text: &str, at: &At<'_>, refusals: &mut Refusals) -> Option<Test> {
    let (possible, remedy) = match field {
        "header" => (
            text.trim() == text && !text.chars().any(|c| c.is_control() && c != '\t'),
            "no header has a control character, or a blank at either end; remove it",
        ),
        "cookie" => (
            !text.bytes().any(|byte| byte <= b' ' || byte == 0x7f || b",;".contains(&byte)),
            "no cookie has a blank, a comma or a semicolon; write the value as the browser sends it",
        ),
        _ => (
            text.bytes().all(|byte| byte.is_ascii_graphic() && !b"&#".contains(&byte)),
            "values of the query are compared as they arrive; write %20 for a blank, %26 for &, and so on",
        ),
    };
    refusals.require(possible, at, || format!("{text:?} never matches: {remedy}"))?;
    Some(Test::Equals(text.into()))
}
