//! Writing for people and pipes.

use std::io::{self, ErrorKind, Write};

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

/// Sends log lines to standard error; standard output belongs to the access log.
pub(crate) fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WEIR_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    log.with_writer(io::stderr).with_ansi(false).init();
}
