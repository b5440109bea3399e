//! Regular expressions from manifests, in linear time.
//!
//! Upstream controllers use PCRE on bytes. [`Pattern`] keeps that meaning where a linear-time engine can
//! (no Unicode classes, `[` and `&&` literal inside a class) and refuses the rest with a reason, so a
//! pattern never matches something else than it did before.

use std::{fmt, ops::Range};

use regex_automata::{
    Anchored, Input,
    meta::{self, Regex},
};
use regex_syntax::hir::{Hir, Look};
use serde::{Serialize, Serializer};

/// Upper bound of a compiled pattern. A list of a thousand user names is far below it.
const SIZE_LIMIT: usize = 1 << 20;
/// Upper bound of the text of a pattern.
const TEXT_LIMIT: usize = 16 * 1024;

/// How much of the value a pattern has to cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    /// Anywhere in it, minding the case: see [`Pattern::search`].
    Anywhere,
    /// All of it, minding the case: see [`Pattern::whole`].
    Whole,
    /// From its start, in any case: see [`Pattern::path`].
    Start,
}

/// A compiled regular expression. Equal if written the same way.
#[derive(Clone)]
pub struct Pattern {
    text: Box<str>,
    cover: Cover,
    regex: Regex,
}

/// Why a text cannot be served as a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// The engine cannot read it. Look-around and back-references end up here too.
    #[error("{0}")]
    Syntax(String),
    /// It is longer, or compiles to more, than the limits allow.
    #[error("it is too large (limits: {TEXT_LIMIT} bytes of text, {SIZE_LIMIT} bytes compiled)")]
    TooLarge,
}

// === impl Pattern ===

impl Pattern {
    /// Matches anywhere in the value and minds the case, as `ngx.re.match` without options does.
    ///
    /// # Errors
    /// When the text is not a pattern within the limits.
    pub fn search(text: &str) -> Result<Self, InvalidPattern> {
        Self::new(text, Cover::Anywhere)
    }

    /// Matches the whole value and minds the case, as Envoy does.
    ///
    /// # Errors
    /// When the text is not a pattern within the limits.
    pub fn whole(text: &str) -> Result<Self, InvalidPattern> {
        Self::new(text, Cover::Whole)
    }

    /// Matches from the start of a path in any case, as the nginx location `~* "^…"` does.
    ///
    /// # Errors
    /// When the text is not a pattern within the limits.
    pub fn path(text: &str) -> Result<Self, InvalidPattern> {
        Self::new(text, Cover::Start)
    }

    /// Compiles a pattern.
    ///
    /// # Errors
    /// When the text is not a pattern within the limits.
    pub fn new(text: &str, cover: Cover) -> Result<Self, InvalidPattern> {
        if text.len() > TEXT_LIMIT {
            return Err(InvalidPattern::TooLarge);
        }
        let hir = regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .case_insensitive(cover == Cover::Start)
            .nest_limit(100)
            .build()
            .parse(&literal_classes(text))
            .map_err(|error| InvalidPattern::Syntax(reason(&error)))?;
        let config = meta::Config::new().nfa_size_limit(Some(SIZE_LIMIT)).utf8_empty(false);
        let regex = meta::Builder::new()
            .configure(config)
            .build_from_hir(&cover.wrap(hir))
            .map_err(|_| InvalidPattern::TooLarge)?;
        Ok(Self { text: text.into(), cover, regex })
    }

    /// Whether the value matches.
    pub fn is_match(&self, value: &[u8]) -> bool {
        let anchored = if self.cover == Cover::Anywhere { Anchored::No } else { Anchored::Yes };
        self.regex.is_match(Input::new(value).anchored(anchored))
    }

    /// The capture groups of the first match; index 0 is the match itself.
    pub fn captures(&self, value: &[u8]) -> Option<Vec<Option<Range<usize>>>> {
        let mut captures = self.regex.create_captures();
        self.regex.captures(Input::new(value), &mut captures);
        captures.is_match().then(|| captures.iter().map(|span| span.map(|span| span.range())).collect())
    }

