//! Evaluation of predicates.

use smallvec::SmallVec;
use weir_model::{Absent, Case, Condition, Predicate, Subject, Test};

use crate::{Request, extract};

/// The first condition that fails; `None` if the predicate holds.
pub(crate) fn first_failure<'p>(predicate: &'p Predicate, request: &impl Request) -> Option<&'p Condition> {
    predicate.all.iter().find(|condition| !holds(condition, request))
}

fn holds(condition: &Condition, request: &impl Request) -> bool {
    let test = |value: Option<&[u8]>| accepts(condition, value);
    match &condition.subject {
        Subject::Header(name) => joined_header_accepts(condition, request, name.as_str()),
        Subject::FirstHeader(name) => test(request.header(name.as_str()).next()),
        Subject::Cookie(name, Case::Insensitive) => {
            test(extract::cookie(request.header("cookie"), name.as_bytes(), Case::Insensitive))
        }
        Subject::Cookie(name, Case::Sensitive) => any_cookie_accepts(condition, request, name),
        Subject::Query(name, case) => {
            test(request.query().and_then(|query| extract::query(query, name.as_bytes(), *case)))
        }
        Subject::Method => test(Some(request.method())),
        Subject::Target => test(Some(request.target())),
        Subject::Authority => test(Some(request.host().as_bytes())),
        Subject::Scheme => test(Some(if request.secure() { b"https" } else { b"http" })),
    }
}

/// Higress searches for `name=value`, so a later cookie of the name counts as much as the first.
fn any_cookie_accepts(condition: &Condition, request: &impl Request, name: &str) -> bool {
    let mut values = extract::cookies(request.header("cookie"), name.as_bytes(), Case::Sensitive).peekable();
    match values.peek() {
        None => accepts(condition, None),
        Some(_) => values.any(|value| condition.test.accepts(value)),
    }
}

fn accepts(condition: &Condition, value: Option<&[u8]>) -> bool {
    match (value, condition.absent) {
        (Some(value), _) => condition.test.accepts(value),
        (None, Absent::Empty) => condition.test.accepts(b""),
        (None, Absent::Fails) => false,
    }
}

/// Several lines of one field are one value (RFC 9110 §5.3). The rare join stays on the stack up to 512
/// bytes.
fn joined_header_accepts(condition: &Condition, request: &impl Request, name: &str) -> bool {
    let mut values = request.header(name);
    let first = values.next();
    let Some((first, second)) = first.zip(values.next()) else {
        return accepts(condition, first);
    };
    if matches!(condition.test, Test::Present) {
        return true;
    }
    let mut joined: SmallVec<[u8; 512]> = SmallVec::from_slice(first);
    for value in std::iter::once(second).chain(values) {
        joined.extend_from_slice(b", ");
        joined.extend_from_slice(value);
    }
    accepts(condition, Some(&joined))
}
