//! A release on one page: routes, versions, steps, evidence, what it waits for.

use jiff::Timestamp;
use weir_model::Role;
use weir_release::{state::Phase, view::View};

use super::{
    desk::Found,
    evidence::{Errors, rails},
    pace::Left,
    paint::{Text, bad, doubtful, plain},
    parts,
    sheet::Sheet,
    words::{moment, remedy, since},
};

/// Steps that are shown of many.
const STEPS: usize = 14;
/// The scale of the evidence.
const SCALE: usize = 60;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// What matters now.
    Page,
    /// Everything.
    All,
}

/// A release on a page.
pub(super) fn tree(found: &Found, now: Timestamp, detail: Detail) -> Vec<Text> {
    let view = &found.view;
    let mut sheet = Sheet::default();
    sheet.line(parts::header(view, now));
    sheet.gap();
    sheet.section("routes", view.routes.iter().map(|route| plain(route.clone()).into()));
    sheet.section("", versions(view));
    sheet.gap();
    let most = if detail == Detail::All { usize::MAX } else { STEPS };
    sheet.section("steps", parts::steps(view, most));
    if let Phase::Offlining { offline } = &view.state.phase {
        sheet.row("offline", parts::offline(offline));
    }
    judged(&mut sheet, found, detail);
    standing(&mut sheet, view, now);
    sheet.lines()
}

fn versions(view: &View) -> Vec<Text> {
    let branch = |mut line: Text, sign: &'static str| {
        line.spans.insert(0, plain(sign));
        line
    };
    let [stable, stable_does] = parts::version(view, Role::Stable);
    let [canary, canary_does] = parts::version(view, Role::Canary);
    vec![
        branch(stable, "├─"),
        branch(stable_does, "│                 "),
        branch(canary, "└─"),
        branch(canary_does, "                  "),
    ]
}

/// What is known of the new version.
fn judged(sheet: &mut Sheet, found: &Found, detail: Detail) {
    sheet.gap();
    if let Some(errors) = Errors::of(found) {
        let mut lines = Vec::new();
        if errors.ratio.estimate.is_some() {
            lines.push(plain(errors.scale(SCALE)).into());
        }
        lines.push(errors.painted(errors.sentence()));
        let shows_bars = detail == Detail::All || errors.fail_at.is_some();
        lines.extend(errors.bars().into_iter().filter(|_| shows_bars));
        sheet.section("evidence", lines);
    }
    let rails = rails(found);
    let width = rails.iter().map(|rail| rail.name.len()).max().unwrap_or(0);
    sheet.section("guardrails", rails.iter().map(|rail| rail.line(width)));
}

/// What stands in the way, what it waits for, and how long that may take.
fn standing(sheet: &mut Sheet, view: &View, now: Timestamp) {
    sheet.gap();
    sheet.section("refused", view.refusals.iter().map(|refusal| bad(refusal.clone()).into()));
    if let Some(failure) = &view.state.failure {
        let line = vec![bad(failure.cause.clone()), plain(format!(": {}", failure.message))];
        sheet.row("went back", line);
    }
    if let Some(hold) = &view.state.hold {
        let since = since(hold.since, now);
        let line =
            vec![doubtful(format!("{:?}", hold.reason)), plain(format!(" for {since}: {}", hold.message))];
        sheet.section("held", [line.into(), plain(remedy(hold)).into()]);
    } else {
        sheet.text("waits for", &view.waiting_for);
    }
    if let Some(left) = Left::of(view).filter(|_| view.state.hold.is_none()) {
        sheet.text("expected", &left.sentence());
    }
    sheet.section("proxies", parts::proxies(view));
    if let Some(acted) = &view.state.last_action {
        let by = acted.by.as_deref().map_or(String::new(), |by| format!(" by {by}"));
        let refused = acted.refused.as_deref().map_or(String::new(), |why| format!(", refused: {why}"));
        sheet.text("last asked", &format!("{}{by} at {}{refused}", acted.verb, moment(acted.at)));
    }
}
