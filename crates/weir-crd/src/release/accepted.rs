//! The last spec that made sense, as it was written. It is kept with the state, so that a spec that makes no sense
//! takes nothing away that is in force, not even after a restart.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use weir_release::spec::Spec;

use super::Release;
use crate::{API_VERSION, parse::parse, refusal::Refusal, shape};

/// What proxies are told follows from these fields and the state, while requests are divided between two versions.
const DIVIDING: [&str; 6] = ["routes", "stable", "canary", "assignment", "overrides", "steps"];
/// The same while one version gets everything.
const SENDING: [&str; 3] = ["routes", "stable", "canary"];
/// What of a step says where requests go.
const OF_STEP: [&str; 4] = ["name", "weight", "ramp", "audience"];

/// A spec that made sense, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Of which generation of the object it is; files have none. The larger is the later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// As it was written.
    pub spec: Value,
}

// === impl Accepted ===

impl Accepted {
    /// A spec that makes sense, of a generation of its object.
    pub fn new(generation: Option<i64>, spec: &Value) -> Self {
        Self { generation, spec: shape::without_empty(spec) }
    }

    /// Reads it, as the spec of an object in this namespace.
    ///
    /// # Errors
    /// When this version of Weir refuses what another one let pass: everything that it refuses.
    pub fn read(&self, namespace: &str) -> Result<Spec, Vec<Refusal>> {
        read(namespace, &self.spec)
    }

    /// What is left of one that this version of Weir refuses: enough to go on sending requests where the state says,
    /// and not to go any further, which is why it is paused. `divided` says whether both versions get requests; then
    /// all the rules of who gets which have to be readable.
    pub fn remains(&self, namespace: &str, divided: bool) -> Option<Spec> {
        let fields: &[&str] = if divided { &DIVIDING } else { &SENDING };
        let mut spec = only(&self.spec, fields);
        for step in spec.get_mut("steps").and_then(Value::as_array_mut).into_iter().flatten() {
            *step = only(step, &OF_STEP);
        }
        let spec = read(namespace, &spec).ok()?;
        Some(Spec { paused: true, ..spec })
    }
}

fn read(namespace: &str, spec: &Value) -> Result<Spec, Vec<Refusal>> {
    let metadata = json!({ "name": "accepted" });
    let object = json!({ "apiVersion": API_VERSION, "kind": "Release", "metadata": metadata, "spec": spec });
    parse(namespace, &Release::read(&object)?.spec)
}

/// An object with these fields only.
fn only(object: &Value, fields: &[&str]) -> Value {
    let given = fields.iter().filter_map(|field| Some(((*field).to_owned(), object.get(field)?.clone())));
    given.collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted() -> Accepted {
        let spec = json!({
            "routes": [{"kind": "Ingress", "name": "shop"}],
            "stable": {"service": {"name": "web-v1", "port": 80}},
            "canary": {"service": {"name": "web-v2", "port": 80}},
            "steps": [
                {"name": "beta", "audience": [{"cookie": {"name": "beta", "exact": "1"}}], "weight": 50,
                 "bake": {"duration": "1h"}},
                {"name": "all", "weight": 100},
            ],
        });
        Accepted { generation: Some(3), spec }
    }

    #[test]
    fn it_is_read_like_any_spec() {
        let spec = accepted().read("shop").unwrap();
        assert_eq!((&*spec.stable.service.namespace, spec.steps.len(), spec.paused), ("shop", 2, false));
    }

    #[test]
    fn what_says_where_requests_go_is_left_of_one_that_is_refused() {
        let mut accepted = accepted();
        accepted.spec["steps"][0]["bake"]["duration"] = json!("an age");
        accepted.spec["formerField"] = json!(1);
        let refusals = accepted.read("shop").unwrap_err();
        assert!(refusals.iter().any(|refusal| refusal.field == "spec.formerField"), "{refusals:?}");
        let spec = accepted.remains("shop", true).unwrap();
        assert_eq!(spec.steps[0].audience.len(), 1);
        assert!(spec.paused, "nobody knows how long the step is to bake");
    }

    #[test]
    fn requests_are_not_divided_by_rules_that_cannot_be_read() {
        let mut accepted = accepted();
        accepted.spec["steps"][0]["audience"][0] = json!({"weather": "fine"});
        assert_eq!(accepted.remains("shop", true), None, "everybody would be in the audience");
        let spec = accepted.remains("shop", false).unwrap();
        assert_eq!(&*spec.canary.service.service, "web-v2");
    }
}
