//! Routes that upstream would have divided by the policy of another one.
//!
//! ingress-nginx and ACK keep a gray policy with the Service it divides, so it also applies wherever else
//! that Service is used. Weir divides only where the policy stands, and says where that differs.

use std::{collections::HashMap, sync::Arc};

use weir_model::{ArmIndex, BackendKey, Blueprint, Code, Finding, ObjectRef, Rule};

/// A finding for each of those routes. `is_nginx` tells whose upstream is ingress-nginx or built on it.
pub(super) fn findings(blueprint: &Blueprint, is_nginx: impl Fn(&ObjectRef) -> bool) -> Vec<Finding> {
    // Whose dialect it is has to be looked up, so it is asked last.
    let nginx = |rule: &&Arc<Rule>| is_nginx(&rule.origin.object);
    let rules = || blueprint.hosts.values().flat_map(|host| &host.rules);
    let divided: HashMap<&BackendKey, &Rule> =
        rules().filter(|rule| is_divided(rule)).filter(nginx).map(|rule| (base(rule), &**rule)).collect();
    if divided.is_empty() {
        return Vec::new();
    }
    let shared = rules().filter(|rule| !is_divided(rule) && divided.contains_key(base(rule)));
    shared.filter(nginx).map(|rule| finding(rule, divided[base(rule)])).collect()
}

fn is_divided(rule: &Rule) -> bool {
    rule.split.arms().len() > 1
}

fn base(rule: &Rule) -> &BackendKey {
    &rule.split.arm(ArmIndex::BASE).backend
}

fn finding(rule: &Rule, divided: &Rule) -> Finding {
    let by = &divided.origin;
    let message = format!(
        "Upstream would divide this path by the gray policy for {}{} of {} too, because both lead to Service {}; Weir divides only where the policy stands. Write the policy for this path as well if it is meant.",
        by.host,
        by.path,
        by.object,
        base(rule).service,
    );
    Finding::new(Code::Deviation, rule.origin.object.clone(), &*rule.origin.field, message)
}
