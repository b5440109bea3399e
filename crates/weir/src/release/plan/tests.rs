use std::time::Duration;

use weir_model::ReleaseKey;

use super::{super::samples, *};
use detect::{smallest, towards_yes};

fn traffic(rps: impl Into<Option<f64>>) -> Traffic {
    Traffic { rps: rps.into(), errors: 0.002, source: "as given" }
}

fn plan(outline: &Outline, rps: impl Into<Option<f64>>) -> String {
    let (key, traffic) = (ReleaseKey::new("shop", "shop"), traffic(rps));
    text::render(&key, outline, traffic, &Timeline::new(outline, traffic))
}

fn outline() -> Outline {
    Outline::of_spec(&samples::spec())
}

#[test]
fn every_step_has_a_time_and_what_it_finds() {
    insta::assert_snapshot!(plan(&outline(), 50.0));
}

#[test]
fn little_traffic_finds_little() {
    insta::assert_snapshot!(plan(&outline(), 0.2));
}

#[test]
fn without_traffic_the_times_are_told_all_the_same() {
    let plan = plan(&outline(), None);
    assert!(plan.contains("--rps N"), "{plan}");
    assert!(!plan.contains("times the errors"), "{plan}");
}

#[test]
fn a_release_under_way_is_planned_from_its_step() {
    let found = samples::baking();
    let timeline = Timeline::new(&outline().at(&found.view), traffic(50.0));
    assert_eq!(timeline.rows.len(), found.view.steps.len() - 2);
    assert_eq!(timeline.rows[0].takes, Duration::from_mins(40));
}

#[test]
fn without_the_spec_the_steps_are_planned() {
    let view = samples::baking().view;
    let plan = plan(&Outline::of_view(&view), 50.0);
    assert!(plan.contains("the usual guardrails are assumed"), "{plan}");
}

#[test]
fn more_requests_find_smaller_differences() {
    let outline = outline();
    let found = |requests| smallest(&outline, 0.002, 0.2, requests);
    assert_eq!(found(1.0), None);
    let (few, many) = (found(2_000.0).unwrap(), found(200_000.0).unwrap());
    assert!(many < few && many > 1.0, "{many} {few}");
    assert!(towards_yes(&outline, 0.002, 0.2, 1e6) > 1.0 && towards_yes(&outline, 0.002, 0.2, 10.0) < 0.1);
}

#[derive(Debug, clap::Parser)]
struct Cli {
    #[command(flatten)]
    arguments: Arguments,
}

#[test]
fn a_release_that_is_defined_twice_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    let release = |name: &str| {
        format!(
            "apiVersion: weir.dev/v1alpha1\nkind: Release\nmetadata: {{ name: {name} }}\nspec:\n  \
             routes: [{{ kind: Ingress, name: a }}]\n  stable: {{ service: {{ name: v1, port: 80 }} }}\n  \
             canary: {{ service: {{ name: v2, port: 80 }} }}\n"
        )
    };
    let text = ["web", "shop", "web"].map(release).join("---\n");
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let planned = |more: &[&str]| {
        let words = ["plan", "-f", &file].into_iter().chain(more.iter().copied());
        <Cli as clap::Parser>::try_parse_from(words).unwrap().arguments.written().unwrap()
    };
    let all = planned(&[]);
    let refusals: Vec<_> = all.iter().map(|(key, planned)| (&*key.name, planned.clone().err())).collect();
    let twice = format!(
        "it is defined more than once, at {file}:1 and at {file}:17; leave one of them, or rename the others"
    );
    assert_eq!(refusals, [("web", Some(vec![twice])), ("shop", None)]);
    assert!(planned(&["shop"])[0].1.is_ok(), "others are planned");
}

#[test]
fn numbers_are_checked() {
    assert_eq!(positive("50"), Ok(50.0));
    assert_eq!(errors("50%"), Ok(0.5));
    for text in ["0", "-1", "NaN", "inf", "x"] {
        assert!(positive(text).is_err(), "{text}");
    }
    for text in ["0%", "100%", "1", "x%"] {
        assert!(errors(text).is_err(), "{text}");
    }
}
