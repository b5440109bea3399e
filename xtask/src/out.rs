//! The two ways out: results to stdout, everything else to stderr.

use std::{
    fmt::Display,
    io::{Write as _, stderr, stdout},
};

/// A line on stdout. A reader that went away isn't an error.
pub(crate) fn say(line: impl Display) {
    let mut out = stdout().lock();
    let _closed = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A line on stderr.
pub(crate) fn note(line: impl Display) {
    let _closed = writeln!(stderr().lock(), "{line}");
}
