//! Releases: what they ask for, where they stand, and what follows for the rules they name.

use std::collections::BTreeMap;

use weir_crd::{Refusal, ReleaseStatus};
use weir_model::{Code, Finding, Kind, ObjectRef, ReleaseKey};
use weir_release::{overlap, overlay, spec::Spec, state::State};

use super::Translator;
use crate::object::Release;

/// All releases by name.
#[derive(Debug, Default)]
pub(super) struct Releases {
    known: BTreeMap<ReleaseKey, Known>,
}

/// A release, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// What it asks for; what it asked for last, if it cannot be read now.
    pub spec: Option<Spec>,
    /// Where it stands.
    pub state: State,
    /// What is wrong with it.
    pub refusals: Vec<Refusal>,
    /// Which of two was there first.
    pub age: (Option<Box<str>>, u64),
    /// Who it is in the API, as of the last time it could be read.
    pub metadata: weir_crd::Metadata,
    /// What its status said, for people.
    pub conditions: Vec<weir_crd::Condition>,
    /// What its status said it waits for.
    pub waiting_for: String,
}

// === impl Known ===

impl Known {
    /// Takes over what is stored of it. What cannot be read leaves what was known.
    fn take(&mut self, status: &ReleaseStatus) {
        match status.state() {
            Ok(state) => {
                self.state = state;
                self.conditions.clone_from(&status.conditions);
                self.waiting_for = status.waiting_for.clone().unwrap_or_default();
            }
            Err(error) => self.refusals.push(Refusal {
                field: "status".into(),
                message: format!("it cannot be read ({error}); what was known before counts"),
            }),
        }
    }

    /// Whether it may still change what a rule does: it has begun or may begin, and is not over.
    fn is_active(&self) -> bool {
        self.spec.is_some() && !self.state.phase.is_over()
    }
}

// === impl Releases ===

impl Releases {
    pub(super) fn findings(&self) -> impl Iterator<Item = Finding> {
        self.known.iter().flat_map(|(key, known)| {
            let id = ObjectRef::new(Kind::Release, key.namespace.clone(), key.name.clone());
            known.refusals.iter().map(move |refusal| {
                let stays = if known.spec.is_some() { " What it said before stays in force." } else { "" };
                let message = format!("{}.{stays}", refusal.message);
                Finding::new(Code::InvalidRelease, id.clone(), &*refusal.field, message)
            })
        })
    }
}

// === impl Translator ===

impl Translator {
    /// All releases by name.
    pub fn releases(&self) -> &BTreeMap<ReleaseKey, Known> {
        &self.releases.known
    }

    /// Takes over where a release stands. Its rules follow with the next translation.
    pub fn set_release_state(&mut self, key: &ReleaseKey, state: State) {
        if let Some(known) = self.releases.known.get_mut(key) {
            known.state = state;
            self.lay_over(key);
        }
    }

    /// An older release that is not over and may mean the same rules.
    pub fn release_in_the_way(&self, key: &ReleaseKey) -> Option<&ReleaseKey> {
        let known = self.releases.known.get(key)?;
        let spec = known.spec.as_ref()?;
        let in_the_way = |(name, other): &(&ReleaseKey, &Known)| {
            let older = (&other.age, *name) < (&known.age, key);
            older && other.is_active() && other.spec.as_ref().is_some_and(|other| overlap(spec, other))
        };
        self.releases.known.iter().find(in_the_way).map(|(name, _)| name)
    }

    pub(super) fn apply_release(&mut self, release: &Release, order: u64) {
        let namespace = release.metadata.namespace();
        let key = ReleaseKey::new(namespace.clone(), release.metadata.name.clone());
        let parsed = match &release.read {
            Ok(release) => weir_crd::parse(&namespace, &release.spec),
            Err(refusals) => Err(refusals.clone()),
        };
        let standalone = self.config.standalone;
        let known = self.releases.known.entry(key.clone()).or_default();
        known.refusals.clear();
        if let Ok(release) = &release.read {
            known.metadata = release.metadata.clone();
            // In files nobody writes a status that means anything.
            if let Some(status) = release.status.as_ref().filter(|_| !standalone) {
                known.take(status);
            }
        }
        known.age = (release.metadata.creation_timestamp.clone(), order);
        match parsed {
            Ok(parsed) => {
                known.spec = Some(parsed);
            }
            Err(refusals) => known.refusals.extend(refusals),
        }
        self.lay_over(&key);
    }

    pub(super) fn delete_release(&mut self, key: &ReleaseKey) {
        if self.releases.known.remove(key).is_some() {
            self.overlay(key, None);
        }
    }

    fn lay_over(&mut self, key: &ReleaseKey) {
        let Some(known) = self.releases.known.get(key) else { return };
        let laid = known.spec.as_ref().map(|spec| (known.age.clone(), overlay(key, spec, &known.state)));
        self.overlay(key, laid);
    }
}

#[cfg(test)]
mod tests;
