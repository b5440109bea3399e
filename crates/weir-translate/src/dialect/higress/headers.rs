//! `request-header-control-*` and `response-header-control-*`.

use weir_model::{Code, HeaderEdit, HeaderEdits, HeaderName};

use crate::{
    notes::{Notes, quote},
    settings::{Setting, Settings},
};

/// Reads the header changes of an Ingress; they apply to its own service only.
pub(crate) fn read(settings: &Settings<'_>, notes: &mut Notes) -> HeaderEdits {
    if settings.dialect.is_nginx() {
        return HeaderEdits::default();
    }
    HeaderEdits { request: side(settings, "request", notes), response: side(settings, "response", notes) }
}

fn side(settings: &Settings<'_>, side: &str, notes: &mut Notes) -> Vec<HeaderEdit> {
    let get = |verb: &str| settings.filled(&format!("{side}-header-control-{verb}"));
    let mut edits = Vec::new();
    if let Some(setting) = get("remove") {
        let names = setting.value.split(',').map(str::trim).filter(|name| !name.is_empty());
        edits.extend(names.filter_map(|text| Some(HeaderEdit::Remove(name(text, setting, notes)?))));
    }
    if let Some(setting) = get("update") {
        edits.extend(lines(setting, notes).into_iter().map(|(name, value)| HeaderEdit::Set(name, value)));
    }
    if let Some(setting) = get("add") {
        edits.extend(lines(setting, notes).into_iter().map(|(name, value)| HeaderEdit::Add(name, value)));
    }
    edits
}

/// Lines of the form `key value`; both may be quoted.
fn lines(setting: Setting<'_>, notes: &mut Notes) -> Vec<(HeaderName, Box<str>)> {
    let mut edits = Vec::new();
    for line in setting.value.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let Some((key, value)) = line.split_once(char::is_whitespace) else {
            note(setting, &format!("{} is not a header name and a value", quote(line)), notes);
            continue;
        };
        let value = unquote(value.trim());
        if value.chars().any(char::is_control) {
            note(setting, &format!("{} holds a control character", quote(value)), notes);
        } else if let Some(name) = name(unquote(key), setting, notes) {
            edits.push((name, value.into()));
        }
    }
    edits
}

fn name(text: &str, setting: Setting<'_>, notes: &mut Notes) -> Option<HeaderName> {
    HeaderName::new(text).map_err(|error| note(setting, &error.to_string(), notes)).ok()
}

fn unquote(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

fn note(setting: Setting<'_>, why: &str, notes: &mut Notes) {
    let message =
        format!("A line is left out: {why}. Write lines as NAME VALUE, or for remove a comma list of names.");
    notes.annotation(Code::InvalidAnnotation, setting.key, message);
}
