//! How the requests of a rule are divided among backends.
//!
//! One shape covers every dialect. A request is given to an arm in this order:
//!
//! 1. **override**: the first whose predicate holds (header and cookie canaries, `always` and `never`);
//! 2. **affinity**: the arm that the client's session cookie names;
//! 3. **audience**: who does not belong to it gets the base;
//! 4. **assignment**: by weight, at random or by a hash of the client (sticky);
//! 5. **fallback**: what happens when the arm has no endpoint.

use std::{sync::Arc, time::Duration};

use serde::{Serialize, Serializer};

use crate::{Assignment, BASIS_POINTS, BackendKey, HeaderEdits, Predicate, ReleaseMark, Role};

/// A backend with its share of the audience.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Arm {
    /// Who serves.
    pub backend: BackendKey,
    /// Relative to the sum over all arms.
    pub weight: u32,
    /// Header changes for requests of this arm only.
    #[serde(skip_serializing_if = "is_default")]
    pub headers: HeaderEdits,
    /// Which version of the split's release it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// An arm of the [`Split`] that handed it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ArmIndex(usize);

impl ArmIndex {
    /// The arm that serves when nothing else decides: the stable version.
    pub const BASE: Self = Self(0);

    /// The position in [`Split::arms`].
    pub fn get(self) -> usize {
        self.0
    }
}

/// Requests that go to one arm whatever the weights say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Override {
    /// Which requests.
    pub predicate: Predicate,
    /// Where they go.
    pub arm: ArmIndex,
}

/// What happens to a request whose arm has no endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Fallback {
    /// Canary arms fall back to the base; the base falls back to nobody (ingress-nginx, Higress, MSE).
    ToBase,
    /// To the base, else to the first other arm that has one (ACK).
    ToAny,
}

/// Session affinity by cookie (ingress-nginx `affinity: cookie`).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Affinity {
    /// The cookie.
    pub cookie: SessionCookie,
    /// Whether the canary arms keep their clients too.
    pub canary: CanaryAffinity,
}

/// ingress-nginx `affinity-canary-behavior`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum CanaryAffinity {
    /// The side that served first is kept, whichever it is.
    Sticky,
    /// Only clients of the base are kept; the canary issues no cookie.
    Legacy,
}

/// The `SameSite` attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SameSite {
    /// `Strict`.
    Strict,
    /// `Lax`.
    Lax,
    /// `None`.
    None,
}

/// Name and attributes of a session cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionCookie {
    /// An RFC 6265 cookie name.
    pub name: Box<str>,
    /// The `Path`; without one the cookie is sent with every request to the host.
    pub path: Option<Box<str>>,
    /// The `Domain`.
    pub domain: Option<Box<str>>,
    /// The `Max-Age`.
    pub max_age: Option<Duration>,
    /// The `Expires`, as a distance from now.
    pub expires: Option<Duration>,
    /// The `SameSite`.
    pub same_site: Option<SameSite>,
    /// `Secure`; without a value it follows the scheme of the request.
    pub secure: Option<bool>,
    /// Whether a new cookie is issued when the endpoint that it names fails.
    pub change_on_failure: bool,
}

/// How the requests of a rule are divided. The base always exists.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Split {
    arms: Vec<Arm>,
    overrides: Vec<Override>,
    /// Whose requests are divided: those for whom any of these holds; the others get the base. Without any
    /// all are.
    #[serde(serialize_with = "one_or_many")]
    pub audience: Vec<Predicate>,
    /// How they are divided.
    pub assignment: Assignment,
    /// Session affinity.
    pub affinity: Option<Affinity>,
    /// What happens when an arm has no endpoint.
    pub fallback: Fallback,
    /// The release that overlays it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<Arc<ReleaseMark>>,
}

/// A single predicate is shown as just that.
fn one_or_many<S: Serializer>(predicates: &[Predicate], serializer: S) -> Result<S::Ok, S::Error> {
    match predicates {
        [] => serializer.serialize_none(),
        [one] => one.serialize(serializer),
        many => many.serialize(serializer),
    }
}

