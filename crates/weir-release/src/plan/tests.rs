//! A release is driven tick by tick: a second passes, proxies report, the plan is made, its state is stored, and
//! then what follows from it is done to a world of two workloads and two proxies.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use weir_model::{BackendKey, ErrorRule, OverlaidRoute, PortRef, Role, StickyKey};

use super::*;
use crate::{
    observation::{self, GateAnswer, Proxy, Scaler, Workload},
    spec::{
        Absolute, Analysis, Bake, Errors, Gate, Guardrail, Offline, OnError, OnFailure, OnInconclusive, Pods,
        ScaleDown, Step, Version, Watch, Weight, WorkloadKind,
    },
    state::{AbortStage, BakeState, OfflineStage},
    verb::{Request, Verb},
};

mod deletion;
mod edits;
mod holds;
mod missing;
mod offline;
mod restoring;
mod verbs;

const SECOND: Duration = Duration::from_secs(1);

fn version(name: &str) -> Version {
    Version {
        service: BackendKey { namespace: "shop".into(), service: name.into(), port: PortRef::Number(80) },
        workload: Some(crate::spec::Workload { kind: WorkloadKind::Deployment, name: name.into() }),
    }
}

fn step(name: &str, percent: u16, seconds: u64) -> Step {
    let duration = Duration::from_secs(seconds);
    Step {
        name: name.into(),
        stage: None,
        audience: Vec::new(),
        weight: Weight::new(percent * 100).unwrap(),
        bake: Bake { duration, clean: true, min_requests: 0, on_error: OnError::ResetClock },
        approval: false,
        gates: Vec::new(),
    }
}

fn guardrail(name: &str, watch: Watch) -> Guardrail {
    Guardrail { name: name.into(), watch, action: OnFailure::Rollback }
}

fn spec() -> Spec {
    let errors = Errors { tolerated: 1.0, absolute_max: Absolute::new(0.05).unwrap(), min_errors: 5 };
    Spec {
        routes: vec![OverlaidRoute { ingress: "shop".into(), host: None, path: None }],
        stable: version("v1"),
        canary: version("v2"),
        keys: vec![StickyKey::Issued],
        overrides: Vec::new(),
        steps: vec![step("tenth", 10, 30), step("all", 100, 30)],
        errors: ErrorRule::default(),
        analysis: Analysis {
            false_abort: 0.01,
            guardrails: vec![
                guardrail("errors", Watch::Errors(errors)),
                guardrail("pods", Watch::Pods(Pods { restarts: 0 })),
            ],
            on_inconclusive: OnInconclusive::Proceed,
            hold_without_data: true,
        },
        keep_canary: Duration::from_secs(20),
        offline: Offline {
            rollback_hold: Duration::from_secs(20),
            in_flight: Duration::from_secs(10),
            long_lived: Duration::from_secs(10),
            close_rate: 50,
            verify_zero: Duration::from_secs(5),
            scale_down: ScaleDown::Scale { keep: 0 },
        },
        step_deadline: Duration::from_mins(10),
        paused: false,
    }
}

/// Where the release is tried.
struct World {
    spec: Spec,
    state: State,
    seen: Observation,
    now: Timestamp,
    /// Requests a second, in all.
    rate: u64,
    /// Every so many requests of the new version fails; none if 0.
    fails: u64,
    /// Whether proxies take what is stored.
    obey: bool,
    waiting_for: String,
    events: Vec<String>,
    requests: u64,
}

impl World {
    fn new(spec: Spec) -> Self {
        let workload = |replicas, revision: &str| {
            Lookup::Found(Workload {
                desired: replicas,
                ready: replicas,
                settled: true,
                revision: revision.into(),
                restarts: 0,
                scaler: None,
            })
        };
        let role = |replicas, revision| observation::Version {
            service: true,
            ready: replicas as usize,
            workload: workload(replicas, revision),
        };
        let proxy = || Some(Proxy { boot: "a".into(), uptime: SECOND, ..Proxy::default() });
        let seen = Observation {
            routes: observation::Routes { named: vec![Role::Stable], ..Default::default() },
            stable: role(4, "r1"),
            canary: role(4, "r2"),
            proxies: BTreeMap::from([("p0".into(), proxy()), ("p1".into(), proxy())]),
            ..Observation::default()
        };
        Self {
            spec,
            state: State::default(),
            seen,
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            rate: 100,
            fails: 0,
            obey: true,
            waiting_for: String::new(),
            events: Vec::new(),
            requests: 0,
        }
    }

