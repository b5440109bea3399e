//! The explanation as a tree, for people.

mod tree;

use weir_model::{Backend, BackendKey, Blueprint, EndpointCondition, Endpoints, RuleOrigin};
use weir_route::{Explanation, Share, Step};

use super::question::Question;
use tree::Node;

/// How many endpoints of a Service are listed.
const ENDPOINTS: usize = 8;

/// The question, the outcome, and the reasons in the order in which they counted.
pub(super) fn render(question: &Question, explanation: &Explanation, blueprint: &Blueprint) -> String {
    let mut parts = vec![Node::leaf(format!("outcome: {}", outcome(explanation)))];
    parts.extend(explanation.rule.iter().map(|rule| Node::leaf(format!("rule: {}", origin(rule)))));
    let (lost, steps): (Vec<&Step>, Vec<&Step>) =
        explanation.trace.iter().partition(|step| step.step == "near miss");
    let step = |step: &Step| Node::leaf(format!("{}: {}", step.step, step.detail));
    parts.push(Node::list("how it was decided", steps.into_iter().map(step).collect()));
    let lost = lost.into_iter().map(|step| Node::leaf(&*step.detail));
    parts.push(Node::list("why not others", lost.collect()));
    let arms = together(&explanation.arms);
    parts.push(Node::list("who gets it", arms.iter().map(|share| arm(share, blueprint)).collect()));
    let findings = explanation.findings.iter().map(|finding| Node::leaf(finding.to_string()));
    parts.push(Node::list("findings", findings.collect()));
    Node::new(format!("{} {} from {}", question.method, question.url, question.client), parts).render()
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

/// One share for each backend: several canaries may name the same one.
fn together(arms: &[Share]) -> Vec<Share> {
    let mut all: Vec<Share> = Vec::new();
    for arm in arms {
        let same = |other: &&mut Share| {
            (&other.namespace, &other.service, &other.port) == (&arm.namespace, &arm.service, &arm.port)
        };
        match all.iter_mut().find(same) {
            Some(other) => other.share += arm.share,
            None => all.push(arm.clone()),
        }
    }
    all
}

/// The share of a Service with its endpoints.
fn arm(share: &Share, blueprint: &Blueprint) -> Node {
    let Share { namespace, service, port, share } = share;
    let key = BackendKey { namespace: (**namespace).into(), service: (**service).into(), port: port.clone() };
    let endpoints = blueprint.backends.get(&key).map(|backend| endpoints(backend)).unwrap_or_default();
    let text = format!("{:.2} % to {namespace}/{service} port {port}", share * 100.0);
    Node::new(text, endpoints.into_iter().map(Node::leaf).collect())
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
