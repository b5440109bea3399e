#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the numbers are small")]

use std::time::Duration;

use super::*;
use crate::{
    clock::Passed,
    observation::Observation,
    spec::{Absolute, Analysis, OnInconclusive},
    stats::simulation::{draw, median_of_runs},
    tally::Tally,
};

/// What is judged as most manifests have it, with so many guardrails that share the chance of a false alarm.
fn analysis(guardrails: usize) -> Analysis {
    let errors = Errors { tolerated: 1.0, absolute_max: Absolute::new(0.05).unwrap(), min_errors: 5 };
    let watch = Watch::Errors(errors);
    let guardrail = Guardrail { name: "errors".into(), watch, action: OnFailure::Rollback };
    Analysis {
        false_abort: 0.01,
        guardrails: vec![guardrail; guardrails],
        on_inconclusive: OnInconclusive::Proceed,
        hold_without_data: false,
    }
}

/// Requests of the new version until what is really run fails it, in the median. Looks once for so many of them.
fn median_until_failed(analysis: &Analysis, scenario: &Scenario, look: u64) -> f64 {
    let (fail_at, errors) = (FailAt::of(analysis), analysis.errors().unwrap());
    let (base, share) = (scenario.base_rate, scenario.share);
    let others = (as_float(look) * (1.0 - share) / share).round() as u64;
    median_of_runs(200, |rng| {
        let mut tally =
            |requests, rate| Tally { requests, errors: draw(rng, requests, rate), ..Tally::default() };
        let mut evidence = Evidence::default();
        while too_many_errors(&fail_at, errors, &evidence).is_none() {
            let canary = tally(look, base * scenario.ratio);
            let stable = tally(others, base);
            let passed = Passed { elapsed: Duration::from_secs(1), canary, stable, ..Passed::default() };
            evidence.update(analysis, &passed, &Observation::default());
        }
        as_float(evidence.canary.requests)
    })
}

#[test]
fn what_is_told_to_be_found_is_found_by_the_test_that_is_run() {
    for (guardrails, share, base_rate, ratio) in [
        // By comparison.
        (1, 0.1, 0.001, 1.5),
        (1, 0.1, 0.001, 2.0),
        (2, 0.1, 0.001, 3.0),
        (1, 0.01, 0.001, 2.0),
        (1, 0.01, 0.01, 3.0),
        (2, 0.5, 0.001, 1.5),
        (1, 0.5, 0.01, 2.0),
        (1, 0.5, 0.0001, 10.0),
        // As soon as there are enough errors to conclude anything.
        (1, 0.01, 0.001, 20.0),
        (1, 0.1, 0.001, 60.0),
        // By the limit: the comparison alone would take twice as long.
        (1, 0.5, 0.03, 10.0),
        (2, 0.8, 0.02, 6.0),
    ] {
        let (analysis, scenario) = (analysis(guardrails), Scenario { base_rate, ratio, share });
        let estimate = FailAt::of(&analysis).requests_to_fail(&scenario, Some(0.05), 5);
        let look = (estimate / 40.0).ceil() as u64;
        let found = median_until_failed(&analysis, &scenario, look);
        let factor = estimate / found;
        assert!(
            (0.75..1.33).contains(&factor),
            "{guardrails} {scenario:?}: {estimate} is told, {found} found"
        );
    }
}
