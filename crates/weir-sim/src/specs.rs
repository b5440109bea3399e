//! Releases as people write them, short enough to be run thousands of times.

use std::{sync::Arc, time::Duration};

use weir_model::{BackendKey, ErrorRule, OverlaidRoute, PortRef, StickyKey};
use weir_release::spec::{
    Absolute, Analysis, Bake, Errors, Guardrail, Latency, Offline, OnError, OnFailure, OnInconclusive,
    ScaleDown, Spec, Step, Version, Watch, Weight, Workload, WorkloadKind,
};

/// What people get who ask for nothing else: five steps of ten minutes, judged by errors.
pub fn default_release() -> Spec {
    let steps = [100, 500, 2_000, 5_000, 10_000].map(|weight| step(weight, Duration::from_mins(10)));
    Spec {
        routes: vec![OverlaidRoute { ingress: "shop".into(), host: None, path: None }],
        stable: version("web-v1"),
        canary: version("web-v2"),
        keys: vec![StickyKey::Issued],
        overrides: Vec::new(),
        steps: steps.into(),
        errors: ErrorRule::default(),
        analysis: Analysis {
            false_abort: 0.01,
            guardrails: vec![errors()],
            on_inconclusive: OnInconclusive::Hold,
            hold_without_data: true,
        },
        keep_canary: Duration::from_mins(30),
        offline: Offline {
            rollback_hold: Duration::from_mins(15),
            in_flight: Duration::from_mins(1),
            long_lived: Duration::from_mins(30),
            close_rate: 50,
            verify_zero: Duration::from_mins(1),
            scale_down: ScaleDown::Scale { keep: 0 },
        },
        step_deadline: Duration::from_hours(24),
        paused: false,
    }
}

/// Everything that takes minutes elsewhere takes seconds here: for the laws, which ask about order and not
/// about evidence.
pub fn brisk_release() -> Spec {
    let seconds = Duration::from_secs;
    let mut steps: Vec<Step> = [500, 3_000, 10_000].map(|weight| step(weight, seconds(20))).into();
    steps[1].bake.min_requests = 50;
    Spec {
        steps,
        // Laws do not ask for luck: what is healthy must never look bad in thousands of histories.
        analysis: Analysis {
            false_abort: 1e-7,
            on_inconclusive: OnInconclusive::Proceed,
            ..default_release().analysis
        },
        keep_canary: seconds(12),
        offline: Offline {
            rollback_hold: seconds(15),
            in_flight: seconds(10),
            long_lived: seconds(10),
            close_rate: 5,
            verify_zero: seconds(8),
            scale_down: ScaleDown::Scale { keep: 0 },
        },
        ..default_release()
    }
}

/// One weight for a while, then everything: what rules are compared on.
pub fn one_step(weight: u16, bake: Duration) -> Spec {
    let mut spec = default_release();
    spec.steps = vec![step(weight, bake)];
    spec.steps[0].bake.clean = false;
    spec.analysis.on_inconclusive = OnInconclusive::Proceed;
    spec
}

/// Everybody's requests, divided for a while without exceptions.
pub fn step(weight: u16, bake: Duration) -> Step {
    let weight = Weight::new(weight).unwrap_or(Weight::ALL);
    Step {
        name: format!("{} bp", weight.basis_points()).into(),
        stage: None,
        audience: Vec::new(),
        weight,
        bake: Bake { duration: bake, clean: true, min_requests: 0, on_error: OnError::ResetClock },
        approval: false,
        gates: Vec::new(),
    }
}

/// The guardrail that every release has.
///
/// # Panics
/// Never: 5 % is a share.
pub fn errors() -> Guardrail {
    let absolute_max = Absolute::new(0.05).expect("a share between 0 and 1");
    let errors = Errors { tolerated: 1.0, absolute_max, min_errors: 5 };
    Guardrail { name: "errors".into(), watch: Watch::Errors(errors), action: OnFailure::Rollback }
}

/// The guardrail on slow responses.
pub fn slow() -> Guardrail {
    let watch = Watch::Latency(Latency { quantiles: vec![500, 900, 990], fail_ratio: 1.25 });
    Guardrail { name: "slow".into(), watch, action: OnFailure::Hold }
}

fn version(name: &str) -> Version {
    Version {
        service: BackendKey { namespace: "shop".into(), service: name.into(), port: PortRef::Number(80) },
        workload: Some(Workload { kind: WorkloadKind::Deployment, name: Arc::from(name) }),
    }
}
