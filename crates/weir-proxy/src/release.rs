//! What is counted of releases: attempts and their outcomes by version.
//!
//! ```text
//!   an attempt ends ──► Version ──► cells of this thread
//!                          └─ an error ──► Errors ──► Muted: its client does not count for a while
//!   apply(Delta) ──► Releases: which are in force, at which epoch, and what retires
//! ```
//!
//! Counters hang on a release's name and attempt, so they survive every change of its weights.

mod counters;
mod errors;
mod muted;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Instant,
};

use weir_model::{Arm, Delta, Host, HostName, ReleaseMark, ReleaseReading, Split};

pub(crate) use self::counters::{Attempt, Version};
use self::counters::{Counters, ReleaseId};
use crate::backend::{Gauges, Live, Registry};

/// The releases of all rules.
#[derive(Debug, Default)]
pub(crate) struct Releases {
    counters: HashMap<ReleaseId, Arc<Counters>>,
    /// The marks on each host's rules.
    marks: BTreeMap<HostName, Vec<Arc<ReleaseMark>>>,
    /// Backends whose long-lived connections are being ended.
    retiring: Vec<Arc<Gauges>>,
}

// === impl Releases ===

impl Releases {
    /// What an arm of a rule counts by, if it is a version of a release.
    pub(crate) fn version(
        &mut self,
        split: &Split,
        arm: &Arm,
        live: &Live,
        threads: usize,
    ) -> Option<Version> {
        let role = arm.role?;
        let id = ReleaseId::of(split.release.as_deref()?);
        let counters = self.counters.entry(id.clone());
        let counters = counters.or_insert_with(|| Arc::new(Counters::new(id, threads)));
        counters.serve_by(role, &live.gauges);
        Some(Version { counters: Arc::clone(counters), role })
    }

    /// Takes note of the marks that a change has brought.
    pub(crate) fn note(&mut self, delta: &Delta) {
        for (name, host) in &delta.hosts {
            let marks = host.as_deref().map(marks_of).unwrap_or_default();
            if marks.is_empty() {
                self.marks.remove(name);
            } else {
                self.marks.insert(name.clone(), marks);
            }
        }
    }

    /// Sets how fast the connections of retiring versions end. Returns whether there are any.
    pub(crate) fn retire(&mut self, registry: &Registry, now: Instant) -> bool {
        let paces = self.paces(registry);
        for gauges in self.retiring.drain(..) {
            if !paces.iter().any(|(other, _)| Arc::ptr_eq(other, &gauges)) {
                gauges.pace().set(0, now);
            }
        }
        for (gauges, per_second) in paces {
            gauges.pace().set(per_second, now);
            self.retiring.push(gauges);
        }
        !self.retiring.is_empty()
    }

    /// Backends of retiring versions. One that a rule still names, or names again, is left alone.
    fn paces(&self, registry: &Registry) -> Vec<(Arc<Gauges>, u32)> {
        let mut paces = Vec::new();
        for mark in self.in_force().values() {
            let Some(retiring) = &mark.retiring else { continue };
            let Some(per_second) = retiring.close_per_second else { continue };
            let counters = self.counters.get(&ReleaseId::of(mark));
            let known = counters.map(|counters| counters.backends(retiring.role)).unwrap_or_default();
            let named = registry.get(&retiring.backend).map(|live| Arc::clone(&live.gauges));
            let unnamed = known.into_iter().chain(named).filter(|gauges| !gauges.is_named());
            paces.extend(unnamed.map(|gauges| (gauges, per_second)));
        }
        paces
    }

    /// Forgets the counters of releases that no table speaks of any more.
    pub(crate) fn forget_unused(&mut self) {
        let in_force: Vec<ReleaseId> = self.in_force().into_keys().collect();
        self.counters.retain(|id, counters| Arc::strong_count(counters) > 1 || in_force.contains(id));
    }

    /// One mark of each release. While rules differ, that of the earliest epoch: what is in force for all.
    fn in_force(&self) -> BTreeMap<ReleaseId, &ReleaseMark> {
        let mut marks = BTreeMap::new();
        for mark in self.marks.values().flatten() {
            let earliest = marks.entry(ReleaseId::of(mark)).or_insert(&**mark);
            if mark.epoch < earliest.epoch {
                *earliest = mark;
            }
        }
        marks
    }

    /// The counters of every release in force.
    pub(crate) fn read(&self) -> Vec<ReleaseReading> {
        let read = |(id, mark): (ReleaseId, &ReleaseMark)| Some(self.counters.get(&id)?.read(mark.epoch));
        self.in_force().into_iter().filter_map(read).collect()
    }
}

/// Rules of one release share their mark.
fn marks_of(host: &Host) -> Vec<Arc<ReleaseMark>> {
    let mut marks: Vec<Arc<ReleaseMark>> = Vec::new();
    for mark in host.rules.iter().filter_map(|rule| rule.split.release.as_ref()) {
        if !marks.contains(mark) {
            marks.push(Arc::clone(mark));
        }
    }
    marks
}

#[cfg(test)]
mod tests;
