use weir_release::stats::Verdict;

use super::{super::samples, *};

fn errors(worse: f64, better: f64, ratio: RatioInterval) -> Errors {
    let compared = Bucket { canary: Counts { requests: 10, errors: 0 }, ..Bucket::default() };
    Errors { worse, fail_at: Some(5.0), better, pass_at: 3.0, ratio, compared }
}

fn interval(low: f64, high: Option<f64>, estimate: Option<f64>) -> RatioInterval {
    RatioInterval { low, high, estimate }
}

#[test]
fn ratios_are_told_as_far_as_they_are_known() {
    for (ratio, expected) in [
        (interval(0.0, None, None), "no error yet in 10 requests of the new version and 0 of the old one"),
        (interval(0.5, Some(1.9), Some(1.1)), "the new version fails 0.5 to 1.9 times as often"),
        (interval(0.0, Some(1.9), Some(1.1)), "the new version fails at most 1.9 times as often"),
        (interval(0.5, None, Some(1.1)), "the new version fails at least 0.5 times as often"),
        (interval(0.0, None, Some(12.0)), "most likely 12: neither better nor worse is shown yet"),
        (interval(5.0, None, Some(1_000.0)), "at least 5.0 times as often as the old one: neither"),
    ] {
        let sentence = errors(0.0, 0.0, ratio).sentence();
        assert!(sentence.contains(expected), "{sentence}");
    }
}

#[test]
fn the_verdict_is_that_of_the_release_machine() {
    let ratio = interval(0.5, Some(1.9), Some(1.1));
    assert_eq!(errors(5.0, 9.0, ratio).verdict(), Verdict::Failed);
    assert_eq!(errors(4.9, 3.0, ratio).verdict(), Verdict::Successful);
    assert_eq!(errors(4.9, 2.9, ratio).verdict(), Verdict::Inconclusive);
    let unknown = Errors { fail_at: None, ..errors(9.0, 0.0, ratio) };
    assert_eq!(unknown.verdict(), Verdict::Inconclusive);
}

#[test]
fn scales_show_where_one_is() {
    let scale = |ratio| errors(0.0, 0.0, ratio).scale(30);
    assert_eq!(scale(interval(0.0, None, None)), "0.1x ──────────┼────────── 10x");
    assert_eq!(scale(interval(0.5, Some(4.0), Some(2.0))), "0.1x ───────[══┼══◆══]──── 10x");
    assert_eq!(scale(interval(0.0, None, Some(1.0))), "0.1x ◄═════════◆═════════► 10x");
    assert_eq!(scale(interval(30.0, Some(100.0), Some(50.0))).chars().count(), 30);
    assert_eq!(errors(0.0, 0.0, interval(0.0, None, None)).scale(10), "");
}

#[test]
fn guardrails_are_told_with_and_without_the_spec() {
    let found = samples::held();
    let names =
        |found: &Found| rails(found).iter().map(|rail| (rail.name.clone(), rail.verdict)).collect::<Vec<_>>();
    let all = names(&found);
    assert_eq!(all[1], ("slow".into(), Verdict::Failed));
    assert_eq!(all[2], ("pods".into(), Verdict::Successful));
    let without = Found { spec: None, ..found.clone() };
    assert_eq!(names(&without).len(), 1);
    let errors = Errors::of(&without);
    assert!(errors.as_ref().is_some_and(|errors| errors.fail_at.is_some()), "{errors:?}");
    assert_eq!(errors, Errors::of(&found), "the view says where the evidence convinces");
}
