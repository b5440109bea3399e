//! The grammar of `service-match`.
//!
//! ```text
//! value   = { rule | separator }
//! rule    = service ":" {SP} term { "&&" term }
//! term    = ("header" | "cookie" | "query") "(" '"' key '"' "," {ws} pattern {ws} ")"
//! pattern = "/" regex "/" | '"' text '"'
//! ```
//!
//! Rules are separated by commas or line breaks. Upstream is two regular expressions over the whole text
//! and skips what they do not find; here the skipped pieces are handed back as well.

/// What a value consists of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parsed<'t> {
    pub(super) rules: Vec<RuleText<'t>>,
    /// Pieces without effect.
    pub(super) skipped: Vec<&'t str>,
}

/// One rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RuleText<'t> {
    pub(super) service: &'t str,
    /// At least one; all have to hold.
    pub(super) terms: Vec<Term<'t>>,
}

/// One test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term<'t> {
    pub(super) kind: TermKind,
    pub(super) key: &'t str,
    pub(super) pattern: PatternText<'t>,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TermKind {
    Header,
    Cookie,
    Query,
}

/// What it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PatternText<'t> {
    Exact(&'t str),
    Regex(&'t str),
}

/// Why a value is refused as a whole.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum GrammarError {
    #[error(
        "behind `(` there has to be a key in double quotes with a comma right behind it, as in header(\"key\", /regex/)"
    )]
    Key,
    #[error("the key is blank")]
    BlankKey,
    #[error("the pattern has to be /regex/ or \"text\", not empty and on one line, with `)` behind it")]
    Pattern,
}

const KINDS: &[(&str, TermKind)] =
    &[("header(", TermKind::Header), ("cookie(", TermKind::Cookie), ("query(", TermKind::Query)];

/// Takes a value apart.
pub(super) fn parse(text: &str) -> Result<Parsed<'_>, GrammarError> {
    let mut parsed = Parsed { rules: Vec::new(), skipped: Vec::new() };
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if rest.is_empty() {
            return Ok(parsed);
        }
        rest = match head(rest) {
            Some((service, terms)) => rule(service, terms, &mut parsed)?,
            None => skip(rest, &mut parsed),
        };
    }
}

/// `service: kind(` at the start of the text: the service, and the text from `kind(` on.
fn head(text: &str) -> Option<(&str, &str)> {
    let end = text.find([',', '\n', ':', '('])?;
    let after = text[end..].strip_prefix(':')?.trim_start_matches(' ');
    kind(after).map(|_| (text[..end].trim(), after))
}

fn kind(text: &str) -> Option<(TermKind, &str)> {
    KINDS.iter().find_map(|(name, kind)| Some((*kind, text.strip_prefix(name)?)))
}

/// Hands back a piece up to the end of the line, or to a comma with a rule behind it.
fn skip<'t>(text: &'t str, parsed: &mut Parsed<'t>) -> &'t str {
    let ends = |(index, separator): &(usize, &str)| {
        *separator == "\n" || head(text[index + 1..].trim_start()).is_some()
    };
    let end = text.match_indices([',', '\n']).find(ends).map_or(text.len(), |(index, _)| index);
    parsed.skipped.push(text[..end].trim());
    &text[end..]
}

fn rule<'t>(service: &'t str, text: &'t str, parsed: &mut Parsed<'t>) -> Result<&'t str, GrammarError> {
    // A name cannot hold a dot; upstream takes what stands behind the last one.
    let name = service.rsplit('.').next().unwrap_or(service).trim();
    if name.len() < service.len() {
        parsed.skipped.push(&service[..service.len() - name.len()]);
    }
    let (first, mut rest) = term(text)?;
    let mut terms = vec![first];
    while let Some(next) = rest.trim_start().strip_prefix("&&").map(str::trim_start) {
        if kind(next).is_none() {
            break;
        }
        let (term, after) = term(next)?;
        terms.push(term);
        rest = after;
    }
    parsed.rules.push(RuleText { service: name, terms });
    Ok(junk(rest, parsed))
}

/// What stands between a rule and the next separator.
fn junk<'t>(text: &'t str, parsed: &mut Parsed<'t>) -> &'t str {
    let text = text.trim_start_matches([' ', '\t', '\r']);
    if text.is_empty() || text.starts_with([',', '\n']) { text } else { skip(text, parsed) }
}

fn term(text: &str) -> Result<(Term<'_>, &str), GrammarError> {
    let (kind, inside) = kind(text).ok_or(GrammarError::Key)?;
    let inside = inside.strip_prefix('"').ok_or(GrammarError::Key)?;
    let (key, value) = inside.split_once("\",").ok_or(GrammarError::Key)?;
    if key.contains(['\n', '"']) {
        return Err(GrammarError::Key);
    }
    if key.trim().is_empty() {
        return Err(GrammarError::BlankKey);
    }
    let (pattern, rest) = pattern(value.trim_start())?;
    Ok((Term { kind, key: key.trim(), pattern }, rest))
}

