//! Releases: what they ask for, where they stand, and what follows for the rules they name.

use std::{collections::BTreeMap, sync::Arc};

use weir_crd::{Accepted, Refusal, ReleaseStatus};
use weir_model::{Code, Finding, Kind, ObjectRef, ReleaseKey};
use weir_release::{
    overlap, overlay,
    spec::Spec,
    state::{Division, Routing, State},
};

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
    /// What it asks for, as far as that is in force.
    pub spec: Option<Spec>,
    /// Where that comes from.
    pub basis: Basis,
    /// The last spec that made sense, as it was written: to be stored with the state.
    pub accepted: Option<Arc<Accepted>>,
    /// Where it stands.
    pub state: State,
    /// Whether what is stored of that cannot be read and nothing else is known: requests go where they went, and
    /// nobody may store anything over it.
    pub lost: bool,
    /// What is wrong with it.
    pub refusals: Vec<Refusal>,
    /// Which of two was there first.
    pub age: (Option<Box<str>>, u64),
    /// Who it is in the API.
    pub metadata: weir_crd::Metadata,
    /// What its status said the last time that it could be read.
    pub status: Arc<ReleaseStatus>,
}

/// Where the spec of a release that is in force comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Basis {
    /// It never made sense, so there is none.
    #[default]
    None,
    /// It is what the object says.
    Present,
    /// The object makes no sense: it is what the object said before.
    Before,
    /// This version of Weir refuses that, too: it is what is left of it, which sends requests where they went before
    /// and goes no further.
    Remains,
}

// === impl Basis ===

impl Basis {
    /// What becomes of a release with this basis, as a sentence to follow its faults; empty where they say it all.
    pub fn consequence(self) -> &'static str {
        match self {
            Self::None | Self::Present => "",
            Self::Before => "What it said before stays in force.",
            Self::Remains => {
                "What it said before cannot be read by this version of Weir, either: requests go where they went, and \
                 the release goes no further."
            }
        }
    }
}

// === impl Known ===

impl Known {
    /// Takes over what is stored of it. What cannot be read leaves what was known.
    fn take(&mut self, status: &Arc<ReleaseStatus>) {
        match status.state() {
            Ok(state) => {
                self.state = state;
                self.lost = false;
                self.status = Arc::clone(status);
            }
            Err(error) => self.lose(&error.to_string(), status.routing()),
        }
    }

    /// Nothing can be read of where it stands but what proxies obey.
    fn lose(&mut self, error: &str, routing: Option<Routing>) {
        let begins = State { routing: None, ..self.state.clone() } == State::default();
        if begins {
            self.lost = true;
            self.state.routing = routing;
        }
        let consequence = match (self.lost, &self.state.routing) {
            (false, _) => "what was known before counts",
            (true, Some(_)) => {
                "requests go where they went, and the release goes no further; run the version of Weir that wrote it"
            }
            (true, None) => {
                "requests go as the routes say, and the release does not begin; run the version of Weir that wrote it"
            }
        };
        let message = format!("it cannot be read ({error}); {consequence}");
        self.refusals.push(Refusal { field: "status".into(), message });
    }

    /// Takes over what it asks for, if that makes sense, or goes on with what made sense last: what is known of that,
    /// or what is stored, whichever is later.
    fn ask(&mut self, namespace: &str, release: &Release, stored: Option<Accepted>) {
        let parsed = match &release.spec {
            Ok(spec) => weir_crd::parse(namespace, spec),
            Err(refusals) => Err(refusals.clone()),
        };
        match parsed {
            Ok(spec) => {
                let accepted = Accepted::new(release.identity.generation, &release.written);
                (self.spec, self.basis) = (Some(spec), Basis::Present);
                self.accepted = Some(Arc::new(accepted));
            }
            Err(refusals) => {
                self.refusals.extend(refusals);
                if self.basis == Basis::Present {
                    self.basis = Basis::Before;
                }
                self.fall_back(namespace, stored);
            }
        }
    }

    /// Goes on with a spec that is stored, unless what is known is as new.
    fn fall_back(&mut self, namespace: &str, stored: Option<Accepted>) {
        let known = self.accepted.as_ref().map(|accepted| accepted.generation);
        let Some(stored) = stored.filter(|stored| known.is_none_or(|known| known < stored.generation)) else {
            return;
        };
        if let Ok(spec) = stored.read(namespace) {
            (self.spec, self.basis) = (Some(spec), Basis::Before);
        } else if let Some(spec) = stored.remains(namespace, self.divides()) {
            (self.spec, self.basis) = (Some(spec), Basis::Remains);
        }
        self.accepted = Some(Arc::new(stored));
    }

    /// Whether both versions get requests.
    fn divides(&self) -> bool {
        let routing = self.state.routing.as_ref();
        routing.is_some_and(|routing| matches!(routing.split, Division::Step { .. }))
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
                let message = format!("{}. {}", refusal.message, known.basis.consequence());
                let message = message.trim_end().to_owned();
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

    /// Another release that is not over, may mean the same rules, and was there first: who divides requests already
    /// is before who does not, and otherwise the older is before the younger.
    pub fn release_in_the_way(&self, key: &ReleaseKey) -> Option<&ReleaseKey> {
        let known = self.releases.known.get(key)?;
        let spec = known.spec.as_ref()?;
        let divides = |known: &Known| known.is_active() && known.state.routing.is_some();
        let in_the_way = |(name, other): &(&ReleaseKey, &Known)| {
            let first = match (divides(other), divides(known)) {
                (true, false) => *name != key,
                (false, true) => false,
                _ => (&other.age, *name) < (&known.age, key),
            };
            first && other.is_active() && other.spec.as_ref().is_some_and(|other| overlap(spec, other))
        };
        self.releases.known.iter().find(in_the_way).map(|(name, _)| name)
    }

    /// Takes over what was stored of a release outside of its object: where it stands, and the last spec that made
    /// sense. That one counts where the object itself makes none, or is not there: then the release comes at the place
    /// `order` among the others.
    pub fn restore_release(
        &mut self,
        key: &ReleaseKey,
        state: State,
        accepted: Option<Accepted>,
        order: u64,
    ) {
        let absent = || Known { age: (None, order), ..Known::default() };
        let known = self.releases.known.entry(key.clone()).or_insert_with(absent);
        known.state = state;
        known.lost = false;
        if known.basis != Basis::Present {
            known.fall_back(&key.namespace, accepted);
        }
        self.lay_over(key);
    }

    pub(super) fn apply_release(&mut self, release: &Release, order: u64) {
        let namespace = release.metadata.namespace();
        let key = ReleaseKey::new(namespace.clone(), release.metadata.name.clone());
        let known = self.releases.known.entry(key.clone()).or_default();
        if known.metadata.uid != release.identity.uid {
            // Another one of the same name.
            *known = Known::default();
        }
        known.refusals.clear();
        known.metadata = release.identity.clone();
        known.age = (release.metadata.creation_timestamp.clone(), order);
        // In files nobody writes a status that means anything.
        let status = if self.config.standalone { &Ok(None) } else { &release.status };
        match status {
            Ok(Some(status)) => known.take(status),
            Ok(None) => {}
            Err(error) => known.lose(error, None),
        }
        let stored = status.as_ref().ok().and_then(|status| status.as_ref()?.accepted());
        known.ask(&namespace, release, stored);
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