    fn workload(&mut self, role: Role) -> &mut Workload {
        let version = match role {
            Role::Stable => &mut self.seen.stable,
            Role::Canary => &mut self.seen.canary,
        };
        match &mut version.workload {
            Lookup::Found(workload) => workload,
            _ => unreachable!("these worlds have workloads"),
        }
    }

    fn proxies(&mut self) -> impl Iterator<Item = &mut Proxy> {
        self.seen.proxies.values_mut().flatten()
    }

    /// A second passes.
    fn tick(&mut self) {
        self.now += SignedDuration::from_secs(1);
        let routing = self.state.routing.clone();
        let share = routing.as_ref().map_or(Weight::NONE, |routing| routing.split.weight(Role::Canary));
        let (obey, rate, fails) = (self.obey, self.rate, self.fails);
        for proxy in self.proxies() {
            proxy.uptime += SECOND;
            if let Some(routing) = routing.as_ref().filter(|_| obey) {
                proxy.epoch = Some((routing.attempt, routing.epoch));
            }
            let canary = rate / 2 * u64::from(share.basis_points()) / 10_000;
            proxy.stable.tally.requests += rate / 2 - canary;
            proxy.canary.tally.requests += canary;
            if fails > 0 && canary > 0 {
                proxy.canary.tally.errors = proxy.canary.tally.requests / fails;
            }
        }
        self.plan();
    }

    /// Nothing passes, and the plan is made.
    fn plan(&mut self) {
        let plan = plan(&self.spec, &self.state, &self.seen, self.now);
        // What is stored is all that a successor knows.
        let stored = || serde_json::from_str(&serde_json::to_string(&plan.next).unwrap()).unwrap();
        self.state = if plan.report.transition { stored() } else { plan.next };
        self.waiting_for = plan.report.waiting_for;
        for action in plan.actions {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Scale { role, replicas } => {
                let workload = self.workload(role);
                (workload.desired, workload.ready) = (replicas, replicas);
                let version =
                    if role == Role::Stable { &mut self.seen.stable } else { &mut self.seen.canary };
                version.ready = replicas as usize;
            }
            Action::Event(event) => self.events.push(format!("{}: {}", event.reason, event.message)),
            Action::Answer { .. } => self.seen.request = None,
            Action::Ask(_) | Action::LetGo { .. } | Action::MarkRetired { .. } | Action::Forget => {}
        }
    }

    /// Ticks until something is so.
    fn until(&mut self, what: &str, limit: usize, is_so: impl Fn(&State) -> bool) {
        for _ in 0..limit {
            if is_so(&self.state) {
                return;
            }
            self.tick();
        }
        panic!("not {what} after {limit} s, but {:?}; waiting for {}", self.state.phase, self.waiting_for);
    }

    fn ask(&mut self, verb: Verb) -> Result<(), String> {
        self.requests += 1;
        let id = format!("request-{}", self.requests);
        self.seen.request = Some(Request { id, verb, by: None, reason: None, attempt: None, step: None });
        self.plan();
        let refused = self.state.last_action.clone().and_then(|acted| acted.refused);
        self.plan();
        assert!(self.seen.request.is_none(), "it is answered");
        refused.map_or(Ok(()), Err)
    }

    fn weight(&self) -> Option<Weight> {
        self.state.routing.as_ref().map(|routing| routing.split.weight(Role::Canary))
    }
}

fn phase(wanted: &'static str) -> impl Fn(&State) -> bool {
    move |state| state.phase.as_str() == wanted
}

fn baking(state: &State) -> bool {
    matches!(&state.phase, Phase::Running { step } if matches!(step.stage, StepStage::Baking { .. }))
}

fn stage(wanted: OfflineStage) -> impl Fn(&State) -> bool {
    move |state| matches!(&state.phase, Phase::Offlining { offline } if offline.state == wanted)
}

#[test]
fn a_healthy_version_takes_over_and_the_old_one_goes_offline() {
    let mut world = World::new(spec());
    world.until("promoting", 100, phase("Promoting"));
    assert_eq!(world.weight(), Some(Weight::ALL));
    world.until("completed", 200, phase("Completed"));
    assert_eq!(world.workload(Role::Stable).desired, 0);
    assert_eq!(world.workload(Role::Canary).desired, 4);
    let scaled = world.state.scaled[&Role::Stable];
    assert_eq!((scaled.from, scaled.to), (4, 0));
}

