//! A version goes offline: nothing points to it, nothing is under way, nothing comes any more; then it is
//! scaled down.

use std::time::Duration;

use weir_model::Role;

use super::{Decided, Planner};
use crate::{
    action::Action,
    observation::{Lookup, Seen},
    spec::ScaleDown,
    state::{Division, Drained, HoldReason, OfflineStage, OfflineState, Phase, Scaled},
    text,
};

/// How long half of the pods have to do before the others go.
const STAGE: Duration = Duration::from_secs(5);
/// How long a workload is being let go of.
const LEAVE: Duration = Duration::from_secs(1);

impl Planner<'_> {
    /// Begins to take a version offline.
    pub(super) fn go_offline(&mut self, role: Role) {
        self.next.phase = Phase::Offlining { offline: OfflineState::new(role, OfflineStage::Hold) };
    }

    pub(super) fn offline(&mut self, mut offline: OfflineState, held: bool) {
        if self.is_stopped(&offline, held) {
            self.next.phase = Phase::Offlining { offline };
            return;
        }
        offline.elapsed += self.passed.elapsed;
        let before = offline.state;
        let over = match offline.state {
            OfflineStage::Hold => self.hold_ready(&mut offline),
            OfflineStage::Detach => self.detached(&mut offline),
            OfflineStage::InFlight => self.in_flight(&mut offline),
            OfflineStage::LongLived => self.long_lived(&mut offline),
            OfflineStage::VerifyZero => self.verify_zero(&mut offline),
            OfflineStage::ScaleDown => self.scale_down(&mut offline),
            OfflineStage::LetGo => self.leave(&mut offline),
        };
        if over == Decided::Yes {
            return self.finish(&offline);
        }
        if offline.state != before {
            offline.elapsed = Duration::ZERO;
        }
        self.next.phase = Phase::Offlining { offline };
    }

    /// Whether it may not go on: held, or something else still sends requests there.
    fn is_stopped(&mut self, offline: &OfflineState, held: bool) -> bool {
        let role = offline.role;
        let others = self.seen.routes.others.get(&role).filter(|others| !others.is_empty());
        let reason = self.next.hold.as_ref().map(|hold| hold.reason);
        match others {
            Some(others) if offline.state != OfflineStage::Hold => {
                let service = &self.spec.version(role).service.service;
                let message =
                    format!("Service {service} still gets requests from {}: change that", others.join(", "));
                self.wait(message.clone());
                self.hold(HoldReason::StillReferenced, message);
                true
            }
            None if reason == Some(HoldReason::StillReferenced) => {
                self.next.hold = None;
                // The manifest may pause it as well.
                self.is_held()
            }
            _ => held,
        }
    }

    fn hold_ready(&mut self, offline: &mut OfflineState) -> Decided {
        let hold = self.spec.offline.rollback_hold;
        if offline.elapsed >= hold {
            offline.state = OfflineStage::Detach;
        } else {
            let left = text::duration(hold.saturating_sub(offline.elapsed));
            self.wait(format!("{left}, during which the old version could take everything back at once"));
        }
        Decided::No
    }

    fn detached(&mut self, offline: &mut OfflineState) -> Decided {
        let serving = offline.role.other();
        if let Some(fault) = self.unready(serving) {
            self.wait(fault);
        } else if self.in_force(Division::Only { role: serving, close: false }) {
            let message = format!("Nothing points to the {} version any more.", offline.role.as_str());
            self.event(false, "Detached", message);
            offline.state = OfflineStage::InFlight;
        }
        Decided::No
    }

    fn in_flight(&mut self, offline: &mut OfflineState) -> Decided {
        let role = offline.role;
        let Some(left) = self.counted(role, |seen| seen.in_flight.saturating_sub(seen.long_lived)) else {
            return Decided::No;
        };
        if left == 0 || offline.elapsed >= self.spec.offline.in_flight {
            offline.cut += left;
            offline.state = OfflineStage::LongLived;
        } else {
            self.wait(format!("{} to end", text::count(left, "request")));
        }
        Decided::No
    }

    fn long_lived(&mut self, offline: &mut OfflineState) -> Decided {
        let role = offline.role;
        let Some(left) = self.counted(role, |seen| seen.long_lived) else { return Decided::No };
        offline.closed = self.seen.sum(role, |seen| seen.closed);
        if left == 0 {
            offline.state = OfflineStage::VerifyZero;
            return Decided::No;
        }
        let grace = self.spec.offline.long_lived;
        let connections = format!("{left} WebSockets or streams");
        if offline.elapsed < grace {
            let until = text::duration(grace.saturating_sub(offline.elapsed));
            self.wait(format!("{connections} to end; in {until} they are asked to"));
        } else if self.in_force(Division::Only { role: role.other(), close: true }) {
            self.wait(format!("{connections} to end, which were asked to"));
        }
        Decided::No
    }

    fn verify_zero(&mut self, offline: &mut OfflineState) -> Decided {
        let role = offline.role;
        let Some(open) = self.counted(role, |seen| seen.in_flight + seen.connections) else {
            return Decided::No;
        };
        let sent = self.seen.sum(role, |seen| seen.sent.values().sum());
        let came = offline.sent.is_some_and(|before| before != sent);
        if came {
            let message =
                format!("Requests still reach the {} version: {}.", role.as_str(), self.sources(role));
            self.event(true, "NotZero", message);
        }
        offline.sent = Some(sent);
        if open > 0 || came {
            offline.elapsed = Duration::ZERO;
        }
        let wanted = self.spec.offline.verify_zero;
        if offline.elapsed >= wanted && open == 0 {
            // Nobody takes the last pods away while nobody else could serve.
            match self.unready(role.other()) {
                Some(fault) => self.wait(fault),
                None => offline.state = OfflineStage::ScaleDown,
            }
        } else if open > 0 {
            self.wait(format!("{open} requests or connections to its endpoints to end"));
        } else {
            self.wait(format!(
                "{} without any request",
                text::duration(wanted.saturating_sub(offline.elapsed))
            ));
        }
        Decided::No
    }

    fn sources(&self, role: Role) -> String {
        let mut routes: Vec<String> = Vec::new();
        for (_, proxy) in self.seen.speaking() {
            routes.extend(proxy.seen(role).sent.keys().cloned());
        }
        routes.sort_unstable();
        routes.dedup();
        routes.join(", ")
    }

    /// A sum over all proxies; `None` while one of them says nothing.
    fn counted(&mut self, role: Role, what: impl Fn(&Seen) -> u64) -> Option<u64> {
        let silent = self.seen.proxies.iter().find(|(_, proxy)| proxy.is_none());
        if let Some((name, _)) = silent {
            self.wait(format!("proxy {name}, which does not report"));
            return None;
        }
        if self.seen.proxies.is_empty() {
            self.wait("a proxy: none is connected");
            return None;
        }
        Some(self.seen.sum(role, what))
    }

    fn scale_down(&mut self, offline: &mut OfflineState) -> Decided {
        let role = offline.role;
        let keep = match self.spec.offline.scale_down {
            ScaleDown::None => return let_go(offline, false),
            ScaleDown::Annotate => return let_go(offline, true),
            ScaleDown::Scale { keep } => keep,
        };
        let found = match &self.seen.version(role).workload {
            Lookup::Found(found) => found,
            Lookup::Unnamed | Lookup::Missing => return let_go(offline, false),
            Lookup::Unknown => {
                let fault = self.missing(role).unwrap_or_default();
                self.wait(fault);
                return Decided::No;
            }
        };
        if let Some(scaler) = found.scaler.as_ref().filter(|scaler| scaler.wakes) {
            let message = format!("{} would scale it up again, so it is only marked.", scaler.name);
            self.event(true, "ScalerWakes", message);
            return let_go(offline, true);
        }
        let (desired, ready) = (found.desired, found.ready);
        let settled = offline.elapsed >= STAGE && ready <= desired;
        match self.next.scaled.get(&role).copied() {
            None if desired <= keep => return let_go(offline, false),
            None => self.scale(role, desired, half(desired, keep)),
            // Whoever restores it at once is seen before it counts as offline.
            Some(scaled) if desired == scaled.to && scaled.to <= keep && settled => {
                return let_go(offline, false);
            }
            Some(scaled) if desired == scaled.to && scaled.to > keep && settled => {
                offline.elapsed = Duration::ZERO;
                self.scale(role, scaled.from, keep);
            }
            Some(scaled) => {
                if desired != scaled.to {
                    offline.elapsed = Duration::ZERO;
                }
                if self.keep_scaled(role) {
                    offline.contested = true;
                    return let_go(offline, true);
                }
            }
        }
        self.wait("the workload to have fewer pods");
        Decided::No
    }

    /// The intent; the act follows from it, once it is stored.
    fn scale(&mut self, role: Role, from: u32, to: u32) {
        self.next.scaled.insert(role, Scaled { from, to, writes: 0, since: 0 });
        self.wait("the change to be stored");
    }

    /// What is left to do follows from a stored state, too: it is done at every look until some time has passed.
    fn leave(&mut self, offline: &mut OfflineState) -> Decided {
        if offline.told && offline.elapsed >= LEAVE {
            return Decided::Yes;
        }
        offline.told = true;
        if offline.retire {
            self.actions.push(Action::MarkRetired { role: offline.role });
        }
        self.actions.push(Action::LetGo { role: offline.role });
        self.wait("the workload to be left to its owner");
        Decided::No
    }

    fn finish(&mut self, offline: &OfflineState) {
        let at = self.now;
        let drained = Drained { closed: offline.closed, cut: offline.cut };
        self.next.drained.insert(offline.role, drained);
        self.next.phase = match offline.role {
            Role::Stable => {
                let message = format!(
                    "The new version serves everything; the old one is offline. {}",
                    drained.sentence()
                );
                self.event(false, "Completed", message);
                Phase::Completed { at }
            }
            Role::Canary => Phase::RolledBack { at },
        };
    }
}

/// Nothing is left to scale.
fn let_go(offline: &mut OfflineState, retire: bool) -> Decided {
    offline.state = OfflineStage::LetGo;
    offline.retire = retire;
    Decided::No
}

/// The first stage of scaling down: half of it, unless less is to be left anyway.
fn half(desired: u32, keep: u32) -> u32 {
    (desired / 2).max(keep)
}

// === impl OfflineState ===

impl OfflineState {
    /// Enters a stage.
    pub(super) fn new(role: Role, state: OfflineStage) -> Self {
        Self {
            role,
            state,
            elapsed: Duration::ZERO,
            cut: 0,
            closed: 0,
            contested: false,
            retire: false,
            told: false,
            sent: None,
        }
    }
}
