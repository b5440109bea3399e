//! Releases for tests.

use jiff::Timestamp;
use serde_json::{Value, json};
use weir_model::ReleaseKey;
use weir_release::{
    evidence::Evidence,
    spec::Spec,
    state::State,
    stats::{Bucket, Counts},
    view::{Live, View},
};

use super::desk::{Found, Told};

/// When tests look.
pub(super) fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn manifest() -> Value {
    json!({
        "apiVersion": "weir.dev/v1alpha1", "kind": "Release", "metadata": {"name": "shop"},
        "spec": {
            "routes": [{"kind": "Ingress", "name": "shop", "host": "shop.example.com", "path": "/"}],
            "stable": {"service": {"name": "web-v1", "port": 80}, "workload": {"kind": "Deployment", "name": "web-v1"}},
            "canary": {"service": {"name": "web-v2", "port": 80}, "workload": {"kind": "Deployment", "name": "web-v2"}},
            "overrides": [{"name": "qa", "match": [{"header": {"name": "foo", "exact": "bar"}}], "to": "canary"}],
            "steps": [
                {"name": "insiders", "weight": 0, "bake": {"duration": "30m"}},
                {"name": "beta", "audience": [{"cookie": {"name": "beta", "exact": "1"}}], "weight": 50, "bake": {"duration": "1h"}},
                {"name": "fifth", "weight": 20, "bake": {"duration": "2h", "clean": true, "minRequests": 5000}},
                {"name": "ramp", "ramp": {"from": 20, "to": 100, "stages": 5, "hold": "5m"}},
                {"name": "all", "weight": 100, "bake": {"duration": "30m"}, "approval": "required"},
            ],
            "analysis": {"guardrails": [
                {"name": "errors", "errors": {}, "absoluteMax": "5%"},
                {"name": "slow", "latency": {"quantiles": ["p50", "p99"], "failRatio": 1.25}, "action": "Hold"},
                {"name": "pods", "pods": {"restarts": 0}},
            ], "onInconclusive": "Hold"},
            "gates": [{"name": "smoke", "webhook": {"url": "http://smoke", "timeout": "10s"}, "before": "fifth"}],
        },
    })
}

/// A spec with everything that is shown.
pub(super) fn spec() -> Spec {
    let release = weir_crd::Release::read(&manifest()).unwrap();
    weir_crd::parse("shop", &release.spec).unwrap()
}

fn found(state: Value, waiting_for: &str) -> Found {
    let mut state: State = serde_json::from_value(state).unwrap();
    if state.routing.is_some() {
        state.evidence = Some(evidence());
    }
    let spec = spec();
    let mut view = View::new(&ReleaseKey::new("shop", "shop"), &spec, &state, waiting_for);
    view.live = Some(serde_json::from_value::<Live>(live()).unwrap());
    Found { view: Box::new(view), spec: Some(spec) }
}

fn evidence() -> Evidence {
    let mut evidence = Evidence::default();
    for (new, old) in [(2, 7), (1, 5), (3, 6), (0, 4)] {
        let canary = Counts { requests: 1_128, errors: new };
        let stable = Counts { requests: 4_525, errors: old };
        evidence.errors.update(&Bucket { canary, stable });
        evidence.compared.canary.requests += canary.requests;
        evidence.compared.canary.errors += canary.errors;
        evidence.compared.stable.requests += stable.requests;
        evidence.compared.stable.errors += stable.errors;
    }
    evidence
}

fn live() -> Value {
    json!({
        "stable": {"rps": 182.3, "errorsPerSecond": 0.42, "p50Millis": 12.0, "p99Millis": 84.0, "inFlight": 12, "ready": 3, "desired": 3},
        "canary": {"rps": 45.1, "errorsPerSecond": 0.1, "p50Millis": 11.0, "p99Millis": 81.0, "inFlight": 4, "longLived": 1, "ready": 2, "desired": 3},
        "proxies": 3, "acknowledged": 3,
    })
}

