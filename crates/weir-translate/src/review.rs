//! One Ingress alone: what can be said of it without looking at any other object but its class.

use std::sync::Arc;

use weir_model::{Finding, Severity};

use crate::{
    Config,
    class::{self, Classes},
    ingress,
    object::{Ingress, IngressClass},
};

/// What to answer somebody who writes an Ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Review {
    /// What is not served as it was asked for, and was not so before: reasons to refuse it.
    pub refusals: Vec<Finding>,
    /// Everything else that is worth knowing.
    pub warnings: Vec<Finding>,
}

/// Reviews an Ingress before it is stored. What was wrong with the version before it is no reason to refuse
/// this one: whoever changes a label need not repair what others left. An Ingress of another controller's
/// class gets no remark.
pub fn review<'c>(
    new: &Arc<Ingress>,
    old: Option<&Arc<Ingress>>,
    classes: impl IntoIterator<Item = &'c Arc<IngressClass>>,
    config: &Config,
) -> Review {
    let classes: Classes =
        classes.into_iter().map(|class| (class.metadata.name.clone(), Arc::clone(class))).collect();
    let findings = |ingress: &Arc<Ingress>| match class::dialect(ingress, &classes, config) {
        Ok(dialect) => ingress::draft(ingress, 0, dialect).findings,
        Err(_) => Vec::new(),
    };
    let before = old.map(findings).unwrap_or_default();
    let (refusals, warnings) = findings(new)
        .into_iter()
        .filter(|finding| finding.severity > Severity::Info)
        .partition(|finding| finding.severity == Severity::Error && !before.contains(finding));
    Review { refusals, warnings }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{manifest, object::Object};

    fn ingress(weight: &str, class: &str) -> Arc<Ingress> {
        let text = format!(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: a\n  annotations:\n    nginx.ingress.kubernetes.io/canary: 'true'\n    nginx.ingress.kubernetes.io/canary-weight: '{weight}'\n    nginx.ingress.kubernetes.io/nonsense: x\nspec: {{ ingressClassName: {class}, rules: [] }}\n"
        );
        match manifest::read(&text).unwrap().objects.remove(0) {
            Object::Ingress(ingress) => ingress,
            other => panic!("{other:?}"),
        }
    }

    fn check(new: &str, old: Option<&str>, class: &str) -> (usize, usize) {
        let old = old.map(|weight| ingress(weight, class));
        let config = Config { standalone: false, ..Config::default() };
        let review = review(&ingress(new, class), old.as_ref(), [], &config);
        (review.refusals.len(), review.warnings.len())
    }

    #[test]
    fn an_invalid_value_is_refused() {
        assert_eq!(check("20", None, "weir"), (0, 1));
        assert_eq!(check("many", None, "weir"), (1, 1));
        assert_eq!(check("many", Some("20"), "weir"), (1, 1));
    }

    #[test]
    fn what_was_wrong_before_may_stay() {
        assert_eq!(check("many", Some("many"), "weir"), (0, 2));
    }

    #[test]
    fn ingresses_of_others_are_none_of_our_business() {
        assert_eq!(check("many", None, "other"), (0, 0));
    }
}
