//! The control groups of containers, which the kernel keeps when the processes in them have ended.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::ensure;

use super::{place::Place, processes};

/// How long the kernel may need to see that a group is empty.
const EMPTY: Duration = Duration::from_secs(5);
/// Below the root of each hierarchy: containerd's name for what kubelet runs.
const PARENT: &str = "k8s.io";

/// Removes the groups of containers that were running when everything was ended.
pub(super) fn remove(place: &Place) -> anyhow::Result<()> {
    let containers = place.containerd_state().join("io.containerd.runtime.v2.task").join(PARENT);
    let containers: Vec<_> = fs::read_dir(containers).into_iter().flatten().flatten().collect();
    for hierarchy in hierarchies(&fs::read_to_string("/proc/mounts")?) {
        let parent = hierarchy.join(PARENT);
        for container in &containers {
            let group = parent.join(container.file_name());
            let removed = processes::until(EMPTY, || is_removed(&group));
            ensure!(removed, "the control group {} can't be removed", group.display());
        }
        // Another containerd of the machine may have groups there.
        let _used = fs::remove_dir(parent);
    }
    Ok(())
}

fn is_removed(group: &Path) -> bool {
    fs::remove_dir(group).is_ok() || !group.exists()
}

/// Where control groups are mounted: many places in version 1, one in version 2.
fn hierarchies(mounts: &str) -> Vec<PathBuf> {
    let hierarchy = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        let (folder, kind) = (fields.next()?, fields.next()?);
        matches!(kind, "cgroup" | "cgroup2").then(|| folder.into())
    };
    mounts.lines().filter_map(hierarchy).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_of_both_versions() {
        let mounts = "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n\
                      memory /sys/fs/cgroup/memory cgroup rw,memory 0 0\n";
        let expected = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"].map(PathBuf::from);
        assert_eq!(hierarchies(mounts), expected);
    }
}
