//! Which Ingresses are served, and in which dialect.

use std::{collections::BTreeMap, sync::Arc};

use weir_model::{Code, Finding, Kind, ObjectRef};

use crate::{
    CONTROLLER, Config, Dialect,
    notes::{annotation_field, quote},
    object::{Ingress, IngressClass},
    settings::parse_bool,
};

/// The class that is served without an IngressClass, unless Weir's classes have another controller.
const OWN_CLASS: &str = "weir";
const DIALECT: &str = "weir.dev/dialect";
const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";
const LEGACY: &str = "kubernetes.io/ingress.class";

/// `IngressClasses` by name.
pub(crate) type Classes = BTreeMap<Arc<str>, Arc<IngressClass>>;

/// The class that an Ingress names: in its spec, else in the legacy annotation.
pub(crate) fn named(ingress: &Ingress) -> Option<&str> {
    let legacy = ingress.metadata.annotations.get(LEGACY);
    ingress.spec.ingress_class_name.as_deref().or(legacy).filter(|name| !name.is_empty())
}

/// The dialect of an Ingress, or the finding that says why it is not served. In a cluster an Ingress of another
/// controller's class is no more than that.
pub(crate) fn dialect(
    ingress: &Ingress,
    classes: &Classes,
    config: &Config,
) -> Result<Dialect, Option<Box<Finding>>> {
    let name = match named(ingress).or_else(|| default_class(classes)) {
        Some(name) => name,
        None if config.standalone => return Ok(Dialect::Nginx),
        None => return Err(Some(Box::new(no_class(ingress, config)))),
    };
    let is_foreign = !config.standalone && classes.contains_key(name);
    let finding = || (!is_foreign).then(|| Box::new(not_served(ingress, name, config)));
    served(name, classes, config).ok_or_else(finding)
}

/// The dialect of a class, if it is served.
fn served(name: &str, classes: &Classes, config: &Config) -> Option<Dialect> {
    if let Some(dialect) = config.adopt.get(name) {
        return Some(*dialect);
    }
    match classes.get(name) {
        Some(class) if is_own(class, config) => Some(class_dialect(class).unwrap_or(Dialect::Nginx)),
        Some(_) => None,
        None => (name == OWN_CLASS && *config.controller == *CONTROLLER).then_some(Dialect::Nginx),
    }
}

fn is_own(class: &IngressClass, config: &Config) -> bool {
    class.spec.controller == config.controller
}

/// `Err` holds the text that names no dialect.
fn class_dialect(class: &IngressClass) -> Result<Dialect, &str> {
    let text = class.metadata.annotations.get(DIALECT);
    text.map_or(Ok(Dialect::Nginx), |text| text.trim().parse().map_err(|_| text))
}

/// The class of Ingresses that name none; of several the first by name.
fn default_class(classes: &Classes) -> Option<&str> {
    let is_default = |class: &IngressClass| class.metadata.annotations.get(DEFAULT).and_then(parse_bool);
    classes.iter().find(|(_, class)| is_default(class) == Some(true)).map(|(name, _)| &**name)
}

/// What is wrong with the classes themselves.
pub(crate) fn findings(classes: &Classes, config: &Config) -> impl Iterator<Item = Finding> {
    classes.values().filter(|class| is_own(class, config)).filter_map(|class| {
        let text = class_dialect(class).err()?;
        let message = format!(
            "{} is not a dialect; nginx is read instead. Write ack, nginx, higress or mse.",
            quote(text)
        );
        let id = class.metadata.cluster_id(Kind::IngressClass);
        Some(Finding::new(Code::InvalidDialect, id, annotation_field(DIALECT), message))
    })
}

fn not_served(ingress: &Ingress, name: &str, config: &Config) -> Finding {
    let guess = name.split(['-', '.']).find_map(|word| word.parse().ok()).unwrap_or(Dialect::Nginx);
    let message = format!(
        "Weir does not serve the class {}. To serve it, start Weir with --adopt-class {name}={guess}, or give the Ingress a class whose controller is {}.",
        quote(name),
        config.controller
    );
    Finding::new(Code::ClassNotServed, id(ingress), field(ingress), message)
}

fn no_class(ingress: &Ingress, config: &Config) -> Finding {
    let message = format!(
        "The Ingress names no class and there is no default class. Set spec.ingressClassName to a class whose controller is {}.",
        config.controller
    );
    Finding::new(Code::ClassNotServed, id(ingress), "spec.ingressClassName", message)
}

fn id(ingress: &Ingress) -> ObjectRef {
    ingress.metadata.id(Kind::Ingress)
}

fn field(ingress: &Ingress) -> String {
    let legacy =
        ingress.spec.ingress_class_name.is_none() && ingress.metadata.annotations.get(LEGACY).is_some();
    if legacy { annotation_field(LEGACY) } else { "spec.ingressClassName".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{manifest, object::Object};

    fn class(name: &str, controller: &str) -> Arc<IngressClass> {
        let text = format!(
            "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {{ name: {name} }}\nspec: {{ controller: {controller} }}\n"
        );
        match manifest::read(&text).unwrap().objects.remove(0) {
            Object::IngressClass(class) => class,
            other => panic!("{other:?}"),
        }
    }

    /// Whether an Ingress of a class is served, and whether there is a finding if not.
    fn check(class_name: &str, config: &Config) -> (bool, bool) {
        let known =
            [class("ours", CONTROLLER), class("second", "weir.dev/second"), class("nginx", "k8s.io/nginx")];
        let classes = known.into_iter().map(|class| (class.metadata.name.clone(), class)).collect();
        let text = format!(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{ name: a }}\nspec: {{ ingressClassName: {class_name} }}\n"
        );
        let objects = manifest::read(&text).unwrap().objects;
        let Some(Object::Ingress(ingress)) = objects.first() else { panic!("{objects:?}") };
        match dialect(ingress, &classes, config) {
            Ok(_) => (true, false),
            Err(finding) => (false, finding.is_some()),
        }
    }

    #[test]
    fn in_a_cluster_other_controllers_are_none_of_our_business() {
        let cluster = Config { standalone: false, ..Config::default() };
        assert_eq!(check("ours", &cluster), (true, false));
        assert_eq!(check("nginx", &cluster), (false, false));
        assert_eq!(check("misspelt", &cluster), (false, true));
        assert_eq!(check("nginx", &Config::default()), (false, true));
    }

    #[test]
    fn two_installations_serve_different_classes() {
        let second = Config { standalone: false, controller: "weir.dev/second".into(), ..Config::default() };
        assert_eq!(check("second", &second), (true, false));
        assert_eq!(check("ours", &second), (false, false));
        assert_eq!(check("weir", &second), (false, true));
    }
}
