//! Texts with capture groups and request variables in them, parsed once into typed segments.

use std::fmt;

use serde::{Serialize, Serializer};

/// A request variable that a redirect may name, as nginx spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `$scheme`.
    Scheme,
    /// `$host`.
    Host,
    /// `$request_uri`: path and query as they arrived.
    RequestUri,
    /// `$uri`: the normalised path.
    Uri,
    /// `$args`: the query without `?`.
    Args,
}

const VARIABLES: &[(&str, Variable)] = &[
    ("scheme", Variable::Scheme),
    ("host", Variable::Host),
    ("request_uri", Variable::RequestUri),
    ("uri", Variable::Uri),
    ("args", Variable::Args),
];

/// One piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Copied as it is.
    Literal(Box<str>),
    /// `$1` to `$9`: a group of the pattern that the path matched; empty where it took no part.
    Capture(usize),
    /// A request variable.
    Variable(Variable),
}

/// A parsed text. Equal if written the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: Box<str>,
    segments: Vec<Segment>,
}

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// It would end the line of a header or request.
    #[error("it contains a control character or a blank")]
    Control,
    /// A `$` starts neither a group nor a known variable.
    #[error("${0} is neither a group ($1 to $9) nor one of $scheme, $host, $request_uri, $uri, $args")]
    Variable(String),
}

impl Template {
    /// Parses a text.
    ///
    /// # Errors
    /// When it holds a control character, a blank, or a `$` that names nothing.
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(InvalidTemplate::Control);
        }
        let mut segments = Vec::new();
        let mut pieces = text.split('$');
        push_literal(&mut segments, pieces.next().unwrap_or_default());
        for piece in pieces {
            let rest = push_reference(&mut segments, piece)?;
            push_literal(&mut segments, rest);
        }
        Ok(Self { text: text.into(), segments })
    }

    /// The pieces in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The highest group that the template names.
    pub fn max_group(&self) -> usize {
        let group = |segment: &Segment| if let Segment::Capture(group) = segment { *group } else { 0 };
        self.segments.iter().map(group).max().unwrap_or(0)
    }
}

fn push_literal(segments: &mut Vec<Segment>, text: &str) {
    if !text.is_empty() {
        segments.push(Segment::Literal(text.into()));
    }
}

/// Reads what stands behind a `$` and returns the rest.
fn push_reference<'t>(segments: &mut Vec<Segment>, text: &'t str) -> Result<&'t str, InvalidTemplate> {
    if let Some(digit @ b'1'..=b'9') = text.bytes().next() {
        segments.push(Segment::Capture(usize::from(digit - b'0')));
        return Ok(&text[1..]);
    }
    let braced = text.strip_prefix('{').and_then(|inner| inner.split_once('}'));
    let (name, rest) = braced.unwrap_or_else(|| {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        text.split_at(end)
    });
    let variable = VARIABLES.iter().find(|(known, _)| *known == name);
    let (_, variable) = variable.ok_or_else(|| InvalidTemplate::Variable(name.to_owned()))?;
    segments.push(Segment::Variable(*variable));
    Ok(rest)
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses() {
        let template = Template::parse("https://new.example$request_uri").unwrap();
        let expected =
            [Segment::Literal("https://new.example".into()), Segment::Variable(Variable::RequestUri)];
        assert_eq!(template.segments(), expected);
        assert_eq!(Template::parse("/v2/$2/${host}").unwrap().max_group(), 2);
        assert_eq!(Template::parse("/$what"), Err(InvalidTemplate::Variable("what".into())));
        assert_eq!(Template::parse("/a\r\nb"), Err(InvalidTemplate::Control));
        assert_eq!(Template::parse("/a$"), Err(InvalidTemplate::Variable(String::new())));
    }
}
