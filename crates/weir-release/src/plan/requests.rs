//! What people ask for. A request is applied with the state that says so, and answered after; one that was
//! applied already is only answered again.

use weir_model::Role;

use super::{Decided, Planner};
use crate::{
    action::Action,
    state::{AbortStage, Acted, HoldReason, OfflineStage, Phase, StepStage},
    verb::{Request, Verb},
};

/// Why something is refused.
type Refused = String;

impl Planner<'_> {
    /// The object is to go: traffic returns to what the routes say, but never to a version that is offline.
    pub(super) fn delete(&mut self) -> Decided {
        if !self.seen.deleting {
            return Decided::No;
        }
        if self.lost_by_deleting().is_some() {
            return Decided::No;
        }
        let scaled = self.next.scaled.keys().map(|role| Action::LetGo { role: *role });
        self.actions.extend(scaled.chain([Action::Forget]));
        Decided::Yes
    }

    /// Whoever deletes the object waits for that, whatever else it waits for.
    pub(super) fn say_what_keeps_it(&mut self) {
        if let Some(sentence) = self.lost_by_deleting().filter(|_| self.seen.deleting) {
            self.wait(sentence);
        }
    }

    /// Why requests would be lost without the release.
    fn lost_by_deleting(&self) -> Option<String> {
        let gone = self.seen.routes.named.iter().copied().find(|role| self.is_gone(*role))?;
        let (old, new) = (&self.spec.version(gone).service, &self.spec.version(gone.other()).service);
        Some(format!(
            "the routes to be changed before it is deleted: they name Service {}, which is offline; let them \
             name {}, or undo the release",
            old.service, new.service
        ))
    }

    /// Whether a version could not take everything back now, while the other one serves.
    fn is_gone(&self, role: Role) -> bool {
        let scaled = self.next.scaled.get(&role).filter(|scaled| scaled.to < scaled.from);
        // While Weir may still write, what is seen of the workload may be older than that.
        let ready = self.seen.version(role).workload().map_or(0, |workload| workload.ready);
        let scaled = scaled.is_some_and(|scaled| !self.next.phase.is_over() || ready < scaled.from);
        let empty = self.seen.version(role).ready == 0;
        (scaled || empty) && self.seen.version(role.other()).ready > 0
    }

    pub(super) fn request(&mut self) -> Decided {
        let Some(request) = self.seen.request.clone() else { return Decided::No };
        let known = self.next.last_action.as_ref().filter(|acted| acted.id == request.id);
        if let Some(acted) = known {
            let refused = acted.refused.clone();
            self.actions.push(Action::Answer { id: request.id, refused });
            return Decided::No;
        }
        let refused = self.check(&request).and_then(|()| self.apply(&request)).err();
        let (verb, by) = (request.verb.as_str().to_owned(), request.by.clone());
        match &refused {
            None => {
                let who = by.as_deref().map_or(String::new(), |by| format!(" by {by}"));
                let why = request.reason.as_deref().map_or(String::new(), |why| format!(": {why}"));
                self.event(false, "Action", format!("{verb}{who}{why}"));
            }
            Some(refused) => self.event(true, "ActionRefused", format!("{verb} is refused: {refused}.")),
        }
        self.next.last_action = Some(Acted { id: request.id, verb, by, at: self.now, refused });
        Decided::Yes
    }

    /// What was asked for another attempt or step is not done to this one.
    fn check(&self, request: &Request) -> Result<(), Refused> {
        let number = self.next.attempt.as_ref().map(|attempt| attempt.number);
        if let Some(attempt) = request.attempt.filter(|attempt| Some(*attempt) != number) {
            return Err(format!("it was meant for attempt {attempt}, which is over"));
        }
        let Some(step) = &request.step else { return Ok(()) };
        match &self.next.phase {
            Phase::Running { step: now }
                if self.spec.steps.get(now.index).is_some_and(|spec| *spec.name == **step) =>
            {
                Ok(())
            }
            Phase::Running { step: now } => {
                Err(format!("it was meant for step {step}, and now it is {}", now.name))
            }
            phase => Err(format!("it was meant for step {step}, and the release is {}", phase.as_str())),
        }
    }

    fn apply(&mut self, request: &Request) -> Result<(), Refused> {
        match &request.verb {
            Verb::Abort => self.abort(request),
            Verb::Pause => self.pause(request),
            Verb::Resume => self.resume(),
            Verb::Approve => self.approve(),
            Verb::Reject => self.reject(request),
            Verb::Promote { to, full } => self.promote(to.as_deref(), *full),
            Verb::Retry { from } => self.retry(from.as_deref()),
            Verb::Undo => self.undo(request),
            Verb::Offline => self.take_offline(),
        }
    }

    fn abort(&mut self, request: &Request) -> Result<(), Refused> {
        if self.is_going_back() {
            return Err("everything goes back already".into());
        }
        let message = request.reason.clone().unwrap_or_else(|| "somebody aborted it".into());
        if matches!(self.next.phase, Phase::Pending) && self.next.routing.is_none() {
            self.next.failure = Some(crate::state::Failure { cause: "abort".into(), message, at: self.now });
            self.next.phase = Phase::RolledBack { at: self.now };
            return Ok(());
        }
        self.fail("abort", message);
        Ok(())
    }

    fn is_going_back(&self) -> bool {
        match &self.next.phase {
            Phase::Aborting { .. } | Phase::RolledBack { .. } => true,
            Phase::Offlining { offline } => offline.role == Role::Canary,
            _ => false,
        }
    }

    fn pause(&mut self, request: &Request) -> Result<(), Refused> {
        self.under_way()?;
        let message = request.reason.clone().unwrap_or_else(|| "somebody paused it".into());
        self.next.hold = None;
        self.hold(HoldReason::Paused, message);
        Ok(())
    }

    fn under_way(&self) -> Result<(), Refused> {
        if self.next.phase.is_over() {
            Err(format!("the release is {}", self.next.phase.as_str()))
        } else {
            Ok(())
        }
    }

    fn resume(&mut self) -> Result<(), Refused> {
        let Some(hold) = self.next.hold.take() else { return Err("it is not held".into()) };
        if self.spec.paused {
            self.next.hold = Some(hold);
            return Err("spec.paused is true: change the manifest".into());
        }
        if hold.reason == HoldReason::VersionsChanged {
            let why = hold.message.clone();
            self.next.hold = Some(hold);
            return Err(why);
        }
        match hold.reason {
            HoldReason::StableChanged => self.compare_anew(),
            HoldReason::Guardrail => self.next.evidence = None,
            _ => {}
        }
        self.wait_again();
        Ok(())
    }

    /// Time that was over begins again, or the same hold would come back at once.
    fn wait_again(&mut self) {
        if let Phase::Running { step } = &mut self.next.phase {
            step.elapsed = std::time::Duration::ZERO;
            if let StepStage::Baking { bake } = &mut step.stage {
                bake.quiet = std::time::Duration::ZERO;
                bake.alone = 0;
            }
        }
    }

    fn compare_anew(&mut self) {
        let revision = self.seen.stable.revision().map(str::to_owned);
        if let Some(attempt) = &mut self.next.attempt {
            attempt.stable = revision;
        }
        self.next.evidence = None;
    }

    fn approve(&mut self) -> Result<(), Refused> {
        match &self.next.phase {
            Phase::Running { step } if step.stage == StepStage::Approving => {
                let index = step.index;
                // Whoever approves the step does not end somebody's pause.
                self.next.hold.take_if(|hold| hold.reason != HoldReason::Paused);
                self.leave_step(index);
                Ok(())
            }
            _ => Err("no step waits for approval".into()),
        }
    }

    fn reject(&mut self, request: &Request) -> Result<(), Refused> {
        match &self.next.phase {
            Phase::Running { step } if step.stage == StepStage::Approving => {
                let message = request.reason.clone().unwrap_or_else(|| "the next step was rejected".into());
                self.next.hold = None;
                self.hold(HoldReason::Rejected, message);
                Ok(())
            }
            _ => Err("no step waits for approval".into()),
        }
    }

    fn promote(&mut self, to: Option<&str>, full: bool) -> Result<(), Refused> {
        if full && self.is_restoring() {
            self.forward_again();
            return Ok(());
        }
        let Phase::Running { step } = &self.next.phase else {
            return Err(format!("no step is under way: the release is {}", self.next.phase.as_str()));
        };
        let index = step.index;
        let target = match to {
            _ if full => None,
            None => Some(index + 1).filter(|next| *next < self.spec.steps.len()),
            Some(name) => Some(self.step_named(name, index)?),
        };
        self.next.hold = None;
        match target {
            Some(target) => self.enter_step(target),
            None => self.leave_step(self.spec.steps.len()),
        }
        Ok(())
    }

    fn is_restoring(&self) -> bool {
        matches!(&self.next.phase, Phase::Aborting { abort } if abort.state == AbortStage::Restoring)
    }

    /// The old version was to come back and does not: the new one, which serves meanwhile, stays.
    fn forward_again(&mut self) {
        self.next.hold = None;
        self.next.failure = None;
        self.leave_step(self.spec.steps.len());
    }

    fn step_named(&self, name: &str, after: usize) -> Result<usize, Refused> {
        let found = self.spec.steps.iter().position(|step| *step.name == *name);
        match found {
            Some(found) if found > after => Ok(found),
            Some(_) => Err(format!("step {name} is not behind the present one; abort and retry to go back")),
            None => {
                let mut names: Vec<&str> = self.spec.steps.iter().map(|step| &*step.name).collect();
                names.dedup();
                Err(format!("there is no step {name}; there are {}", names.join(", ")))
            }
        }
    }

    fn retry(&mut self, from: Option<&str>) -> Result<(), Refused> {
        let may = match &self.next.phase {
            Phase::RolledBack { .. } => true,
            Phase::Aborting { abort } => abort.state == AbortStage::Keeping,
            _ => false,
        };
        if !may {
            return Err(format!(
                "only what was rolled back is tried again; the release is {}",
                self.next.phase.as_str()
            ));
        }
        self.has_its_routes()?;
        let index = match from {
            None => 0,
            Some(name) => {
                let found = self.spec.steps.iter().position(|step| *step.name == *name);
                found.ok_or_else(|| format!("there is no step {name}"))?
            }
        };
        let number = self.next.attempt.as_ref().map_or(1, |attempt| attempt.number + 1);
        self.next.hold = None;
        self.restore(Role::Canary);
        self.begin(number, index);
        Ok(())
    }

    /// Whoever was over may find that another release has its routes by now.
    fn has_its_routes(&self) -> Result<(), Refused> {
        match &self.seen.routes.conflict {
            None => Ok(()),
            Some(other) => Err(format!("{other} has one of its routes; finish or delete that first")),
        }
    }

    fn undo(&mut self, request: &Request) -> Result<(), Refused> {
        let may = match &self.next.phase {
            Phase::Promoting | Phase::Completed { .. } => true,
            Phase::Offlining { offline } => offline.role == Role::Stable,
            _ => false,
        };
        if !may {
            return Err(format!("the old version was not left; the release is {}", self.next.phase.as_str()));
        }
        if self.next.phase.is_over() {
            self.has_its_routes()?;
        }
        let message = request.reason.clone().unwrap_or_else(|| "somebody took the old version back".into());
        self.fail("undo", message);
        Ok(())
    }

    fn take_offline(&mut self) -> Result<(), Refused> {
        match &mut self.next.phase {
            Phase::Offlining { offline } if offline.state == OfflineStage::Hold => {
                offline.state = OfflineStage::Detach;
                offline.elapsed = std::time::Duration::ZERO;
                Ok(())
            }
            Phase::Aborting { abort } if abort.state == AbortStage::Keeping => {
                abort.elapsed = self.spec.keep_canary;
                Ok(())
            }
            phase => Err(format!("no version is held ready; the release is {}", phase.as_str())),
        }
    }
}
