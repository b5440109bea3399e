//! Names of fields in messages.

use serde_ignored::Path;

/// The key in front of a column of a line of YAML or JSON. Never the value, which may be a secret.
pub(super) fn before(line: &str, column: usize) -> Option<&str> {
    let end = line.char_indices().nth(column).map_or(line.len(), |(index, _)| index);
    let colon = line[..end].rfind(':')?;
    let key = line[..colon].trim_end().trim_end_matches(['"', '\'']);
    let start = key.rfind([' ', '{', ',', '"', '\'', '\t']).map_or(0, |index| index + 1);
    Some(&key[start..]).filter(|key| !key.is_empty() && key.len() < 64)
}

/// Writes a path as `kubectl explain` users know it: `spec.rules[0].http`.
pub(super) fn path(path: &Path<'_>) -> String {
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}[{index}]", self::path(parent)),
        Path::Map { parent, key } => match self::path(parent) {
            parent if parent.is_empty() => key.clone(),
            parent => format!("{parent}.{key}"),
        },
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            self::path(parent)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_key() {
        let cases = [
            ("    number: abc", 13, Some("number")),
            ("  - port: abc", 11, Some("port")),
            (r#"{"spec":{"port":"abc"}}"#, 17, Some("port")),
            ("abc", 1, None),
        ];
        for (line, column, expected) in cases {
            assert_eq!(before(line, column), expected, "{line}");
        }
    }
}
