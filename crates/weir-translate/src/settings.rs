//! The annotations of one Ingress as its dialect sees them.

pub(crate) mod catalogue;

use weir_model::{Authentication, Code};

use crate::{
    Dialect,
    notes::{Notes, quote},
    object::Annotations,
};
use catalogue::Verdict;

const NGINX: &str = "nginx.ingress.kubernetes.io/";
const HIGRESS: &str = "higress.io/";
const MSE: &str = "mse.ingress.kubernetes.io/";
const APIG: &str = "higress.ingress.kubernetes.io/";
/// Weir's own.
pub(crate) const WEIR: &str = "weir.dev/";

/// One annotation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    /// Without the prefix.
    pub(crate) name: &'a str,
    /// With the prefix.
    pub(crate) key: &'a str,
    /// Without blanks around it.
    pub(crate) value: &'a str,
}

/// The annotations that a dialect reads, in the order of its prefixes.
#[derive(Debug)]
pub(crate) struct Settings<'a> {
    pub(crate) dialect: Dialect,
    entries: Vec<Setting<'a>>,
    /// Names whose values hold control characters. They are not in `entries`.
    poisoned: Vec<Setting<'a>>,
    /// Those that ask for authentication.
    authentication: Vec<Setting<'a>>,
}

/// The dialect that an object's own prefixes ask for.
pub(crate) fn own_dialect(annotations: &Annotations, class: Dialect) -> Dialect {
    let has = |prefix: &str| annotations.iter().any(|(key, _)| key.starts_with(prefix));
    if has(MSE) {
        Dialect::Mse
    } else if (has(HIGRESS) || has(APIG)) && class != Dialect::Mse {
        Dialect::Higress
    } else {
        class
    }
}

// === impl Settings ===

impl<'a> Settings<'a> {
    /// Takes the annotations apart and notes those that mean nothing.
    pub(crate) fn read(annotations: &'a Annotations, dialect: Dialect, notes: &mut Notes) -> Self {
        let mut settings =
            Self { dialect, entries: Vec::new(), poisoned: Vec::new(), authentication: Vec::new() };
        for prefix in prefixes(dialect) {
            for (key, value) in annotations.iter() {
                if let Some(name) = key.strip_prefix(prefix) {
                    settings.take(Setting { name, key, value: value.trim() }, notes);
                }
            }
        }
        note_foreign(annotations, dialect, notes);
        settings
    }

    fn take(&mut self, setting: Setting<'a>, notes: &mut Notes) {
        match catalogue::verdict(setting, self.dialect) {
            Verdict::Read if has_control(setting) => {
                note_control(setting, notes);
                self.poisoned.push(setting);
            }
            Verdict::Read => self.push(setting, notes),
            Verdict::Authentication => self.authentication.push(setting),
            Verdict::Unsupported(why) => note_unsupported(setting, why, notes),
            Verdict::Unknown(suggestion) => note_unknown(setting, suggestion, notes),
        }
    }

    /// What a main Ingress asks for. Serving everybody would open what its author meant to close.
    pub(crate) fn authentication(&self, notes: &mut Notes) -> Authentication {
        let message = "Weir does not implement it, so the paths of this Ingress answer 403. Authenticate in \
                       the backend and remove the annotation.";
        for setting in &self.authentication {
            notes.annotation(Code::UnsupportedAuthentication, setting.key, message);
        }
        if self.authentication.is_empty() { Authentication::NotAsked } else { Authentication::Unsupported }
    }

    fn push(&mut self, setting: Setting<'a>, notes: &mut Notes) {
        match self.get(setting.name) {
            Some(first) if !setting.key.starts_with(WEIR) => {
                let message = format!("{} says the same and is read instead. Remove one of them.", first.key);
                notes.annotation(Code::InertAnnotation, setting.key, message);
            }
            _ => self.entries.push(setting),
        }
    }

