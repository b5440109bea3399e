//! The findings that have to do with a decision.

use std::collections::BTreeSet;

use weir_model::{Finding, HostName, Kind, ObjectRef, RuleOrigin, Severity};
use weir_route::Explanation;
use weir_translate::object::{Ingress, Object};

use crate::subject::Subject;

/// Those of the objects that the decision came from; all errors where no rule matched.
pub(super) fn findings(subject: &Subject, explanation: &Explanation) -> Vec<Finding> {
    let involved = explanation.rule.as_ref().map(|rule| objects(subject, rule, explanation));
    let concerns = |finding: &Finding| match &involved {
        Some(objects) => objects.contains(&finding.object),
        None => finding.severity == Severity::Error,
    };
    subject.findings.iter().filter(|finding| concerns(finding)).cloned().collect()
}

/// The Ingresses of the same host and path, so also the canaries, and the Services that may serve.
fn objects(subject: &Subject, rule: &RuleOrigin, explanation: &Explanation) -> BTreeSet<ObjectRef> {
    let mut objects = BTreeSet::from([rule.object.clone()]);
    for object in &subject.objects {
        match object {
            Object::Ingress(ingress) if has_path(ingress, rule) => {
                objects.insert(object.id());
                let class = ingress.spec.ingress_class_name.as_deref();
                objects.extend(class.map(|class| ObjectRef::new(Kind::IngressClass, "", class)));
            }
            _ => {}
        }
    }
    let arms = explanation.arms.iter();
    objects.extend(arms.map(|arm| ObjectRef::new(Kind::Service, &*arm.namespace, &*arm.service)));
    objects
}

/// Whether an Ingress has a path of the rule's host that reads the same, a trailing slash aside.
fn has_path(ingress: &Ingress, rule: &RuleOrigin) -> bool {
    let same_host = |host: &str| HostName::parse(host).is_ok_and(|host| host.to_string() == *rule.host);
    let same_path = |path: &str| path.trim_end_matches('/') == rule.path.trim_end_matches('/');
    let rules = ingress.spec.rules.iter().filter(|rule| same_host(&rule.host));
    rules.filter_map(|rule| rule.http.as_ref()).flat_map(|http| &http.paths).any(|path| same_path(&path.path))
}
