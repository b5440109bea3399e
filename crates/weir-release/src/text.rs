//! Words for people.

use std::{fmt::Write as _, time::Duration};

/// A duration as people write it: `45s`, `10m`, `1h30m`, `2d`.
pub fn duration(duration: Duration) -> String {
    if duration < Duration::from_secs(1) && !duration.is_zero() {
        return format!("{}ms", duration.as_millis());
    }
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let mut rest = seconds;
    let mut text = String::new();
    // The two largest units say enough.
    for (unit, size) in units.into_iter().skip_while(|(_, size)| seconds < *size).take(2) {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            let _infallible = write!(text, "{count}{unit}");
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// `1 request`, `2 requests`.
pub fn count(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        for (seconds, text) in [
            (0, "0s"),
            (45, "45s"),
            (600, "10m"),
            (5_400, "1h30m"),
            (172_800, "2d"),
            (90_061, "1d1h"),
            (3_601, "1h"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
        assert_eq!(duration(Duration::from_millis(200)), "200ms");
    }
}
