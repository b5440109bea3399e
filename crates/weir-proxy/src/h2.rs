//! A client's HTTP/2 connection. hyper frames it; the phases are those of HTTP/1.1.

mod body;
mod sink;

use std::{
    convert::Infallible,
    rc::Rc,
    time::{Duration, Instant},
};

use http::{Request, Response as HttpResponse};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use weir_http1::{RequestFraming, RequestHead};

use self::{
    body::H2Body,
    sink::{H2Sink, channel},
};
use crate::{
    answer::{Answer, Refusal},
    bridge::{Adapter, HyperTimer, Local, StreamBody},
    drain::Phase,
    exchange::{self, Account, Timers},
    log::Record,
    phases::{Job, Plan, Step, plan},
    view::{Peer, View},
    wire::Io,
    worker::Worker,
};

/// What a client that connects while Weir is leaving gets to send its first request.
const WELCOME: Duration = Duration::from_millis(500);

/// What the requests of a connection share.
struct Connection {
    worker: Rc<Worker>,
    peer: Peer,
    /// The name that the client asked for in its TLS handshake.
    server_name: Option<String>,
}

/// Serves a connection to its end.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    io: impl Io + 'static,
    peer: Peer,
    server_name: Option<String>,
) {
    let connection = Rc::new(Connection { worker: Rc::clone(&worker), peer, server_name });
    let service = service_fn(move |request| {
        let connection = Rc::clone(&connection);
        async move { Ok::<_, Infallible>(connection.exchange(request).await) }
    });
    let serving = builder(&worker).serve_connection(Adapter::new(io), service);
    let mut serving = std::pin::pin!(serving);
    let ending = ending(&worker);
    tokio::select! {
        // What went wrong on a client's connection is the client's business.
        _ = serving.as_mut() => return,
        () = ending => serving.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = serving.as_mut() => {}
        () = worker.stage.reached(Phase::Closing) => {}
    }
}

/// Returns when a connection should end. One that begins while Weir is leaving, because a load balancer has not
/// noticed yet, is served first: its client would open the next one here, too.
async fn ending(worker: &Worker) {
    if worker.stage.phase() == Phase::Serving {
        tokio::select! {
            () = worker.stage.reached(Phase::Leaving) => {}
            () = tokio::time::sleep(worker.jittered(worker.config.limits.max_age)) => {}
        }
    } else {
        tokio::time::sleep(WELCOME).await;
        worker.stage.reached(Phase::Draining).await;
    }
}