#[test]
fn a_step_waits_for_every_proxy_and_for_no_timer() {
    let mut world = World::new(spec());
    world.obey = false;
    for _ in 0..500 {
        world.tick();
    }
    assert!(matches!(&world.state.phase, Phase::Running { step } if step.stage == StepStage::Routing));
    assert!(world.waiting_for.contains("0 of 2 proxies"), "{}", world.waiting_for);
    world.obey = true;
    world.until("baking", 3, baking);
    world.until("routing", 100, |state| {
        matches!(&state.phase, Phase::Running { step } if step.index == 1 && step.stage == StepStage::Routing)
    });
    world.seen.proxies.insert("p2".into(), None);
    for _ in 0..50 {
        world.tick();
    }
    assert!(world.waiting_for.contains("not p2"), "{}", world.waiting_for);
}

#[test]
fn a_silent_proxy_stops_the_clock() {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    world.seen.proxies.insert("p2".into(), None);
    for _ in 0..60 {
        world.tick();
    }
    assert!(baking(&world.state));
    assert_eq!(world.weight(), Some(Weight::new(1_000).unwrap()));
}

#[test]
fn a_failing_version_goes_back_and_offline() {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    world.fails = 5;
    world.until("aborting", 30, phase("Aborting"));
    assert_eq!(world.weight(), Some(Weight::NONE));
    assert_eq!(world.state.failure.as_ref().unwrap().cause, "errors");
    world.until("rolled back", 100, phase("RolledBack"));
    assert_eq!(world.workload(Role::Canary).desired, 0);
    assert_eq!(world.workload(Role::Stable).desired, 4);
}

#[test]
fn an_abort_is_in_force_with_the_answer() {
    let offline = [
        OfflineStage::Hold,
        OfflineStage::Detach,
        OfflineStage::InFlight,
        OfflineStage::LongLived,
        OfflineStage::VerifyZero,
    ];
    let during = |what: &str, world: &mut World, offline: Option<OfflineStage>| match offline {
        Some(wanted) => world.until(what, 200, stage(wanted)),
        None if what == "baking" => world.until(what, 200, baking),
        None => world.until(what, 200, phase("Promoting")),
    };
    let marks = offline.into_iter().map(Some).chain([None, None]);
    for (what, mark) in
        ["hold", "detach", "in flight", "long lived", "verify", "baking", "promoting"].into_iter().zip(marks)
    {
        let mut world = World::new(spec());
        during(what, &mut world, mark);
        world.ask(Verb::Abort).unwrap();
        assert_eq!(world.weight(), Some(Weight::NONE), "{what}");
        world.until("rolled back", 100, phase("RolledBack"));
        assert_eq!(world.workload(Role::Stable).desired, 4, "{what}");
    }
}

#[test]
fn a_version_that_was_offline_comes_back_before_it_gets_anything() {
    let mut world = World::new(spec());
    world.until("completed", 300, phase("Completed"));
    assert!(world.ask(Verb::Pause).is_err());
    world.ask(Verb::Undo).unwrap();
    assert_eq!(world.weight(), Some(Weight::ALL), "until the old version is ready");
    world.until(
        "routed back",
        10,
        |state| matches!(&state.phase, Phase::Aborting { abort } if abort.state == AbortStage::Keeping),
    );
    assert_eq!(world.workload(Role::Stable).desired, 4);
    assert_eq!(world.weight(), Some(Weight::NONE));
}

#[test]
fn an_error_of_the_new_version_alone_begins_the_time_again() {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    for _ in 0..20 {
        world.tick();
    }
    world.proxies().next().unwrap().canary.tally.errors += 1;
    world.tick();
    let Phase::Running { step } = &world.state.phase else { panic!("{:?}", world.state.phase) };
    let StepStage::Baking { bake } = &step.stage else { panic!("{step:?}") };
    assert_eq!((bake.resets, bake.credited), (1, Duration::ZERO));
}

#[test]
fn without_requests_no_time_counts_and_the_release_is_held() {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    world.rate = 0;
    world.until("held", 200, |state| state.hold.is_some());
    assert_eq!(world.state.hold.as_ref().unwrap().reason, HoldReason::NoData);
    world.rate = 100;
    world.ask(Verb::Resume).unwrap();
    world.until("promoting", 200, phase("Promoting"));
}

