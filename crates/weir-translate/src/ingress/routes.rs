//! The paths of an Ingress.

use std::sync::Arc;

use weir_model::{Code, HostName, MatchPath, PathType, Rewrite};

use super::{
    backend, host,
    path::{self, PathSyntax},
};
use crate::{
    dialect::ack::{self, AckPolicy},
    draft::{ArmDraft, BackendDraft, Place, Rank, RouteDraft},
    notes::{Notes, quote},
    object::{HttpPath, Ingress},
    settings::Setting,
};

/// One Ingress while its paths are read.
pub(super) struct Reader<'a> {
    pub(super) ingress: &'a Ingress,
    pub(super) namespace: Arc<str>,
    pub(super) syntax: PathSyntax,
    /// Whether the paths are patterns even where nothing is rewritten.
    pub(super) use_regex: bool,
    pub(super) rewrite: Option<(Rewrite, Setting<'a>)>,
    pub(super) policy: Option<AckPolicy<'a>>,
    pub(super) destination: Option<Vec<ArmDraft>>,
    pub(super) is_canary: bool,
    pub(super) is_nginx: bool,
    pub(super) notes: &'a mut Notes,
}

// === impl Reader ===

impl Reader<'_> {
    /// All routes, sorted by host.
    pub(super) fn routes(mut self) -> Vec<RouteDraft> {
        let mut routes = Vec::new();
        for index in 0..self.ingress.spec.rules.len() {
            self.rule(index, &mut routes);
        }
        self.check_rewrite(&routes);
        let mut routes = self.group(routes);
        self.default_backend(&mut routes);
        routes.sort_by(|a, b| a.host.cmp(&b.host));
        routes
    }

    fn rule(&mut self, index: usize, routes: &mut Vec<RouteDraft>) {
        let ingress = self.ingress;
        let rule = &ingress.spec.rules[index];
        let Some(host) = host(&rule.host, &format!("spec.rules[{index}].host"), self.notes) else { return };
        let paths = rule.http.as_ref().map_or(&[][..], |http| &http.paths);
        if paths.is_empty() && ingress.spec.default_backend.is_none() {
            let message = "The rule has no paths and the Ingress has no default backend, so it serves nothing. Add http.paths.";
            self.notes.add(Code::InvalidBackend, format!("spec.rules[{index}].http"), message);
        }
        for (number, path) in paths.iter().enumerate() {
            let field: Arc<str> = format!("spec.rules[{index}].http.paths[{number}]").into();
            routes.extend(self.path(&host, path, &field));
        }
    }

    fn path(&mut self, host: &HostName, path: &HttpPath, field: &Arc<str>) -> Option<RouteDraft> {
        let backend = backend::read(&path.backend, &self.namespace, Place::Path(field.clone()), self.notes)?;
        let path_type = path::path_type(&path.path_type, field, self.notes)?;
        let written = if path.path.is_empty() { "/" } else { &*path.path };
        let syntax = self.syntax(written);
        let (matched, precedence) = path::match_path(written, path_type, syntax, field, self.notes)?;
        let route = route(host.clone(), Rank::Rule, backend, field.clone());
        let rewrites = !self.rewrites_to_itself(written);
        let written = written.into();
        Some(RouteDraft {
            written,
            path_type,
            path: matched,
            precedence,
            rewrites,
            ..self.with_destination(route)
        })
    }

    /// ingress-nginx rewrites nothing where the target is the path itself.
    fn rewrites_to_itself(&self, written: &str) -> bool {
        self.rewrite.as_ref().is_some_and(|(_, target)| target.value == written)
    }

    fn syntax(&self, written: &str) -> PathSyntax {
        match self.syntax {
            _ if self.is_canary => PathSyntax::Name,
            PathSyntax::Nginx if !self.use_regex && self.rewrites_to_itself(written) => PathSyntax::Plain,
            syntax => syntax,
        }
    }

    fn with_destination(&self, mut route: RouteDraft) -> RouteDraft {
        if let Some(arms) = &self.destination {
            route.arms.clone_from(arms);
            route.gray = true;
        }
        route
    }

    /// Notes groups that the rewrite names but a path lacks.
    fn check_rewrite(&mut self, routes: &[RouteDraft]) {
        let Some((rewrite, setting)) = &self.rewrite else { return };
        let group = rewrite.target.max_group();
        for route in routes {
            let MatchPath::Regex(pattern) = &route.path else { continue };
            if pattern.groups() < group {
                let message = format!(
                    "The target names group ${group}, but the path {} has {} groups; the group is left empty. Add the group in parentheses.",
                    quote(&route.written),
                    pattern.groups()
                );
                self.notes.annotation(Code::InvalidAnnotation, setting.key, message);
            }
        }
    }

    /// Joins paths that list several services, as ACK manifests do.
    fn group(&mut self, routes: Vec<RouteDraft>) -> Vec<RouteDraft> {
        let Some(policy) = self.policy.take() else { return routes };
        let groups = groups(routes);
        let mut applied = false;
        let mut joined = Vec::new();
        for mut group in groups {
            let backends: Vec<BackendDraft> = distinct(&group);
            match (backends.len() > 1).then(|| ack::divide(&policy, &backends, self.notes)).flatten() {
                Some(division) => {
                    applied = true;
                    joined.push(divided(group.swap_remove(0), division));
                }
                None => joined.append(&mut group),
            }
        }
        self.note_policy(&policy, applied, &joined);
        joined
    }

    fn note_policy(&mut self, policy: &AckPolicy<'_>, applied: bool, routes: &[RouteDraft]) {
        if !applied {
            let message = "No path lists two services of which one is named here, so there is nothing to divide. List the same host and path once per service.";
            self.notes.annotation(Code::InertAnnotation, policy.key(), message);
            return;
        }
        let listed = |service: &str| {
            routes.iter().flat_map(|route| &route.arms).any(|arm| &*arm.backend.service == service)
        };
        for (service, key) in policy.services().filter(|(service, _)| !listed(service)) {
            let service = quote(service);
            let message = format!(
                "No path lists the service {service}; what is said of it has no effect. Correct the name."
            );
            self.notes.annotation(Code::InertAnnotation, key, message);
        }
    }

    /// The default backend serves what no path matches, on each host of the rules and on any other host.
    fn default_backend(&mut self, routes: &mut Vec<RouteDraft>) {
        let Some(backend) = &self.ingress.spec.default_backend else { return };
        let Some(backend) = backend::read(backend, &self.namespace, Place::Default, self.notes) else {
            return;
        };
        let rules = &self.ingress.spec.rules;
        let rank = if rules.is_empty() { Rank::CatchAll } else { Rank::Default };
        if rank == Rank::Default && self.is_nginx && !self.is_canary {
            let message = "Beside its own hosts the default backend also serves hosts that no Ingress names; upstream answered 404 there.";
            self.notes.add(Code::Deviation, "spec.defaultBackend", message);
        }
        let mut hosts = vec![HostName::Any];
        if !self.is_canary {
            hosts.extend(rules.iter().filter_map(|rule| HostName::parse(&rule.host).ok()));
        }
        hosts.sort();
        hosts.dedup();
        let default =
            |host| self.with_destination(route(host, rank, backend.clone(), "spec.defaultBackend".into()));
        routes.extend(hosts.into_iter().map(default));
    }
}

