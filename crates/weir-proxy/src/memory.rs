//! How close the process is to the memory that its container may have.
//!
//! Being killed for memory loses every connection; turning new ones away loses only those.

use std::{
    fs,
    sync::atomic::{AtomicU8, Ordering},
};

/// Per cent of the limit from which connections are no longer kept open.
const SHED: u64 = 90;
/// Per cent of the limit from which no connection is accepted.
const REFUSE: u64 = 95;

/// What the memory allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pressure {
    /// Everything.
    #[default]
    None,
    /// Responses end their connections.
    Shed,
    /// New connections are closed at once.
    Refuse,
}

/// The pressure that all threads see.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU8);

// === impl Gauge ===

impl Gauge {
    pub(crate) fn get(&self) -> Pressure {
        match self.0.load(Ordering::Relaxed) {
            0 => Pressure::None,
            1 => Pressure::Shed,
            _ => Pressure::Refuse,
        }
    }

    /// Looks at the control group of this process; without a limit there is no pressure.
    pub(crate) fn look(&self) {
        let pressure = read().unwrap_or_default();
        if self.0.swap(pressure as u8, Ordering::Relaxed) != pressure as u8 {
            tracing::warn!(?pressure, "memory pressure changed");
        }
    }
}

/// The files of cgroup v2 as a container sees its own.
fn read() -> Option<Pressure> {
    let number = |name: &str| fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse().ok();
    let limit = number("memory.max")?;
    let stat = fs::read_to_string("/sys/fs/cgroup/memory.stat").ok()?;
    Some(pressure(number("memory.current")?, reclaimable(&stat), limit))
}

/// File pages that the kernel takes back before it kills anyone.
fn reclaimable(stat: &str) -> u64 {
    let line = stat.lines().find_map(|line| line.strip_prefix("inactive_file "));
    line.and_then(|count| count.parse().ok()).unwrap_or(0)
}

fn pressure(current: u64, reclaimable: u64, limit: u64) -> Pressure {
    let used = current.saturating_sub(reclaimable).saturating_mul(100);
    match used.checked_div(limit) {
        Some(REFUSE..) => Pressure::Refuse,
        Some(SHED..) => Pressure::Shed,
        _ => Pressure::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_counts_what_cannot_be_taken_back() {
        let cases = [
            (890, 0, Pressure::None),
            (900, 0, Pressure::Shed),
            (950, 0, Pressure::Refuse),
            (950, 100, Pressure::None),
            (0, 100, Pressure::None),
        ];
        for (current, file, expected) in cases {
            assert_eq!(pressure(current, file, 1_000), expected, "{current} - {file}");
        }
        assert_eq!(pressure(5, 0, 0), Pressure::None);
        assert_eq!(reclaimable("anon 7\ninactive_file 42\n"), 42);
    }
}
