//! The examples and the manifest of the design mean what they should.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests read files and may panic")]

#[path = "common/yaml.rs"]
mod yaml;

use std::time::Duration;

use serde_json::Value;
use weir_crd::{Release, parse};
use weir_model::{ErrorRule, Role, StickyKey};
use weir_release::spec::{OnError, OnFailure, OnInconclusive, ScaleDown, Spec, Watch};

fn parsed(manifest: &Value) -> Spec {
    let release = Release::read(manifest).unwrap();
    parse("shop", &release.spec).unwrap()
}

fn named(file: &str) -> Spec {
    let manifests = yaml::manifests();
    let (_, manifest) = manifests.iter().find(|(path, _)| path.ends_with(file)).unwrap();
    parsed(manifest)
}

/// Every step with its share and what it needs, in a line each.
fn steps(spec: &Spec) -> Vec<String> {
    let line = |step: &weir_release::spec::Step| {
        let bake = &step.bake;
        let clean = if bake.clean { "clean" } else { "plain" };
        let audience = if step.audience.is_empty() { "" } else { ", audience" };
        let approval = if step.approval { ", approval" } else { "" };
        format!("{step}: {} for {} s {clean}{audience}{approval}", step.weight, bake.duration.as_secs())
    };
    spec.steps.iter().map(line).collect()
}

#[test]
fn every_manifest_can_be_read() {
    for (path, manifest) in yaml::manifests() {
        let release = Release::read(&manifest).unwrap_or_else(|refusals| panic!("{path}: {refusals:#?}"));
        parse("shop", &release.spec).unwrap_or_else(|refusals| panic!("{path}: {refusals:#?}"));
        let stored = serde_json::to_value(&release).unwrap();
        assert_eq!(Release::read(&stored).unwrap(), release, "{path} can be stored");
    }
}

#[test]
fn five_lines_are_safe() {
    let spec = named("five-lines.yaml");
    let expected = [
        "1%: 1 % for 600 s clean",
        "5%: 5 % for 600 s clean",
        "20%: 20 % for 600 s clean",
        "50%: 50 % for 600 s clean",
        "100%: 100 % for 600 s clean",
    ];
    assert_eq!(steps(&spec), expected);
    assert!(
        spec.steps
            .iter()
            .all(|step| step.bake.on_error == OnError::ResetClock && step.bake.min_requests == 0)
    );
    assert_eq!(spec.keys, [StickyKey::Issued]);
    assert_eq!(spec.errors, ErrorRule::default());
    let analysis = &spec.analysis;
    assert!((analysis.false_abort - 0.01).abs() < 1e-12);
    assert_eq!(analysis.on_inconclusive, OnInconclusive::Proceed);
    assert!(analysis.hold_without_data);
    assert!(analysis.guardrails.iter().all(|one| one.action == OnFailure::Rollback));
    let [errors, pods] = &analysis.guardrails[..] else { panic!("{analysis:#?}") };
    let (Watch::Errors(errors), Watch::Pods(pods)) = (&errors.watch, &pods.watch) else {
        panic!("{analysis:#?}")
    };
    assert!((errors.absolute_max.share() - 0.05).abs() < 1e-12);
    assert!((errors.tolerated - 1.0).abs() < 1e-12);
    assert_eq!((errors.min_errors, pods.restarts), (5, 0));
    assert_eq!(spec.keep_canary, Duration::from_mins(30));
    let offline = &spec.offline;
    assert_eq!(offline.rollback_hold, Duration::from_mins(15));
    assert_eq!(offline.in_flight, Duration::from_mins(1));
    assert_eq!((offline.long_lived, offline.close_rate), (Duration::from_mins(30), 50));
    assert_eq!(offline.verify_zero, Duration::from_mins(1));
    assert_eq!(offline.scale_down, ScaleDown::Scale { keep: 0 });
    assert_eq!(spec.step_deadline, Duration::from_hours(24));
    assert!(!spec.paused);
}

#[test]
fn without_workloads_nothing_is_scaled_and_no_pods_are_watched() {
    let manifests = yaml::manifests();
    let mut manifest =
        manifests.iter().find(|(path, _)| path.ends_with("five-lines.yaml")).unwrap().1.clone();
    for role in ["stable", "canary"] {
        manifest["spec"][role].as_object_mut().unwrap().remove("workload");
    }
    let spec = parsed(&manifest);
    assert_eq!(spec.offline.scale_down, ScaleDown::None);
    assert_eq!(spec.analysis.guardrails.len(), 1);
}

#[test]
fn the_manifest_of_the_design() {
    let spec = named("design.yaml");
    let expected = [
        "insiders: 0 % for 1800 s plain",
        "beta: 100 % for 3600 s clean, audience",
        "fifth: 20 % for 7200 s clean",
        "ramp 1/5: 20 % for 300 s clean",
        "ramp 2/5: 40 % for 300 s clean",
        "ramp 3/5: 60 % for 300 s clean",
        "ramp 4/5: 80 % for 300 s clean",
        "ramp 5/5: 100 % for 300 s clean",
        "all: 100 % for 1800 s clean, approval",
    ];
    assert_eq!(steps(&spec), expected);
    assert_eq!(spec.steps[2].bake.min_requests, 5000);
    assert_eq!(spec.steps[2].gates.len(), 1);
    let cookie = StickyKey::Cookie("uid".into());
    assert_eq!(spec.keys[1..], [cookie, StickyKey::Issued]);
    let [qa, out] = &spec.overrides[..] else { panic!("{:#?}", spec.overrides) };
    let shown: Vec<_> = qa.any.iter().map(ToString::to_string).collect();
    assert_eq!(shown, [r#"header foo = "bar""#, r#"cookie foo = "bar""#]);
    assert_eq!((qa.to, out.to), (Role::Canary, Role::Stable));
    assert_eq!(spec.analysis.on_inconclusive, OnInconclusive::Hold);
    let actions: Vec<_> = spec.analysis.guardrails.iter().map(|one| (&*one.name, one.action)).collect();
    let (back, hold) = (OnFailure::Rollback, OnFailure::Hold);
    assert_eq!(actions, [("errors", back), ("slow", hold), ("pods", back), ("app", back)]);
    let Watch::Latency(latency) = &spec.analysis.guardrails[1].watch else { panic!("{:#?}", spec.analysis) };
    assert_eq!(latency.quantiles, [500, 900, 990]);
}

#[test]
fn ramps_rise() {
    let expected = [
        "careful 1/6: 1 % for 300 s clean",
        "careful 2/6: 1.82 % for 300 s clean",
        "careful 3/6: 3.31 % for 300 s clean",
        "careful 4/6: 6.03 % for 300 s clean",
        "careful 5/6: 10.99 % for 300 s clean",
        "careful 6/6: 20 % for 300 s clean",
    ];
    assert_eq!(steps(&named("ramp.yaml"))[..6], expected);
}

#[test]
fn a_long_bake_has_a_longer_deadline() {
    assert_eq!(named("long-bake.yaml").step_deadline, Duration::from_hours(14 * 24));
}

#[test]
fn a_preview_needs_no_requests() {
    let spec = named("blue-green.yaml");
    assert_eq!(steps(&spec), ["preview: 0 % for 0 s plain, approval", "switch: 100 % for 300 s clean"]);
    assert_eq!(spec.steps[1].gates[0].timeout, Duration::from_secs(30));
}