/// The limits of limits.md.
fn builder(worker: &Worker) -> http2::Builder<Local> {
    let mut builder = http2::Builder::new(Local);
    builder
        .timer(HyperTimer)
        .max_concurrent_streams(100)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_header_list_size(64 * 1024)
        .max_local_error_reset_streams(Some(500))
        .max_pending_accept_reset_streams(50)
        .keep_alive_interval(Some(worker.config.limits.keep_alive))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

impl Connection {
    async fn exchange(self: Rc<Self>, request: Request<Incoming>) -> HttpResponse<StreamBody> {
        let mut record = Record::unread(self.peer.address.ip(), Instant::now());
        let mut buf = Vec::new();
        let (parts, body) = request.into_parts();
        let head = match read_head(&parts, &body, &mut buf) {
            Ok(head) => head,
            Err(answer) => {
                self.worker.counters().bad_requests.add(1);
                return self.finish(&answer, record);
            }
        };
        self.worker.counters().underscored.add(head.underscored.into());
        let (sender, response) = channel();
        let task = Rc::clone(&self).run(head, buf, body, sender);
        // The task outlives a client that resets the stream only until it notices.
        tokio::task::spawn_local(task);
        if let Ok(response) = response.await {
            return response;
        }
        let answer = Answer::from(Refusal::Internal);
        record.end(answer.status, answer.code);
        answer_response(&answer, false)
    }

    fn finish(&self, answer: &Answer, mut record: Record) -> HttpResponse<StreamBody> {
        record.answered(answer, false);
        self.worker.metrics.unrouted().record(self.worker.index, record.ending());
        if let Some(log) = &self.worker.log {
            log.write(&record);
        }
        answer_response(answer, false)
    }

    /// One request, from its decision to the last byte of its response.
    async fn run(self: Rc<Self>, head: RequestHead, buf: Vec<u8>, body: Incoming, sender: sink::Sender) {
        let worker = &*self.worker;
        let _in_flight = worker.begin();
        let snapshot = worker.snapshot();
        let mut record = Record::unread(self.peer.address.ip(), Instant::now());
        let view = View::new(&head, &buf, self.peer, &worker.config.trusted);
        let planned = match &view {
            Ok(view) if self.is_misdirected(view, &snapshot.tls) => refuse(Refusal::Misdirected),
            Ok(view) => {
                if worker.log.is_some() {
                    record.request(view);
                }
                plan(worker, &snapshot, view)
            }
            Err(_) => {
                worker.counters().bad_requests.add(1);
                if worker.log.is_some() {
                    record.raw(&head, &buf);
                }
                refuse(Refusal::BadPath)
            }
        };
        let head_only = head.method.of(&buf) == b"HEAD";
        match planned.step {
            Step::Answer(answer) => {
                record.answered(&answer, head_only);
                if let (Some(rule), true) = (planned.rule, worker.log.is_some()) {
                    record.routed(&rule.rule);
                }
                let series = planned.rule.map(|rule| &*rule.backings()[0].series);
                series.unwrap_or_else(|| worker.metrics.unrouted()).record(worker.index, record.ending());
                sender.answer(&answer, head_only);
            }
            Step::Forward(job) => {
                self.forward(&job, head.framing, body, sender, &mut record).await;
                if worker.log.is_some() {
                    record.decision(&job.rule.rule, job.decision);
                }
                job.live().series.record(worker.index, record.ending());
                job.head.recycle(&worker.pool);
            }
        }
        if let Some(log) = &worker.log {
            log.write(&record);
        }
    }

    /// Whether the host belongs to another certificate than the one the client was shown (RFC 9110 §15.5.20).
    fn is_misdirected(&self, view: &View<'_>, names: &crate::tls::Names) -> bool {
        let host = weir_route::Request::host(view);
        let shown = self.server_name.as_deref();
        shown.is_some_and(|shown| shown != host && names.key(shown) != names.key(host))
    }

    async fn forward(
        &self,
        job: &Job<'_>,
        framing: RequestFraming,
        body: Incoming,
        sender: sink::Sender,
        record: &mut Record,
    ) {
        let worker = &*self.worker;
        let timers = Timers { up: worker.wheel.timer(), down: worker.wheel.timer() };
        let mut body = H2Body::new(worker, body, framing, job.rule.rule.filters.body_limit);
        let mut sink = H2Sink::new(worker, sender);
        let mut account = Account::new(record.since);
        let result = exchange::run(worker, job, &timers, &mut account, &mut body, &mut sink).await;
        record.forwarded(account.endpoint, account.first_byte, sink.sent());
        match result {
            Ok(ended) => record.end(ended.status, ""),
            Err(failure) => {
                let head_only = job.method == weir_http1::ForMethod::Head;
                match failure.answer() {
                    Some(answer) if sink.refuse(&answer, head_only) => record.answered(&answer, head_only),
                    _ => record.cut_off(failure.code()),
                }
            }
        }
    }
}

fn refuse(refusal: Refusal) -> Plan<'static> {
    Plan { rule: None, step: Step::Answer(refusal.into()) }
}

/// The head in the form that every phase knows.
fn read_head(
    parts: &http::request::Parts,
    body: &Incoming,
    buf: &mut Vec<u8>,
) -> Result<RequestHead, Answer> {
    use http_body::Body as _;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let builder = RequestHead::build(buf).method(parts.method.as_str().as_bytes()).target(target.as_bytes());
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    let host = || parts.headers.get(http::header::HOST).map(http::HeaderValue::as_bytes);
    let builder = builder.authority(authority.or_else(host).unwrap_or_default());
    let fields = parts.headers.iter();
    let builder = fields
        .fold(builder, |builder, (name, value)| builder.field(name.as_str().as_bytes(), value.as_bytes()));
    let framing = match (body.is_end_stream(), body.size_hint().exact()) {
        (true, _) => RequestFraming::None,
        (false, Some(length)) => RequestFraming::Length(length),
        (false, None) => RequestFraming::Chunked,
    };
    builder.finish(framing).map_err(|bad| Answer::from(&bad))
}

fn answer_response(answer: &Answer, head_only: bool) -> HttpResponse<StreamBody> {
    let body = answer.body();
    let mut response = HttpResponse::builder()
        .status(answer.status)
        .header(http::header::CONTENT_TYPE, "text/plain")
        .header(http::header::CONTENT_LENGTH, body.len());
    if !answer.code.is_empty() {
        response = response.header("weir-error", answer.code);
    }
    if let Some(location) = &answer.location {
        response = response.header(http::header::LOCATION, &location[..]);
    }
    let body = if head_only { StreamBody::empty() } else { StreamBody::full(body) };
    response.body(body).unwrap_or_else(|_| HttpResponse::new(StreamBody::empty()))
}
