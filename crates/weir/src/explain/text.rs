//! The explanation as a tree, for people.

mod tree;

use weir_model::{Backend, BackendKey, Blueprint, EndpointCondition, Endpoints, RuleOrigin};
use weir_route::{Explanation, Share, Step};

use super::question::Question;
use tree::Tree;

/// How many endpoints of a Service are listed.
const ENDPOINTS: usize = 8;

/// The question, the outcome, and the reasons in the order in which they counted.
pub(super) fn render(question: &Question, explanation: &Explanation, blueprint: &Blueprint) -> String {
    let mut tree = Tree::new(format!("{} {} from {}", question.method, question.url, question.client));
    tree.branch(format!("outcome: {}", outcome(explanation)), Vec::new());
    if let Some(rule) = &explanation.rule {
        tree.branch(format!("rule: {}", origin(rule)), Vec::new());
    }
    let (near, steps): (Vec<&Step>, Vec<&Step>) =
        explanation.trace.iter().partition(|step| step.step == "near miss");
    let step = |step: &Step| format!("{}: {}", step.step, step.detail);
    tree.branch("how it was decided", steps.into_iter().map(step).collect());
    tree.branch("why not others", near.into_iter().map(|step| step.detail.clone()).collect());
    let arms = explanation.arms.iter().flat_map(|share| arm(share, blueprint));
    tree.branch("who gets it", arms.collect());
    tree.branch("findings", explanation.findings.iter().map(ToString::to_string).collect());
    tree.finish()
}

fn outcome(explanation: &Explanation) -> String {
    let Explanation { outcome, status, code, location, decided_by, forwarded_target, .. } = explanation;
    let mut text = (*outcome).to_owned();
    let parts = [
        status.map(|status| format!(" with {status}")),
        code.map(|code| format!(" ({code})")),
        location.as_ref().map(|location| format!(" to {location}")),
        decided_by.map(|decided_by| format!(", decided by {}", decided_by.as_str())),
        forwarded_target.as_ref().map(|target| format!(", as {target}")),
    ];
    parts.into_iter().flatten().for_each(|part| text.push_str(&part));
    text
}

fn origin(rule: &RuleOrigin) -> String {
    format!("{}, {}, host {}, path {} ({:?})", rule.object, rule.field, rule.host, rule.path, rule.path_type)
}

/// The share of a Service, then its endpoints.
fn arm(share: &Share, blueprint: &Blueprint) -> Vec<String> {
    let Share { namespace, service, port, share } = share;
    let key = BackendKey { namespace: (**namespace).into(), service: (**service).into(), port: port.clone() };
    let mut lines = vec![format!("{:>6.2} %  {namespace}/{service} port {port}", share * 100.0)];
    let endpoints = blueprint.backends.get(&key).map(|backend| endpoints(backend)).unwrap_or_default();
    lines.extend(endpoints.into_iter().map(|endpoint| format!("            {endpoint}")));
    lines
}

fn endpoints(backend: &Backend) -> Vec<String> {
    let Endpoints::Known(all) = &backend.endpoints else {
        return vec!["endpoints unknown: counted as available".into()];
    };
    if all.is_empty() {
        return vec!["no endpoint that can serve".into()];
    }
    let state = |condition| match condition {
        EndpointCondition::Ready => "ready",
        EndpointCondition::Terminating => "terminating",
    };
    let shown = all.iter().take(ENDPOINTS).map(|end| format!("{} {}", end.address, state(end.condition)));
    let more = all.len().saturating_sub(ENDPOINTS);
    shown.chain((more > 0).then(|| format!("and {more} more"))).collect()
}
