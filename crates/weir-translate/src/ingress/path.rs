//! Paths of rules.

use weir_model::{Code, MatchPath, PathType, Pattern, path};

use crate::{
    notes::{Notes, quote},
    object::PathTypeText,
};

/// Whether the paths of an Ingress are regular expressions, and of which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathSyntax {
    /// They only name the path of a main Ingress, which decides how it is read.
    Name,
    /// They are not.
    Plain,
    /// From the start, in any case; longer ones first.
    Nginx,
    /// From the start; after every prefix but the root.
    Higress,
}

/// The rank of a Higress pattern: behind every prefix of two bytes and more.
const HIGRESS_PRECEDENCE: usize = 2;

/// The type of a path. Unknown ones are noted.
pub(crate) fn path_type(text: &PathTypeText, field: &str, notes: &mut Notes) -> Option<PathType> {
    match text {
        PathTypeText::Known(path_type) => Some(*path_type),
        PathTypeText::Other(other) => {
            let message = format!(
                "{} is not a path type; the path is not served. Write Exact, Prefix or ImplementationSpecific.",
                quote(other)
            );
            notes.add(Code::InvalidPath, format!("{field}.pathType"), message);
            None
        }
    }
}

/// What a path is compared with, and its rank if it is a pattern. Unusable ones are noted.
pub(crate) fn match_path(
    text: &str,
    path_type: PathType,
    syntax: PathSyntax,
    field: &str,
    notes: &mut Notes,
) -> Option<(MatchPath, usize)> {
    let checked = check(text).and_then(|()| match syntax {
        PathSyntax::Plain => plain(text, path_type),
        PathSyntax::Name | PathSyntax::Nginx | PathSyntax::Higress => Ok(MatchPath::Prefix(Box::default())),
    });
    match (checked, syntax) {
        (Err(why), _) => {
            note_invalid(text, &why, field, notes);
            None
        }
        (Ok(_), PathSyntax::Nginx | PathSyntax::Higress) => regex(text, syntax, field, notes),
        (Ok(path), PathSyntax::Plain | PathSyntax::Name) => Some((path, 0)),
    }
}

fn check(text: &str) -> Result<(), String> {
    if text.chars().any(char::is_control) {
        Err("it contains a control character".to_owned())
    } else if text.starts_with('/') {
        Ok(())
    } else {
        Err("it does not begin with /".to_owned())
    }
}

fn plain(text: &str, path_type: PathType) -> Result<MatchPath, String> {
    let canonical = path::normalise(text.as_bytes()).map_err(|error| error.to_string())?;
    let canonical = std::str::from_utf8(&canonical).map_err(|error| error.to_string())?;
    Ok(match path_type {
        PathType::Exact => MatchPath::Exact(canonical.into()),
        _ => MatchPath::Prefix(canonical.trim_end_matches('/').into()),
    })
}

fn regex(text: &str, syntax: PathSyntax, field: &str, notes: &mut Notes) -> Option<(MatchPath, usize)> {
    let (pattern, precedence) = match syntax {
        PathSyntax::Higress => (Pattern::whole(&format!("{text}.*")), HIGRESS_PRECEDENCE),
        _ => (Pattern::path(text), text.len()),
    };
    match pattern {
        Ok(pattern) => Some((MatchPath::Regex(pattern), precedence)),
        Err(error) => {
            let message = format!(
                "The path {} cannot be used as a pattern: {error}. It is not served. Correct it.",
                quote(text)
            );
            notes.add(Code::InvalidPattern, format!("{field}.path"), message);
            None
        }
    }
}

fn note_invalid(text: &str, why: &str, field: &str, notes: &mut Notes) {
    let message = format!("The path {} cannot be served: {why}. Correct it.", quote(text));
    notes.add(Code::InvalidPath, format!("{field}.path"), message);
}
