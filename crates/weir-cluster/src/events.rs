//! Events: what authors of objects should know, where `kubectl describe` shows it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tokio::{sync::watch, time::Instant};
use weir_model::{Finding, Kind, ObjectRef, Severity};

use crate::index::View;

/// The API server forgets Events after an hour; what still is so is said again before.
const AGAIN: Duration = Duration::from_mins(45);
/// Events of one object at a time; its other findings are counted in the last one.
const PER_OBJECT: usize = 4;
/// The least time between two Events: bursts must not crowd out other clients of the API server.
const PACE: Duration = Duration::from_millis(20);

/// What has been said, and when.
#[derive(Debug, Default)]
pub(crate) struct Said(HashMap<Finding, Instant>);

// === impl Said ===

impl Said {
    /// The findings that nobody has been told of, by object, the worst first. What is no longer so is
    /// forgotten, and said again when it comes back.
    pub(crate) fn news(&mut self, findings: &[Finding], now: Instant) -> BTreeMap<ObjectRef, Vec<Finding>> {
        let mut kept = HashMap::with_capacity(self.0.len());
        let mut news: BTreeMap<ObjectRef, Vec<Finding>> = BTreeMap::new();
        for finding in findings.iter().filter(|finding| finding.severity > Severity::Info) {
            match self.0.get(finding) {
                Some(said) if now.duration_since(*said) < AGAIN => drop(kept.insert(finding.clone(), *said)),
                _ => {
                    kept.insert(finding.clone(), now);
                    news.entry(finding.object.clone()).or_default().push(finding.clone());
                }
            }
        }
        self.0 = kept;
        for of_object in news.values_mut() {
            of_object.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        }
        news
    }
}

/// Tells what is new in every view, for as long as it runs.
pub(crate) async fn tell(client: Client, identity: String, mut view: watch::Receiver<Arc<View>>) {
    let reporter = Reporter { controller: "weir.dev/ingress".into(), instance: Some(identity) };
    let recorder = Recorder::new(client, reporter);
    let mut said = Said::default();
    loop {
        let now = Arc::clone(&view.borrow_and_update());
        for (object, findings) in said.news(&now.findings, Instant::now()) {
            for event in events(&findings) {
                if let Err(error) = recorder.publish(&event, &reference(&object, &now)).await {
                    tracing::debug!(%object, "an Event cannot be written: {error}");
                }
                tokio::time::sleep(PACE).await;
            }
        }
        tokio::select! {
            changed = view.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

fn events(findings: &[Finding]) -> Vec<Event> {
    let more = findings.len().saturating_sub(PER_OBJECT);
    let mut events: Vec<Event> = findings.iter().take(PER_OBJECT).map(event).collect();
    if let (Some(last), 1..) = (events.last_mut(), more) {
        let note = last.note.take().unwrap_or_default();
        last.note = Some(format!("{note} ({more} more: weir lint)"));
    }
    events
}

fn event(finding: &Finding) -> Event {
    let mut note = match &*finding.field {
        "" => finding.message.clone(),
        field => format!("{field}: {}", finding.message),
    };
    // The API takes 1,024 bytes.
    let end = note.floor_char_boundary(1_000);
    note.truncate(end);
    Event {
        type_: EventType::Warning,
        reason: finding.code.to_string(),
        note: Some(note),
        action: "Translate".into(),
        secondary: None,
    }
}

fn reference(object: &ObjectRef, view: &View) -> ObjectReference {
    let ingress = view.ingresses.iter().find(|one| one.id == *object).map(|one| &one.uid);
    let uid = ingress.or_else(|| view.uids.get(object)).map(ToString::to_string);
    let version = match object.kind {
        Kind::Ingress | Kind::IngressClass => "networking.k8s.io/v1",
        Kind::EndpointSlice => "discovery.k8s.io/v1",
        Kind::Release => weir_crd::API_VERSION,
        Kind::Service | Kind::Secret | Kind::File | Kind::Other => "v1",
    };
    ObjectReference {
        api_version: Some(version.into()),
        kind: Some(object.kind.to_string()),
        name: Some(object.name.to_string()),
        // The API wants the Events of objects without a namespace in `default`.
        namespace: Some(object.namespace.to_string()).filter(|namespace| !namespace.is_empty()),
        uid,
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests {
    use weir_model::Code;

    use super::*;

    fn finding(code: Code, name: &str) -> Finding {
        Finding::new(code, ObjectRef::new(Kind::Ingress, "a", name), "spec", "a message")
    }

    #[tokio::test(start_paused = true)]
    async fn a_finding_is_said_once_an_hour_and_when_it_comes_back() {
        let mut said = Said::default();
        let (now, findings) = (Instant::now(), [finding(Code::Shadowed, "x")]);
        assert_eq!(said.news(&findings, now).len(), 1);
        assert_eq!(said.news(&findings, now).len(), 0);
        assert_eq!(said.news(&findings, now + AGAIN).len(), 1);
        assert_eq!(said.news(&[], now + AGAIN).len(), 0);
        assert_eq!(said.news(&findings, now + AGAIN).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_worst_of_an_object_comes_first_and_the_rest_is_counted() {
        let codes = [Code::Shadowed, Code::NoEndpoints, Code::UnknownAnnotation, Code::InertAnnotation];
        let mut findings: Vec<_> = codes.iter().map(|code| finding(*code, "x")).collect();
        findings.push(finding(Code::Claimed, "x"));
        findings.push(finding(Code::Deviation, "x"));
        let news = Said::default().news(&findings, Instant::now());
        let events = events(news.values().next().unwrap());
        assert_eq!(events.len(), PER_OBJECT);
        assert_eq!(events[0].reason, "WR-CLAIMED");
        assert!(events[3].note.as_ref().unwrap().ends_with("(1 more: weir lint)"));
    }
}
