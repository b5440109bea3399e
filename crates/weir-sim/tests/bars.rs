//! The statistical bars on few seeds; `cargo xtask sim --bars` takes a thousand.

use weir_release::spec::{OnInconclusive, Spec};
use weir_sim::{
    bars::{Row, Scenario},
    rules::Rule,
    specs,
    traffic::{Once, Pattern, Traffic},
    trial::{Ending, Trial},
};

/// Few of them, so more than the bar's 1 % may be unlucky: 2 of 60.
const LUCK: f64 = 0.04;

/// All rules' rows of a scenario, Weir's first.
fn rows(name: &str, runs: u64) -> Vec<Row> {
    let scenario = Scenario::all().into_iter().find(|scenario| scenario.name == name);
    let scenario = scenario.unwrap_or_else(|| panic!("there is no scenario {name}"));
    scenario.rows(&(0..runs).map(|seed| scenario.run(seed)).collect::<Vec<_>>())
}

fn assert_kept(name: &str) {
    let weir = rows(name, 60).swap_remove(0);
    assert!(weir.aborted < LUCK, "{name}: {weir:?}");
}

#[test]
fn healthy_releases_are_kept() {
    assert_kept("healthy, 0.2 % errors");
    assert_kept("healthy, 2 % errors");
}

#[test]
fn healthy_releases_are_kept_through_incidents() {
    assert_kept("healthy, 0.2 %, shared incident");
    assert_kept("healthy, 2 %, shared incident");
    assert_kept("healthy, 2 %, incident, busy clients");
}

#[test]
fn healthy_releases_are_kept_through_storms() {
    assert_kept("healthy, 2 %, storms of 3");
    assert_kept("healthy, 2 %, storms of 10");
}

#[test]
fn healthy_releases_are_kept_over_all_steps() {
    assert_kept("healthy, 2 %, five steps");
}

#[test]
fn ten_times_the_errors_are_found_in_a_minute() {
    let weir = rows("0.2 % -> 2 %", 300).swap_remove(0);
    assert!(weir.met, "{weir:?}");
}

#[test]
fn twice_the_errors_are_found_in_three_minutes() {
    let weir = rows("2 % -> 4 %", 300).swap_remove(0);
    assert!(weir.met, "{weir:?}");
}

#[test]
fn slow_versions_are_held_and_others_are_not() {
    let slow = rows("+50 % latency", 20).swap_remove(0);
    assert!(slow.met && slow.held > 0.9, "{slow:?}");
    let healthy = rows("healthy latency", 30).swap_remove(0);
    assert!(healthy.held + healthy.aborted < LUCK, "{healthy:?}");
}

#[test]
fn rules_with_thresholds_give_up_healthy_releases() {
    let rows = rows("healthy, 2 % errors", 10);
    for rule in [Rule::ArgoStrict, Rule::Flagger] {
        let row = rows.iter().find(|row| row.rule == rule.name()).expect("each rule has a row");
        assert!(row.aborted > 0.99, "{row:?}");
    }
}

#[test]
fn a_bar_can_be_missed() {
    let raw = rows("healthy, 2 %, storms of 3, raw", 40).swap_remove(0);
    assert!(raw.aborted > LUCK, "without counting a client once, storms are errors of many: {raw:?}");
}

fn healthy(spec: Spec, base: f64, seed: u64) -> Trial {
    let (errors, once) = (Pattern::Independent, Once::UntilCalm);
    let traffic =
        Traffic { rps: 50.0, base, ratio: 1.0, errors, clients: 2_000, skew: 0.8, slower: None, once };
    Trial::new(spec, traffic, seed)
}

#[test]
fn a_healthy_default_release_reaches_the_end() {
    for (seed, base) in [(1, 0.0), (2, 0.002), (3, 0.02)] {
        let mut spec = specs::default_release();
        spec.analysis.on_inconclusive = OnInconclusive::Proceed;
        let mut trial = healthy(spec, base, seed);
        let promoted = (0..7_200).any(|_| {
            trial.second();
            trial.is_promoted()
        });
        assert!(promoted, "five steps of 10 min, {base}: after 2 h {:?}", trial.state().phase);
    }
}

#[test]
fn a_held_release_gathers_evidence() {
    for (seed, base) in [(4, 0.0), (5, 0.02)] {
        let mut trial = healthy(specs::default_release(), base, seed);
        let promoted = (0..43_200).any(|_| {
            trial.second();
            trial.is_promoted()
        });
        assert!(promoted, "{base}: after 12 h {:?}, {:?}", trial.ending(), trial.state().hold);
        assert_eq!(trial.ending(), Ending::Passed, "{base}");
    }
}
