//! The phases of a request before a backend is spoken to: limits, decision, filters.

use weir_http1::{ForMethod, RequestFraming};
use weir_model::{ArmIndex, BodyLimit, Rule};
use weir_route::{CompiledRule, Context, Forward, Outcome, Reject, Request, decide, location, rewrite};

use crate::{
    answer::{Answer, Refusal},
    backend::LiveArm,
    forward::{BackendHead, Target},
    snapshot::Snapshot,
    view::View,
    worker::Worker,
};

/// What becomes of a request.
#[derive(Debug)]
pub(crate) struct Plan<'t> {
    /// The rule that decided, if any.
    pub(crate) rule: Option<&'t CompiledRule<LiveArm>>,
    pub(crate) step: Step<'t>,
}

/// The next thing to do.
#[derive(Debug)]
pub(crate) enum Step<'t> {
    /// Weir answers itself.
    Answer(Answer),
    /// A backend answers.
    Forward(Job<'t>),
}

/// All that forwarding needs to know; the request head itself is no longer needed.
#[derive(Debug)]
pub(crate) struct Job<'t> {
    pub(crate) rule: &'t CompiledRule<LiveArm>,
    pub(crate) decision: Forward,
    pub(crate) head: BackendHead,
    pub(crate) method: ForMethod,
    /// May be sent twice (RFC 9110 §9.2.2).
    pub(crate) idempotent: bool,
    pub(crate) framing: RequestFraming,
    /// The client holds its body back until it is told to go on.
    pub(crate) expects_continue: bool,
    pub(crate) upgrade: Option<Upgrade>,
    pub(crate) secure: bool,
}

/// What the client would like to speak instead of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upgrade {
    /// Its frames can be followed.
    WebSocket,
    Other,
}

impl Upgrade {
    fn of(protocol: &[u8]) -> Self {
        if protocol.eq_ignore_ascii_case(b"websocket") { Self::WebSocket } else { Self::Other }
    }
}

impl Job<'_> {
    pub(crate) fn arm(&self) -> ArmIndex {
        self.decision.arm
    }

    pub(crate) fn live(&self) -> &LiveArm {
        self.rule.backing(self.decision.arm)
    }
}

/// Decides, and prepares whatever has to be sent.
pub(crate) fn plan<'t>(worker: &Worker, snapshot: &'t Snapshot, view: &View<'_>) -> Plan<'t> {
    let context = Context { random: worker.random(), https_port: https_port(worker) };
    let decision = decide(&snapshot.table, view, context);
    let step = match (decision.outcome, decision.rule) {
        (Outcome::Forward(forward), Some(rule)) => prepare(worker, rule, forward, view),
        (Outcome::Redirect(to), Some(rule)) => {
            Step::Answer(Answer::redirect(to.status(), location(to, &rule.rule, view)))
        }
        (Outcome::Reject(reject), _) => Step::Answer(refusal(reject).into()),
        (Outcome::Forward(_) | Outcome::Redirect(_), None) => Step::Answer(Refusal::Internal.into()),
    };
    Plan { rule: decision.rule, step }
}

fn https_port(worker: &Worker) -> Option<u16> {
    let config = &worker.config;
    config.https.map(|address| config.public_https_port.unwrap_or_else(|| address.port()))
}

fn refusal(reject: Reject) -> Refusal {
    match reject {
        Reject::NoHost => Refusal::NoHost,
        Reject::NoPath => Refusal::NoPath,
        Reject::SourceNotAllowed => Refusal::SourceNotAllowed,
        Reject::Authentication => Refusal::Authentication,
        Reject::NoEndpoint => Refusal::NoEndpoint,
    }
}

fn prepare<'t>(
    worker: &Worker,
    rule: &'t CompiledRule<LiveArm>,
    decision: Forward,
    view: &View<'_>,
) -> Step<'t> {
    if exceeds(rule.rule.filters.body_limit, view.head.framing) {
        return Step::Answer(Refusal::BodyTooLarge.into());
    }
    let Ok(target) = target(&rule.rule, view) else {
        return Step::Answer(Refusal::BadPath.into());
    };
    let edits = &rule.rule.split.arm(decision.arm).headers.request;
    let Some(head) = BackendHead::new(&worker.pool, view, &target, &rule.rule.filters, edits) else {
        return Step::Answer(Refusal::BadPath.into());
    };
    let method = view.method();
    Step::Forward(Job {
        rule,
        decision,
        head,
        method: ForMethod::of(method),
        idempotent: matches!(method, b"GET" | b"HEAD" | b"OPTIONS" | b"PUT" | b"DELETE" | b"TRACE"),
        framing: view.head.framing,
        expects_continue: view.head.expect_continue,
        upgrade: view.head.upgrade.map(|protocol| Upgrade::of(protocol.of(view.buf))),
        secure: view.secure(),
    })
}

fn exceeds(limit: BodyLimit, framing: RequestFraming) -> bool {
    matches!((limit, framing), (BodyLimit::Bytes(limit), RequestFraming::Length(length)) if length > limit)
}

fn target<'v>(rule: &Rule, view: &'v View<'_>) -> Result<Target<'v>, weir_model::path::BadPath> {
    match &rule.filters.rewrite {
        None => Ok(Target::Same { path: view.path(), query: view.query() }),
        Some(template) => {
            let (path, query) = rewrite(rule, template, view)?;
            Ok(Target::Rewritten { path, query })
        }
    }
}
