//! Stage one: an Ingress alone, turned into a [`Draft`].

mod affinity;
mod backend;
mod filters;
mod path;
mod routes;
mod tls;

use std::sync::Arc;

use weir_model::{Code, HostName, Kind, Predicate};

use crate::{
    Dialect,
    dialect::{
        ack,
        canary::{self, Role},
        higress, policy,
    },
    draft::{Age, CanaryPolicy, Common, Draft},
    notes::{Notes, quote},
    object::Ingress,
    settings::{self, Settings},
};
pub(crate) use affinity::is_attribute_value;
use path::PathSyntax;

/// Reads an Ingress with the dialect of its class.
pub(crate) fn draft(ingress: &Arc<Ingress>, order: u64, class: Dialect) -> Draft {
    let mut notes = Notes::new(ingress.metadata.id(Kind::Ingress));
    let annotations = &ingress.metadata.annotations;
    let dialect = settings::own_dialect(annotations, class);
    let settings = Settings::read(annotations, dialect, &mut notes);
    let canary = canary(&settings, &mut notes);
    let use_regex = settings.switch("use-regex", &mut notes) == Some(true);
    let syntax = syntax(&settings, use_regex);
    let conditions = higress::conditions::read(&settings, &mut notes);
    let common = common(&settings, canary.is_some(), &mut notes);
    let common = Common { conditions: conditions.clone().unwrap_or_default(), patterns: use_regex, ..common };
    let reader = routes::Reader {
        ingress,
        namespace: ingress.metadata.namespace(),
        syntax,
        use_regex,
        rewrite: common.filters.rewrite.clone().zip(settings.get("rewrite-target")),
        policy: canary.is_none().then(|| ack::read(&settings, &mut notes)).flatten(),
        destination: higress::destination::read(&settings, &mut notes),
        is_canary: canary.is_some(),
        is_nginx: dialect.is_nginx(),
        notes: &mut notes,
    };
    let routes = if conditions.is_some() { reader.routes() } else { Vec::new() };
    let tls = tls::read(&ingress.spec, canary.is_some(), &mut notes);
    Draft {
        age: Age::new(ingress, order),
        dialect,
        routes,
        tls,
        canary,
        common,
        id: notes.id,
        findings: notes.findings,
        source: ingress.clone(),
    }
}

fn canary(settings: &Settings<'_>, notes: &mut Notes) -> Option<CanaryPolicy> {
    match canary::read(settings, notes) {
        Role::Main => None,
        Role::Canary(policy) => {
            for name in settings::catalogue::ACK {
                policy::inert(settings, name, "the Ingress is a canary", notes);
            }
            Some(policy)
        }
    }
}

fn common(settings: &Settings<'_>, canary: bool, notes: &mut Notes) -> Common {
    // What a canary repeats from its main is compared later, so it is not judged here.
    let mut silent = Notes::new(notes.id.clone());
    let notes = if canary { &mut silent } else { notes };
    Common {
        filters: filters::read(settings, notes),
        ssl_redirect: filters::ssl_redirect(settings, notes),
        timeouts: filters::timeouts(settings, notes),
        affinity: affinity::read(settings, notes),
        assignment: affinity::assignment(settings, notes),
        headers: higress::headers::read(settings, notes),
        conditions: Predicate::default(),
        patterns: false,
    }
}

/// `use-regex`, or a `rewrite-target`, turns all paths of an Ingress into patterns.
fn syntax(settings: &Settings<'_>, use_regex: bool) -> PathSyntax {
    let on = use_regex || settings.filled("rewrite-target").is_some();
    match (on, settings.dialect.is_nginx()) {
        (false, _) => PathSyntax::Plain,
        (true, true) => PathSyntax::Nginx,
        (true, false) => PathSyntax::Higress,
    }
}

/// Reads a host name. Unusable ones are noted.
fn host(text: &str, field: &str, notes: &mut Notes) -> Option<HostName> {
    HostName::parse(text)
        .map_err(|error| {
            let message = format!("The host {} cannot be served: {error}. Correct it.", quote(text));
            notes.add(Code::InvalidHost, field, message);
        })
        .ok()
}