#[test]
fn a_clock_that_is_set_changes_nothing() {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    world.now += SignedDuration::from_hours(48);
    world.tick();
    assert!(baking(&world.state), "{:?}", world.state.phase);
    world.now -= SignedDuration::from_hours(96);
    for _ in 0..20 {
        world.tick();
    }
    assert!(baking(&world.state));
    world.until("promoting", 100, phase("Promoting"));
}

#[test]
fn what_passes_while_no_controller_looks_is_credited() {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    for proxy in world.proxies() {
        proxy.uptime += 25 * SECOND;
        proxy.canary.tally.requests += 250;
        proxy.stable.tally.requests += 2_250;
    }
    world.now += SignedDuration::from_secs(25);
    for _ in 0..8 {
        world.tick();
    }
    assert!(
        matches!(&world.state.phase, Phase::Running { step } if step.index == 1),
        "{:?}",
        world.state.phase
    );
}

#[test]
fn a_replaced_canary_goes_to_nothing_first() {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    world.workload(Role::Canary).revision = "r3".into();
    world.tick();
    assert_eq!((world.weight(), world.state.phase.as_str()), (Some(Weight::NONE), "Superseded"));
    world.until("begun again", 5, phase("Running"));
    assert_eq!(world.state.attempt.as_ref().unwrap().number, 2);
}

#[test]
fn a_changed_stable_holds_until_somebody_resumes() {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    world.workload(Role::Stable).revision = "r1b".into();
    world.tick();
    assert_eq!(world.state.hold.as_ref().unwrap().reason, HoldReason::StableChanged);
    for _ in 0..100 {
        world.tick();
    }
    assert_eq!(world.weight(), Some(Weight::new(1_000).unwrap()), "weights stay");
    world.ask(Verb::Resume).unwrap();
    world.until("promoting", 100, phase("Promoting"));
}

#[test]
fn gates_and_approvals_are_asked_for() {
    let mut spec = spec();
    spec.steps[0].gates = vec![Gate { name: "smoke".into(), url: "http://gate".into(), timeout: SECOND }];
    spec.steps[0].approval = true;
    let mut world = World::new(spec);
    for _ in 0..5 {
        world.tick();
    }
    assert!(world.waiting_for.contains("gate smoke"), "{}", world.waiting_for);
    world.seen.gates.insert("smoke".into(), GateAnswer::No("500".into()));
    world.tick();
    assert!(world.waiting_for.contains("says no: 500"), "{}", world.waiting_for);
    world.seen.gates.insert("smoke".into(), GateAnswer::Yes);
    let approving =
        |state: &State| matches!(&state.phase, Phase::Running { step } if step.stage == StepStage::Approving);
    world.until("approving", 60, approving);
    world.ask(Verb::Approve).unwrap();
    world.until("promoting", 100, phase("Promoting"));
}

#[test]
fn nobody_is_scaled_against_a_scaler_that_wakes() {
    let mut world = World::new(spec());
    world.workload(Role::Stable).scaler = Some(Scaler { name: "ScaledObject v1".into(), wakes: true });
    world.until("completed", 300, phase("Completed"));
    assert_eq!(world.workload(Role::Stable).desired, 4);
    assert!(world.events.iter().any(|event| event.starts_with("ScalerWakes")), "{:?}", world.events);
}

#[test]
fn who_scales_up_twice_is_left_alone() {
    let mut world = World::new(spec());
    world.until("scaling", 300, stage(OfflineStage::ScaleDown));
    for _ in 0..30 {
        if phase("Completed")(&world.state) {
            break;
        }
        world.tick();
        world.tick();
        world.workload(Role::Stable).desired = 4;
    }
    assert!(phase("Completed")(&world.state), "{:?}", world.state.phase);
    assert_eq!(world.workload(Role::Stable).desired, 4);
}

#[test]
fn an_older_release_keeps_its_routes() {
    let mut world = World::new(spec());
    world.seen.routes.conflict = Some("Release shop/other".into());
    world.tick();
    assert_eq!(world.state.hold.as_ref().unwrap().reason, HoldReason::Conflict);
    assert!(world.waiting_for.contains("shop/other"), "{}", world.waiting_for);
    assert!(world.state.routing.is_none());
    world.seen.routes.conflict = None;
    world.until("running", 3, phase("Running"));
    assert!(world.state.hold.is_none());
}