fn pattern(text: &str) -> Result<(PatternText<'_>, &str), GrammarError> {
    let delimiter = text.chars().next().filter(|c| matches!(c, '/' | '"')).ok_or(GrammarError::Pattern)?;
    let inside = &text[1..];
    let (end, rest) = closing(inside, delimiter).ok_or(GrammarError::Pattern)?;
    let value = &inside[..end];
    if value.trim().is_empty() || value.contains('\n') {
        return Err(GrammarError::Pattern);
    }
    let pattern = if delimiter == '/' { PatternText::Regex(value) } else { PatternText::Exact(value) };
    Ok((pattern, rest))
}

/// The delimiter that ends the pattern. Upstream ends it at the first `)`; only where no delimiter stands
/// before that one, the pattern itself contains `)`: then the first delimiter with `)` and a separator
/// behind it counts. Gives its position and the text behind the `)`.
fn closing(text: &str, delimiter: char) -> Option<(usize, &str)> {
    let candidates = || {
        text.match_indices(delimiter).filter_map(|(index, _)| {
            let rest = text[index + 1..].trim_start().strip_prefix(')')?;
            Some((index, rest))
        })
    };
    let first = candidates().next().filter(|(index, _)| !text[..*index].contains(')'));
    first.or_else(|| candidates().find(|(_, rest)| ends_rule(rest))).or_else(|| candidates().next())
}

fn ends_rule(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', '\t', '\r']);
    rest.is_empty() || rest.starts_with([',', '\n']) || rest.starts_with("&&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{PatternText::*, TermKind::*, *};

    fn term(kind: TermKind, key: &'static str, pattern: PatternText<'static>) -> Term<'static> {
        Term { kind, key, pattern }
    }

    fn one(text: &str) -> Vec<(&str, Vec<Term<'_>>)> {
        let parsed = parse(text).unwrap();
        parsed.rules.into_iter().map(|rule| (rule.service, rule.terms)).collect()
    }

    #[test]
    fn accepts_what_upstream_accepts() {
        let bar = term(Header, "Foo", Regex("bar|rab"));
        let cases: &[(&str, &str, Term<'_>)] = &[
            (r#"new: header("Foo", /bar|rab/)"#, "new", bar),
            (r#"new:header("Foo",/bar|rab/)"#, "new", bar),
            (r#"  new :   header("Foo",  /bar|rab/  )"#, "new", bar),
            (r#"ns/new: cookie("a","b")"#, "ns/new", term(Cookie, "a", Exact("b"))),
            (r#"new: query("a", "b,c")"#, "new", term(Query, "a", Exact("b,c"))),
            (r#"new: query("a", /x{1,3}/)"#, "new", term(Query, "a", Regex("x{1,3}"))),
            (r#"new: header("a", "*")"#, "new", term(Header, "a", Exact("*"))),
            (r#"new: header("a", /(b|c)/)"#, "new", term(Header, "a", Regex("(b|c)"))),
            (r#"new: header(" a ", /a/b/)"#, "new", term(Header, "a", Regex("a/b"))),
        ];
        for (text, service, expected) in cases {
            assert_eq!(one(text), [(*service, vec![*expected])], "{text}");
        }
    }

    #[test]
    fn separates_rules() {
        let text = "a: header(\"x\", /y/),\n b: cookie(\"x\",\"y\")\nc: query(\"x\", \"y\")";
        let services: Vec<_> = one(text).into_iter().map(|(service, _)| service).collect();
        assert_eq!(services, ["a", "b", "c"]);
        let anded = one(r#"a: header("x", /y/) && cookie("u", "v")"#);
        assert_eq!(anded[0].1.len(), 2);
    }

    #[test]
    fn hands_back_what_has_no_effect() {
        let cases: &[(&str, &[&str], usize)] = &[
            (r#"garbage, new: header("a","b")"#, &["garbage"], 1),
            (r#"new: Header("a","b")"#, &[r#"new: Header("a","b")"#], 0),
            (r#"new: body("a","b")"#, &[r#"new: body("a","b")"#], 0),
            (r#"new: header("a","b") || header("c","d")"#, &[r#"|| header("c","d")"#], 1),
            (r#"ns.new: header("a","b")"#, &["ns."], 1),
            ("new:\nheader(\"a\",\"b\")", &["new:", "header(\"a\",\"b\")"], 0),
            ("", &[], 0),
        ];
        for (text, skipped, rules) in cases {
            let parsed = parse(text).unwrap();
            assert_eq!((parsed.skipped.as_slice(), parsed.rules.len()), (*skipped, *rules), "{text}");
        }
    }

    #[test]
    fn refuses_what_upstream_refuses() {
        let cases = [
            (r#"new: header("foo" , "bar")"#, GrammarError::Key),
            (r#"new: header( "foo","bar")"#, GrammarError::Key),
            (r"new: header('foo','bar')", GrammarError::Key),
            (r"new: header(foo,/bar/)", GrammarError::Key),
            (r#"new: header("foo", bar)"#, GrammarError::Pattern),
            (r#"new: header("foo", *)"#, GrammarError::Pattern),
            (r#"new: header("foo", "")"#, GrammarError::Pattern),
            (r#"new: header("foo", //)"#, GrammarError::Pattern),
            (r#"new: header("foo", )"#, GrammarError::Pattern),
            (r#"new: header(" ", "b")"#, GrammarError::BlankKey),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), Err(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "([a-z.:,()\"/&| \n]|header\\(\"|\", ?/|/\\)){0,24}") {
            let _ = parse(&text);
        }
    }
}
