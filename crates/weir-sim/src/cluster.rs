//! What runs the pods: two workloads, and others than Weir who say how many pods they have.

use weir_model::Role;
use weir_release::observation::{Lookup, Scaler, Version, Workload};

use crate::chance::Chance;

/// Who else says how many pods a workload has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Foreign {
    /// Nobody.
    #[default]
    Nobody,
    /// What is in Git is restored, so often.
    GitOps {
        /// Replicas in Git.
        replicas: u32,
        /// Seconds between two looks.
        every: u64,
    },
    /// An autoscaler, which sleeps at 0 replicas unless it wakes.
    Autoscaler {
        /// Not more.
        most: u32,
        /// Whether it scales up from nothing.
        wakes: bool,
    },
}

/// A workload.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// How many pods it is to have.
    pub desired: u32,
    /// How many are ready.
    pub ready: u32,
    /// Which revision.
    pub revision: u32,
    /// Restarts of its containers.
    pub restarts: u32,
    /// Who else has a say.
    pub foreign: Foreign,
    /// Whether Weir had the last say, and with which number.
    pub scaled_by_weir: Option<u32>,
    /// Whether Weir still has a say over its replicas.
    pub owned: bool,
    /// Whether it was marked as no longer needed.
    pub retired: bool,
    /// How often Weir changed its replicas.
    pub writes: u32,
    /// How long a pod takes to become ready, in seconds.
    pub start_up: u64,
    /// Pods that start, as the seconds that they are ready at.
    starting: Vec<u64>,
    /// Pods of another revision are left until then.
    unsettled_until: u64,
}

/// Both of them.
#[derive(Clone, Debug)]
pub struct Cluster {
    stable: Deployment,
    canary: Deployment,
}

// === impl Deployment ===

impl Deployment {
    fn new(replicas: u32, start_up: u64) -> Self {
        Self {
            desired: replicas,
            ready: replicas,
            revision: 1,
            restarts: 0,
            foreign: Foreign::Nobody,
            scaled_by_weir: None,
            owned: false,
            retired: false,
            writes: 0,
            start_up,
            starting: Vec::new(),
            unsettled_until: 0,
        }
    }

    /// Weir scales it.
    pub fn scale(&mut self, replicas: u32) {
        self.writes += u32::from(self.desired != replicas);
        self.desired = replicas;
        self.owned = true;
        self.scaled_by_weir = Some(replicas);
    }

    /// Somebody else does.
    pub fn set(&mut self, replicas: u32) {
        self.desired = replicas;
        self.scaled_by_weir = None;
    }

    /// Somebody replaces what it runs: pod after pod, so that some are always ready.
    pub fn replace(&mut self, now: u64) {
        self.revision += 1;
        self.unsettled_until = now + self.start_up + 2;
    }

    /// A second passes.
    fn tick(&mut self, now: u64, chance: &mut Chance) {
        self.meddle(now, chance);
        self.ready = self.ready.min(self.desired);
        let missing = self.desired.saturating_sub(self.ready) as usize;
        self.starting.truncate(missing);
        while self.starting.len() < missing {
            self.starting.push(now + self.start_up);
        }
        let before = self.starting.len();
        self.starting.retain(|ready_at| *ready_at > now);
        self.ready += u32::try_from(before - self.starting.len()).unwrap_or(0);
    }

    fn meddle(&mut self, now: u64, chance: &mut Chance) {
        match self.foreign {
            Foreign::Nobody => {}
            Foreign::GitOps { replicas, every } => {
                if now.is_multiple_of(every) && self.desired != replicas {
                    self.set(replicas);
                }
            }
            Foreign::Autoscaler { most, wakes } => {
                if now.is_multiple_of(15) && (self.desired > 0 || wakes) {
                    let wanted = 1 + u32::try_from(chance.below(most.into())).unwrap_or(0);
                    if wanted != self.desired {
                        self.set(wanted);
                    }
                }
            }
        }
    }

    /// As the API shows it.
    fn seen(&self, now: u64, name: &str) -> Version {
        let scaler = match self.foreign {
            Foreign::Autoscaler { wakes, .. } => {
                Some(Scaler { name: format!("HorizontalPodAutoscaler {name}"), wakes })
            }
            _ => None,
        };
        let workload = Workload {
            desired: self.desired,
            ready: self.ready,
            settled: now >= self.unsettled_until && self.starting.is_empty(),
            revision: format!("{name}-{}", self.revision),
            restarts: self.restarts,
            scaler,
        };
        Version { service: true, ready: self.ready as usize, workload: Lookup::Found(workload) }
    }
}

// === impl Cluster ===

impl Cluster {
    /// Both versions with as many pods, which start in so many seconds.
    pub fn new(replicas: u32, start_up: u64) -> Self {
        let one = Deployment::new(replicas, start_up);
        Self { stable: one.clone(), canary: one }
    }

    /// A version's workload.
    pub fn of(&self, role: Role) -> &Deployment {
        match role {
            Role::Stable => &self.stable,
            Role::Canary => &self.canary,
        }
    }

    /// A version's workload, to be changed.
    pub fn of_mut(&mut self, role: Role) -> &mut Deployment {
        match role {
            Role::Stable => &mut self.stable,
            Role::Canary => &mut self.canary,
        }
    }

    /// A second passes.
    pub fn tick(&mut self, now: u64, chance: &mut Chance) {
        self.stable.tick(now, chance);
        self.canary.tick(now, chance);
    }

    /// As the API shows a version.
    pub fn seen(&self, role: Role, now: u64) -> Version {
        self.of(role).seen(now, role.as_str())
    }
}