#[test]
fn what_something_else_needs_does_not_go_offline() {
    let mut world = World::new(spec());
    world.seen.routes.others.insert(Role::Stable, vec!["Ingress shop/admin".into()]);
    world.until("held", 300, |state| state.hold.is_some());
    assert!(world.waiting_for.contains("shop/admin"), "{}", world.waiting_for);
    world.seen.routes.others.clear();
    world.until("completed", 100, phase("Completed"));
}

#[test]
fn a_finished_release_is_not_deleted_while_routes_name_the_old_version() {
    let mut world = World::new(spec());
    world.until("completed", 300, phase("Completed"));
    world.seen.deleting = true;
    let forget = |world: &World| {
        let plan = plan(&world.spec, &world.state, &world.seen, world.now);
        plan.actions.contains(&Action::Forget)
    };
    assert!(!forget(&world));
    world.tick();
    assert!(world.waiting_for.contains("Service v1, which is offline"), "{}", world.waiting_for);
    world.seen.routes.named = vec![Role::Canary];
    assert!(forget(&world));
}

#[test]
fn a_request_is_done_once() {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    let request = Request {
        id: "one".into(),
        verb: Verb::Promote { to: None, full: false },
        by: Some("ops".into()),
        reason: None,
        attempt: None,
        step: None,
    };
    for _ in 0..5 {
        world.seen.request = Some(request.clone());
        world.plan();
    }
    assert!(
        matches!(&world.state.phase, Phase::Running { step } if step.index == 1),
        "{:?}",
        world.state.phase
    );
    assert!(world.ask(Verb::Promote { to: Some("tenth".into()), full: false }).is_err());
    assert!(world.ask(Verb::Approve).is_err());
}

#[test]
fn other_versions_in_the_manifest_change_nothing_that_is_served() {
    let key = weir_model::ReleaseKey::new("shop", "shop");
    for wanted in ["Running", "Completed"] {
        let mut world = World::new(spec());
        world.until(wanted, 300, phase(wanted));
        world.until("routed", 5, |state| state.routing.is_some());
        let before = crate::overlay(&key, &world.spec, &world.state);
        world.spec.stable = version("v2");
        world.spec.canary = version("v3");
        for _ in 0..100 {
            world.tick();
        }
        assert!(phase(wanted)(&world.state), "{wanted}: {:?}", world.state.phase);
        assert_eq!(crate::overlay(&key, &world.spec, &world.state), before, "{wanted}");
        assert!(world.waiting_for.contains("another Service"), "{wanted}: {}", world.waiting_for);
        (world.spec.stable, world.spec.canary) = (version("v1"), version("v2"));
        world.until("completed", 300, phase("Completed"));
    }
}

#[test]
fn a_pause_of_the_manifest_ends_with_it() {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    world.spec.paused = true;
    world.tick();
    assert_eq!(world.state.hold.as_ref().unwrap().reason, HoldReason::Paused);
    world.spec.paused = false;
    world.until("promoting", 100, phase("Promoting"));
}

#[test]
fn a_guardrail_without_a_number_stops_the_clock() {
    let mut spec = spec();
    let prometheus =
        crate::spec::Prometheus { address: "http://p".into(), query: "q".into(), max: 1.0, every: SECOND };
    spec.analysis.guardrails.push(guardrail("app", Watch::Prometheus(prometheus)));
    let mut world = World::new(spec);
    world.until("baking", 10, baking);
    for _ in 0..100 {
        world.tick();
    }
    assert!(
        baking(&world.state) && world.waiting_for.contains("guardrail app has no number"),
        "{}",
        world.waiting_for
    );
    world.seen.samples.insert("app".into(), observation::Sample::Value(0.5));
    world.until("promoting", 100, phase("Promoting"));
    world.seen.samples.insert("app".into(), observation::Sample::Value(2.0));
    world.until("aborting", 3, phase("Aborting"));
}

#[test]
fn a_client_that_goes_on_to_fail_keeps_the_time_from_counting() {
    let mut world = World::new(spec());
    world.until("baking", 10, baking);
    world.proxies().next().unwrap().canary.tally.errors += 1;
    for _ in 0..100 {
        world.proxies().next().unwrap().canary.tally.failures += 1;
        world.tick();
    }
    assert!(
        matches!(&world.state.phase, Phase::Running { step } if step.index == 0),
        "{:?}",
        world.state.phase
    );
    world.until("promoting", 100, phase("Promoting"));
}
