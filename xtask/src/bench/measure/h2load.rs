//! HTTP/2 load, by h2load.

use std::process::Command;

use anyhow::Context as _;

use crate::{bench::load::Outcome, run};

/// Runs h2load and reads its closing lines.
pub(super) fn load(command: &mut Command) -> anyhow::Result<Outcome> {
    let text = run::output(command)?;
    let before = |label: &str| number_before(&text, label).with_context(|| format!("h2load says no{label}"));
    let (total, ok) = (before(" total,")?, before(" 2xx,")?);
    let failed = total - ok;
    let failures = if failed > 0.0 { text.clone() } else { String::new() };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts that were printed whole"
    )]
    let (ok, failed) = (ok as u64, failed as u64);
    Ok(Outcome { ok, failed, failures, per_second: before(" req/s,")?, ..Outcome::default() })
}

fn number_before(text: &str, label: &str) -> Option<f64> {
    let before = &text[..text.find(label)?];
    before.rsplit([' ', '\n']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h2load_lines() {
        let text = "finished in 1.23s, 40650.41 req/s, 41.2MB/s\nrequests: 50 total, 50 started\nstatus codes: 49 2xx, 0 3xx";
        let numbers = [" req/s,", " total,", " 2xx,"].map(|label| number_before(text, label));
        assert_eq!(numbers, [Some(40650.41), Some(50.0), Some(49.0)]);
    }
}