// === impl Arm ===

impl Arm {
    /// A share for a backend.
    pub fn new(backend: BackendKey, weight: u32) -> Self {
        Self { backend, weight, headers: HeaderEdits::default(), role: None }
    }
}

// === impl Split ===

impl Split {
    /// Everything to one backend.
    pub fn only(backend: BackendKey) -> Self {
        Self {
            arms: vec![Arm::new(backend, 1)],
            overrides: Vec::new(),
            audience: Vec::new(),
            assignment: Assignment::Random,
            affinity: None,
            fallback: Fallback::ToBase,
            release: None,
        }
    }

    /// Everything to one version of a release: before its first step, or with the other version detached.
    pub fn version(release: Arc<ReleaseMark>, role: Role, backend: BackendKey) -> Self {
        let mut split = Self::only(backend);
        split.base_mut().role = Some(role);
        split.release = Some(release);
        split
    }

    /// Both versions of a release, with the stable one as base; the canary gets so many of
    /// [`BASIS_POINTS`]. Each takes over when the other has no endpoint. Returns the canary's arm too.
    pub fn versions(
        release: Arc<ReleaseMark>,
        stable: BackendKey,
        canary: BackendKey,
        weight: u32,
    ) -> (Self, ArmIndex) {
        let weight = weight.min(BASIS_POINTS);
        let mut split = Self::version(release, Role::Stable, stable);
        split.base_mut().weight = BASIS_POINTS - weight;
        split.fallback = Fallback::ToAny;
        let arm = split.add_arm(Arm { role: Some(Role::Canary), ..Arm::new(canary, weight) });
        (split, arm)
    }

    /// Adds an arm beside the base.
    pub fn add_arm(&mut self, arm: Arm) -> ArmIndex {
        self.arms.push(arm);
        ArmIndex(self.arms.len() - 1)
    }

    /// Adds an override behind those there are.
    ///
    /// # Panics
    /// When the arm is of another split.
    pub fn add_override(&mut self, predicate: Predicate, arm: ArmIndex) {
        assert!(arm.get() < self.arms.len(), "the arm belongs to this split");
        self.overrides.push(Override { predicate, arm });
    }

    /// All arms; the base is the first.
    pub fn arms(&self) -> &[Arm] {
        &self.arms
    }

    /// The overrides in the order in which they are tried.
    pub fn overrides(&self) -> &[Override] {
        &self.overrides
    }

    /// The arm that serves outsiders.
    pub fn base(&self) -> &Arm {
        &self.arms[0]
    }

    /// The arm of a version of the release; it has one until it is detached.
    pub fn arm_of(&self, role: Role) -> Option<ArmIndex> {
        self.indices().find(|arm| self.arm(*arm).role == Some(role))
    }

    /// Changes the base.
    pub fn base_mut(&mut self) -> &mut Arm {
        &mut self.arms[0]
    }

    /// Changes an arm.
    pub fn arm_mut(&mut self, index: ArmIndex) -> &mut Arm {
        &mut self.arms[index.get()]
    }

    /// Names backends in another way.
    pub fn map_backends(&mut self, rename: impl Fn(&BackendKey) -> BackendKey) {
        self.arms.iter_mut().for_each(|arm| arm.backend = rename(&arm.backend));
    }

    /// Gives every arm these changes of headers.
    pub fn set_headers(&mut self, headers: &HeaderEdits) {
        self.arms.iter_mut().for_each(|arm| arm.headers.clone_from(headers));
    }

    /// An arm.
    pub fn arm(&self, index: ArmIndex) -> &Arm {
        &self.arms[index.get()]
    }

    /// All arms with their indices; the base is the first.
    pub fn indices(&self) -> impl Iterator<Item = ArmIndex> + use<> {
        (0..self.arms.len()).map(ArmIndex)
    }
}
