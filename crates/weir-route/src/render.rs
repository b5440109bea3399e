//! Texts that a rule asks for: rewritten paths and redirect locations.

use weir_model::{MatchPath, Rewrite, Rule, Segment, Template, Variable, path};

use crate::{RedirectTo, Request};

/// The path and the query after the rule's rewrite; the path is canonical again.
///
/// As in nginx, the target replaces the whole path, and a query in it stands before the request's own.
///
/// # Errors
/// When the new path could be read in two ways.
pub fn rewrite(
    rule: &Rule,
    rewrite: &Rewrite,
    request: &impl Request,
) -> Result<(Vec<u8>, Option<Vec<u8>>), path::BadPath> {
    let text = expand(&rewrite.target, rule, request);
    let (new_path, own_query) = match text.iter().position(|&byte| byte == b'?') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (&text[..], None),
    };
    let new_path = path::normalise(new_path)?.into_owned();
    let query = match (own_query, request.query()) {
        (Some(own), Some(query)) => Some([own, b"&", query].concat()),
        (Some(own), None) => Some(own.to_vec()),
        (None, query) => query.map(<[u8]>::to_vec),
    };
    Ok((new_path, query))
}

/// The `Location` of a redirect. `authority` is the request's host as sent, with its port.
pub fn location(to: RedirectTo<'_>, rule: &Rule, request: &impl Request) -> Vec<u8> {
    match to {
        RedirectTo::Https(port) => {
            let mut out = [b"https://", request.host().as_bytes()].concat();
            if port != 443 {
                out.extend_from_slice(format!(":{port}").as_bytes());
            }
            out.extend_from_slice(request.target());
            out
        }
        RedirectTo::Location(redirect) => expand(&redirect.location, rule, request),
    }
}

fn expand(template: &Template, rule: &Rule, request: &impl Request) -> Vec<u8> {
    let captures = match &rule.path {
        MatchPath::Regex(pattern) => pattern.captures(request.path()).unwrap_or_default(),
        MatchPath::Exact(_) | MatchPath::Prefix(_) => Vec::new(),
    };
    let mut out = Vec::new();
    for segment in template.segments() {
        match segment {
            Segment::Literal(text) => out.extend_from_slice(text.as_bytes()),
            Segment::Capture(group) => {
                let range = captures.get(*group).cloned().flatten().unwrap_or_default();
                out.extend_from_slice(&request.path()[range]);
            }
            Segment::Variable(variable) => out.extend_from_slice(value(*variable, request)),
        }
    }
    out
}

fn value(variable: Variable, request: &impl Request) -> &[u8] {
    match variable {
        Variable::Scheme if request.secure() => b"https",
        Variable::Scheme => b"http",
        Variable::Host => request.host().as_bytes(),
        Variable::RequestUri => request.target(),
        Variable::Uri => request.path(),
        Variable::Args => request.query().unwrap_or_default(),
    }
}