    /// The setting of a name, under the dialect's first prefix that has it.
    pub(crate) fn get(&self, name: &str) -> Option<Setting<'a>> {
        self.entries.iter().find(|setting| setting.name == name && !setting.key.starts_with(WEIR)).copied()
    }

    /// A setting with a value.
    pub(crate) fn filled(&self, name: &str) -> Option<Setting<'a>> {
        self.get(name).filter(|setting| !setting.value.is_empty())
    }

    /// One of Weir's own settings.
    pub(crate) fn own(&self, name: &str) -> Option<Setting<'a>> {
        self.entries.iter().find(|setting| setting.key.strip_prefix(WEIR) == Some(name)).copied()
    }

    /// All settings.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Setting<'a>> {
        self.entries.iter().copied()
    }

    /// A setting that can't be read for its control characters.
    pub(crate) fn poisoned(&self, names: &[&str]) -> Option<Setting<'a>> {
        self.poisoned.iter().find(|setting| names.contains(&setting.name)).copied()
    }

    /// A switch as Go's `ParseBool` reads it.
    pub(crate) fn switch(&self, name: &str, notes: &mut Notes) -> Option<bool> {
        let setting = self.get(name)?;
        let value = parse_bool(setting.value);
        if value.is_none() {
            let value = quote(setting.value);
            let message =
                format!("{value} is neither \"true\" nor \"false\"; the default applies. Write one of them.");
            notes.annotation(Code::InvalidAnnotation, setting.key, message);
        }
        value
    }
}

/// Go's `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn prefixes(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Ack | Dialect::Nginx => &[NGINX, WEIR],
        Dialect::Higress => &[NGINX, HIGRESS, APIG, WEIR],
        Dialect::Mse => &[NGINX, MSE, APIG, HIGRESS, WEIR],
    }
}

/// Annotations of known prefixes that this dialect does not read, and misspelt prefixes.
fn note_foreign(annotations: &Annotations, dialect: Dialect, notes: &mut Notes) {
    for (key, value) in annotations.iter() {
        let known = prefixes(dialect).iter().any(|prefix| key.starts_with(prefix));
        if known || key == "kubernetes.io/ingress.class" {
            continue;
        }
        let name = key.rsplit('/').next().unwrap_or(key);
        let setting = Setting { name, key, value };
        if [HIGRESS, MSE, APIG, "alb.ingress.kubernetes.io/"].iter().any(|prefix| key.starts_with(prefix)) {
            note_unsupported(setting, "Weir does not read this prefix here.", notes);
        } else {
            let prefix = if name.starts_with("canary") || name.starts_with("service") { NGINX } else { WEIR };
            note_unknown(setting, Some(format!("{prefix}{name}")), notes);
        }
    }
}

fn has_control(setting: Setting<'_>) -> bool {
    if !catalogue::is_multi_line(setting.name) {
        return setting.value.chars().any(char::is_control);
    }
    // A carriage return alone ends no line here, but it does for some HTTP parsers.
    setting.value.lines().any(|line| line.chars().any(|c| c.is_control() && c != '\t'))
}

fn note_control(setting: Setting<'_>, notes: &mut Notes) {
    let code =
        if catalogue::is_gray(setting.name) { Code::InvalidGrayPolicy } else { Code::InvalidAnnotation };
    let value = quote(setting.value);
    let message =
        format!("The value {value} contains a control character; it is not used. Remove the character.");
    notes.annotation(code, setting.key, message);
}

fn note_unsupported(setting: Setting<'_>, why: &str, notes: &mut Notes) {
    let message = format!("{why} The annotation has no effect. Remove it once the route does not need it.");
    notes.annotation(Code::UnsupportedAnnotation, setting.key, message);
}

fn note_unknown(setting: Setting<'_>, suggestion: Option<String>, notes: &mut Notes) {
    let remedy = suggestion
        .map_or_else(|| "Remove it.".to_owned(), |suggestion| format!("Did you mean {suggestion}?"));
    let message = format!("Weir does not know the annotation; it has no effect. {remedy}");
    notes.annotation(Code::UnknownAnnotation, setting.key, message);
}