fn attempt(number: u64) -> Value {
    json!({"number": number, "stable": "6c5f", "canary": "9ab1", "startedAt": "2026-03-01T09:46:00Z"})
}

/// Under way.
pub(super) fn baking() -> Found {
    let bake = json!({"creditedMillis": 4_800_000, "requests": 3_210, "resets": 1});
    let step =
        json!({"index": 2, "name": "fifth", "state": "Baking", "bake": bake, "elapsedMillis": 5_400_000});
    let routing = json!({"epoch": 7, "attempt": 1, "to": "step", "step": 2, "weight": 2_000});
    let state = json!({"phase": "Running", "step": step, "attempt": attempt(1), "routing": routing});
    found(state, "40m without exceptions")
}

/// Held by a guardrail.
pub(super) fn held() -> Found {
    let mut found = baking();
    let hold = json!({
        "reason": "Guardrail", "since": "2026-03-01T11:30:00Z",
        "message": "guardrail slow: more responses of the new version are slow than the old one's p99",
    });
    found.view.state.hold = serde_json::from_value(hold).unwrap();
    found.view.waiting_for =
        "held: guardrail slow: more responses of the new version are slow than the old one's p99".into();
    found
}

/// The old version goes offline.
pub(super) fn offlining() -> Found {
    let offline = json!({"side": "stable", "state": "InFlight", "elapsedMillis": 12_000, "cut": 0, "closed": 0, "contested": false, "retire": false});
    let routing = json!({"epoch": 12, "attempt": 1, "to": "only", "side": "canary", "close": false});
    let state = json!({"phase": "Offlining", "offline": offline, "attempt": attempt(1), "routing": routing});
    found(state, "3 requests to end")
}

/// The end that was hoped for.
pub(super) fn completed() -> Found {
    let state = json!({"phase": "Completed", "at": "2026-03-01T12:00:00Z", "attempt": attempt(1)});
    found(state, "")
}

/// The other end.
pub(super) fn rolled_back() -> Found {
    let failure = json!({
        "cause": "errors", "at": "2026-03-01T11:00:00Z",
        "message": "the new version fails more often: 31 of 4512 (0.69 %), the old one 22 of 18100 (0.12 %); at least 2.1 times as often",
    });
    let acted = json!({"id": "1", "verb": "pause", "by": "ann", "at": "2026-03-01T10:30:00Z", "refused": "the release is Pending"});
    let routing = json!({"epoch": 9, "attempt": 2, "to": "only", "side": "stable", "close": true});
    let state = json!({
        "phase": "RolledBack", "at": "2026-03-01T11:31:00Z", "attempt": attempt(2), "failure": failure,
        "lastAction": acted, "routing": routing,
    });
    found(state, "")
}

/// A manifest that makes no sense.
pub(super) fn refused() -> Found {
    let mut found = found(json!({"phase": "Pending"}), "");
    found.view.refusals = vec![
        "spec.steps[2].bake.duration: \"soon\" is not a duration; write whole numbers with d, h, m, s or ms"
            .into(),
    ];
    Found { spec: None, ..found }
}

/// What happened.
pub(super) fn events() -> Vec<Told> {
    let told = |at: &str, warning, reason: &str, message: &str| Told {
        at: at.parse().unwrap(),
        warning,
        reason: reason.into(),
        message: message.into(),
    };
    vec![
        told("2026-03-01T09:40:00Z", false, "Action", "retry by ann"),
        told("2026-03-01T09:46:00Z", false, "StepStarted", "Step insiders begins."),
        told("2026-03-01T09:46:02Z", false, "Routed", "Step insiders: 0 % go to the new version."),
        told(
            "2026-03-01T11:00:00Z",
            true,
            "RollingBack",
            "Everything goes back to the old version: too many errors | 31 of 4512.",
        ),
    ]
}