    /// How many capture groups there are, without the match itself.
    pub fn groups(&self) -> usize {
        self.regex.captures_len() - 1
    }

    /// How much of the value it has to cover.
    pub fn cover(&self) -> Cover {
        self.cover
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Cover {
    fn wrap(self, hir: Hir) -> Hir {
        match self {
            Self::Anywhere => hir,
            Self::Start => Hir::concat(vec![Hir::look(Look::Start), hir]),
            Self::Whole => Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]),
        }
    }
}

/// Inside a class PCRE takes `[` and the set operators literally; the engine here does not, so they are
/// escaped. `[:alpha:]` keeps its meaning in both.
fn literal_classes(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        match c {
            '\\' => out.extend(chars.next()),
            '[' => copy_class(&mut chars, &mut out),
            _ => {}
        }
    }
    out
}

fn copy_class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    out.extend(chars.next_if_eq(&'^'));
    if chars.next_if_eq(&']').is_some() {
        out.push_str(r"\]");
    }
    while let Some(c) = chars.next() {
        match c {
            ']' => return out.push(c),
            '\\' => {
                out.push(c);
                out.extend(chars.next());
            }
            '[' if chars.peek() == Some(&':') => copy_posix_class(chars, out),
            '[' => out.push_str(r"\["),
            '&' | '~' => out.extend(['\\', c]),
            '-' if chars.peek() == Some(&'-') => out.push_str(r"\-"),
            _ => out.push(c),
        }
    }
}

/// Copies `:alpha:]` behind its `[`.
fn copy_posix_class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    out.push('[');
    for c in chars.by_ref() {
        out.push(c);
        if c == ']' {
            return;
        }
    }
}

/// The parser's reason in one line, without its drawing of the pattern.
fn reason(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        _ => "it is not a regular expression".to_owned(),
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.cover == other.cover
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.text)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(text: &str, value: &str) -> bool {
        Pattern::search(text).unwrap().is_match(value.as_bytes())
    }

    #[test]
    fn searches_like_pcre() {
        let cases = [
            ("bar|rab", "crab", true),
            ("bar|rab", "raab", false),
            ("^$", "", true),
            ("BAR", "bar", false),
            ("[a&&b]", "&", true),
            ("[a&&b]", "b", true),
            ("[[]", "[", true),
            ("[]a]", "]", true),
            ("[^]a]", "]", false),
            ("[[:digit:]]+", "x7", true),
            (r"^\d+$", "\u{0665}", false),
            ("[a--]", "-", true),
        ];
        for (pattern, value, expected) in cases {
            assert_eq!(search(pattern, value), expected, "/{pattern}/ on {value:?}");
        }
    }

    #[test]
    fn covers() {
        assert!(!Pattern::whole("always|v1").unwrap().is_match(b"v11"));
        assert!(Pattern::whole("always|v1").unwrap().is_match(b"always"));
        let path = Pattern::path("/api(/|$)(.*)").unwrap();
        assert!(path.is_match(b"/API/x"));
        assert!(!path.is_match(b"/v1/api/x"));
        assert_eq!(path.captures(b"/api/x").unwrap()[2], Some(5..6));
        assert_eq!(path.groups(), 2);
    }

    #[test]
    fn refuses_what_is_not_linear() {
        for text in ["(?=a)", "(?!x)", r"(a)\1", "[a", "*", r"(?<!a)b"] {
            assert!(matches!(Pattern::search(text), Err(InvalidPattern::Syntax(_))), "{text}");
        }
        assert_eq!(Pattern::search("(a{1000}){1000}").unwrap_err(), InvalidPattern::TooLarge);
        assert_eq!(Pattern::search(&"a".repeat(TEXT_LIMIT + 1)).unwrap_err(), InvalidPattern::TooLarge);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,40}", value in ".{0,40}") {
            if let Ok(pattern) = Pattern::search(&text) {
                pattern.is_match(value.as_bytes());
            }
        }
    }
}