/// A route for the root of a host.
fn route(host: HostName, rank: Rank, backend: BackendDraft, field: Arc<str>) -> RouteDraft {
    RouteDraft {
        host,
        rank,
        written: "/".into(),
        path_type: PathType::Prefix,
        field,
        path: MatchPath::Prefix(Box::default()),
        precedence: 0,
        rewrites: false,
        arms: vec![ArmDraft { backend, weight: 1 }],
        gray: false,
        audience: None,
        overrides: Vec::new(),
    }
}

/// Routes of equal host and path side by side, in the order of their first.
fn groups(routes: Vec<RouteDraft>) -> Vec<Vec<RouteDraft>> {
    let mut groups: Vec<Vec<RouteDraft>> = Vec::new();
    for route in routes {
        let same =
            |group: &&mut Vec<RouteDraft>| group[0].host == route.host && group[0].written == route.written;
        match groups.iter_mut().find(same) {
            Some(group) => group.push(route),
            None => groups.push(vec![route]),
        }
    }
    groups
}

/// The services of a group, each once.
fn distinct(group: &[RouteDraft]) -> Vec<BackendDraft> {
    let mut backends: Vec<BackendDraft> = Vec::new();
    for backend in group.iter().flat_map(|route| &route.arms).map(|arm| &arm.backend) {
        if !backends.iter().any(|known| known.service == backend.service) {
            backends.push(backend.clone());
        }
    }
    backends
}

fn divided(route: RouteDraft, division: ack::Group) -> RouteDraft {
    let ack::Group { arms, audience, overrides } = division;
    RouteDraft { arms, audience, overrides, gray: true, ..route }
}
