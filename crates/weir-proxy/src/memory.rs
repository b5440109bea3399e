//! How close the process is to the memory that its container may have.
//!
//! Being killed for memory loses every connection; turning new ones away loses only those.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU8, Ordering},
};

/// Per cent of the limit from which connections are no longer kept open.
const SHED: u64 = 90;
/// Per cent of the limit from which no connection is accepted.
const REFUSE: u64 = 95;

/// Where a container sees its own control group.
const ROOT: &str = "/sys/fs/cgroup";

/// The files of a version of control groups.
struct Files {
    limit: &'static str,
    current: &'static str,
    stat: &'static str,
    /// The line of `stat` with the file pages that nobody has used for a while.
    inactive: &'static str,
}

/// Version 2, then version 1, whose limit is a huge number where there is none.
const GROUPS: &[Files] = &[
    Files { limit: "memory.max", current: "memory.current", stat: "memory.stat", inactive: "inactive_file" },
    Files {
        limit: "memory/memory.limit_in_bytes",
        current: "memory/memory.usage_in_bytes",
        stat: "memory/memory.stat",
        inactive: "total_inactive_file",
    },
];

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
        let pressure = GROUPS.iter().find_map(|files| files.read(Path::new(ROOT))).unwrap_or_default();
        if self.0.swap(pressure as u8, Ordering::Relaxed) != pressure as u8 {
            tracing::warn!(?pressure, "memory pressure changed");
        }
    }
}

// === impl Files ===

impl Files {
    /// `None` without these files, or without a limit.
    fn read(&self, root: &Path) -> Option<Pressure> {
        let text = |name: &str| fs::read_to_string(root.join(name)).ok();
        let number = |name: &str| text(name)?.trim().parse().ok();
        let reclaimable = reclaimable(&text(self.stat)?, self.inactive);
        Some(pressure(number(self.current)?, reclaimable, number(self.limit)?))
    }
}

/// File pages that the kernel takes back before it kills anyone.
fn reclaimable(stat: &str, inactive: &str) -> u64 {
    let line = stat.lines().find_map(|line| line.strip_prefix(inactive)?.strip_prefix(' '));
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
        assert_eq!(reclaimable("anon 7\ninactive_file 42\n", "inactive_file"), 42);
    }

    #[test]
    fn both_versions_of_control_groups_are_read() -> std::io::Result<()> {
        let read = |root: &Path| GROUPS.iter().find_map(|files| files.read(root));
        let root = tempfile::tempdir()?;
        let write = |name: &str, text: &str| fs::write(root.path().join(name), text);
        assert_eq!(read(root.path()), None);
        fs::create_dir(root.path().join("memory"))?;
        write("memory/memory.limit_in_bytes", "1000\n")?;
        write("memory/memory.usage_in_bytes", "960\n")?;
        write("memory/memory.stat", "inactive_file 500\ntotal_inactive_file 40\n")?;
        assert_eq!(read(root.path()), Some(Pressure::Shed));
        write("memory.max", "1000\n")?;
        write("memory.current", "960\n")?;
        write("memory.stat", "inactive_file 0\n")?;
        assert_eq!(read(root.path()), Some(Pressure::Refuse));
        write("memory.max", "max\n")?;
        fs::remove_dir_all(root.path().join("memory"))?;
        assert_eq!(read(root.path()), None);
        Ok(())
    }
}
