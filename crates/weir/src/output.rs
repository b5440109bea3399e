//! Writing for people and pipes.

use std::io::{self, ErrorKind, Write};

use tracing_subscriber::EnvFilter;

/// Writes a text to standard output. A reader that has gone away, as `head` does, is no error.
///
/// # Errors
/// When standard output can't be written.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes a line to standard error. Whoever cannot be told cannot be told so either.
pub(crate) fn note(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// `1 rule`, `2 rules`.
pub(crate) fn count(number: usize, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {word}{plural}")
}

/// What other crates may say unless somebody names them: Weir says itself, once, what an error of theirs means.
const QUIET: &[(&str, &str)] =
    &[("kube_client", "off"), ("h2", "info"), ("hyper_util", "info"), ("tower", "info"), ("rustls", "info")];

/// Sends log lines to standard error; standard output belongs to the access log.
pub(crate) fn log() {
    let wanted = std::env::var("WEIR_LOG").unwrap_or_default();
    let filter = EnvFilter::try_new(directives(&wanted)).unwrap_or_else(|_| EnvFilter::new(directives("")));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    log.with_writer(io::stderr).with_ansi(false).init();
}

/// What was asked for, and quiet for those whom it does not name.
fn directives(wanted: &str) -> String {
    let wanted = if wanted.is_empty() { "info" } else { wanted };
    let unnamed = QUIET.iter().filter(|(name, _)| !wanted.contains(name));
    unnamed.fold(wanted.to_owned(), |all, (name, level)| format!("{all},{name}={level}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_quiet_unless_they_are_named() {
        assert!(directives("").starts_with("info,kube_client=off,"));
        assert!(directives("debug").contains("h2=info"));
        assert!(!directives("info,h2=trace").contains("h2=info"));
    }
}
