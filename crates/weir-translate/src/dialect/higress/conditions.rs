//! `match-method` and `{exact,prefix,regex}-match-{header,query,pseudo-header}-NAME`.

use weir_model::{Case, Code, Condition, HeaderName, Pattern, Predicate, Subject, Test};

use crate::{
    dialect::policy::condition,
    notes::{Notes, quote},
    settings::{Setting, Settings},
};

/// Reads the conditions of an Ingress. `None` if one of them is invalid: then no path of the Ingress is
/// served, because a missing condition would widen it.
pub(crate) fn read(settings: &Settings<'_>, notes: &mut Notes) -> Option<Predicate> {
    if settings.dialect.is_nginx() {
        return Some(Predicate::default());
    }
    let mut all = Vec::new();
    for setting in settings.iter() {
        match parse(setting) {
            Ok(condition) => all.extend(condition),
            Err(why) => {
                note(setting, &why, notes);
                return None;
            }
        }
    }
    all.sort_by_key(|condition| (rank(&condition.subject), condition.subject.to_string()));
    Some(Predicate { all })
}

/// Method, then headers, then query parameters.
fn rank(subject: &Subject) -> u8 {
    match subject {
        Subject::Method => 0,
        Subject::Query(..) => 2,
        _ => 1,
    }
}

fn parse(setting: Setting<'_>) -> Result<Option<Condition>, String> {
    if setting.name == "match-method" {
        let methods: Vec<Box<str>> = setting.value.split_whitespace().map(Into::into).collect();
        return Ok((!methods.is_empty()).then(|| condition(Subject::Method, Test::OneOf(methods))));
    }
    let Some((kind, rest)) = setting.name.split_once("-match-") else { return Ok(None) };
    let Some(subject) = subject(rest)? else { return Ok(None) };
    Ok(test(kind, setting.value)?.map(|test| condition(subject, test)))
}

fn subject(text: &str) -> Result<Option<Subject>, String> {
    if let Some(name) = text.strip_prefix("header-") {
        return HeaderName::new(name)
            .map(|name| Some(Subject::Header(name)))
            .map_err(|error| error.to_string());
    }
    if let Some(name) = text.strip_prefix("query-") {
        return Ok(Some(Subject::Query(name.into(), Case::Sensitive)));
    }
    text.strip_prefix("pseudo-header-").map(pseudo).transpose()
}

fn pseudo(name: &str) -> Result<Subject, String> {
    match name.trim_start_matches(':') {
        "method" => Ok(Subject::Method),
        "path" => Ok(Subject::Target),
        "authority" => Ok(Subject::Authority),
        "scheme" => Ok(Subject::Scheme),
        other => Err(format!("{other:?} is not a pseudo-header (method, path, authority or scheme)")),
    }
}

fn test(kind: &str, value: &str) -> Result<Option<Test>, String> {
    Ok(Some(match kind {
        "exact" => Test::Equals(value.into()),
        "prefix" => Test::StartsWith(value.into()),
        "regex" => Test::Matches(Pattern::whole(value).map_err(|error| error.to_string())?),
        _ => return Ok(None),
    }))
}

fn note(setting: Setting<'_>, why: &str, notes: &mut Notes) {
    let value = quote(setting.value);
    let message = format!(
        "The condition {value} cannot be used: {why}. The paths of this Ingress are not served, because they would match too much. Correct it."
    );
    notes.annotation(Code::InvalidAnnotation, setting.key, message);
}
