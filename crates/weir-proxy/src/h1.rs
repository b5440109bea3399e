//! A client's HTTP/1.1 connection: one request after the other, all in one task.
//!
//! While a connection waits for its next request it owns no buffer, and the state of an exchange lives in
//! a box of its own, so an idle connection costs little.

mod body;
mod sink;

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
    time::Instant,
};

use weir_http1::{RequestHead, Version};
use weir_route::CompiledRule;

use self::{body::H1Body, sink::H1Sink};
use crate::{
    answer::{Answer, Refusal},
    backend::LiveArm,
    buffer::Slot,
    drain::Phase,
    exchange::{self, Account, Body as _, Ended, Failure, Timers},
    log::Record,
    memory::Pressure,
    metrics::Ending,
    phases::{Job, Plan, Step, plan},
    timer::Timer,
    tunnel,
    view::{Peer, View},
    wire::{Io, Wire},
    worker::Worker,
};

/// A client's connection.
struct Connection<'w, T> {
    worker: &'w Worker,
    wire: Wire<T>,
    slot: Slot,
    head: Option<Box<RequestHead>>,
    peer: Peer,
    timers: Timers,
    /// When it is closed for its age.
    old_at: Instant,
}

/// What to do after an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    KeepAlive,
    Close,
}

/// Why there is no next request.
enum NoRequest {
    /// The connection ends, and nobody waits for an answer.
    Quiet,
    /// The client is told.
    Tell(Answer),
}

/// Serves a connection to its end. `slot` holds what was read already.
pub(crate) async fn serve(worker: &Worker, io: impl Io, slot: Slot, peer: Peer) {
    let timers = Timers { up: worker.wheel.timer(), down: worker.wheel.timer() };
    let old_at = Instant::now() + worker.jittered(worker.config.limits.max_age);
    let mut connection = Connection { worker, wire: Wire::new(io), slot, head: None, peer, timers, old_at };
    while let Some(len) = connection.next_request().await {
        let after = Box::pin(connection.exchange(len)).await;
        if after == After::Close {
            Box::pin(connection.close()).await;
            return;
        }
    }
}

impl<T: Io> Connection<'_, T> {
    /// Waits for a complete request head; returns its length, or `None` when the connection is over.
    async fn next_request(&mut self) -> Option<usize> {
        let limits = &self.worker.config.limits;
        self.timers.up.set(if self.slot.unread().is_empty() { limits.keep_alive } else { limits.head });
        let result = poll_fn(|cx| self.poll_request(cx)).await;
        self.timers.up.clear();
        match result {
            Ok(len) => Some(len),
            Err(NoRequest::Quiet) => None,
            Err(NoRequest::Tell(answer)) => {
                Box::pin(self.refuse(answer)).await;
                None
            }
        }
    }

    fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, NoRequest>> {
        let polled = poll_head(self.worker, &self.wire, &mut self.slot, &mut self.head, &self.timers.up, cx);
        // A connection without a request is closed at once by a shutdown.
        let idle = polled.is_pending() && self.slot.unread().is_empty();
        if idle && self.worker.phase() >= Phase::Draining {
            return Poll::Ready(Err(NoRequest::Quiet));
        }
        polled
    }

    /// Answers a request whose head could not be read, and ends the connection.
    async fn refuse(&mut self, answer: Answer) {
        self.worker.counters().bad_requests.add(1);
        let begin = Instant::now();
        let mut record = Record::unread(self.peer.address.ip(), begin);
        self.answer(&answer, false, After::Close).await;
        record.answered(&answer, false);
        self.finish(&record, None, true);
        self.close().await;
    }

    /// Serves one request.
    async fn exchange(&mut self, len: usize) -> After {
        let begin = Instant::now();
        let worker = self.worker;
        let _in_flight = worker.begin();
        let snapshot = worker.snapshot();
        let head = self.head.take().unwrap_or_default();
        worker.counters().underscored.add(head.underscored.into());
        let mut record = Record::unread(self.peer.address.ip(), begin);
        let view = View::new(&head, self.slot.unread(), self.peer, &worker.config.trusted);
        let planned = if let Ok(view) = &view {
            if worker.log.is_some() {
                record.request(view);
            }
            plan(worker, &snapshot, view)
        } else {
            worker.counters().bad_requests.add(1);
            if worker.log.is_some() {
                record.raw(&head, self.slot.unread());
            }
            Plan { rule: None, step: Step::Answer(Refusal::BadPath.into()) }
        };
        drop(view);
        let head_only = head.method.of(self.slot.unread()) == b"HEAD";
        self.slot.consume(len, &worker.pool);
        let after = match planned.step {
            Step::Answer(answer) => self.answer_request(&head, head_only, &answer, &mut record).await,
            Step::Forward(job) => {
                let after = self.forward(&head, &job, &mut record).await;
                if worker.log.is_some() {
                    record.decision(&job.rule.rule, job.decision);
                }
                self.finish_job(&record, &job);
                job.head.recycle(&worker.pool);
                self.head = Some(head);
                return after;
            }
        };
        if let (Some(rule), true) = (planned.rule, worker.log.is_some()) {
            record.routed(&rule.rule);
        }
        self.finish(&record, planned.rule, true);
        self.head = Some(head);
        after
    }

    /// Answers a request whose head is good but that no backend gets.
    async fn answer_request(
        &mut self,
        head: &RequestHead,
        head_only: bool,
        answer: &Answer,
        record: &mut Record,
    ) -> After {
        let may_keep = self.may_keep(head, record.since) && !answer.close;
        let mut body = H1Body::new(self.worker, &self.wire, &mut self.slot, head.framing, None);
        // Only a body that is already here is skipped; a longer one is not worth reading.
        let skipped = !head.expect_continue && body.skip_at_hand();
        drop(body);
        let after = if skipped && may_keep { After::KeepAlive } else { After::Close };
        record.answered(answer, head_only);
        self.answer(answer, head_only, after).await
    }

    /// Writes an answer of Weir's own.
    async fn answer(&mut self, answer: &Answer, head_only: bool, after: After) -> After {
        let mut out = self.worker.pool.output();
        answer.write(&mut out, head_only, after == After::Close);
        let limit = self.worker.config.limits.client_idle;
        let sent = async {
            self.wire.write(&out, &[], &self.timers.down, limit).await?;
            self.wire.flush(&self.timers.down, limit).await
        };
        let sent = sent.await;
        self.worker.pool.put_output(out);
        if sent.is_ok() { after } else { After::Close }
    }

    /// Whether the connection may serve another request after this one.
    fn may_keep(&self, head: &RequestHead, now: Instant) -> bool {
        let roomy = self.worker.memory.get() == Pressure::None;
        head.persistent && roomy && !self.worker.draining() && now < self.old_at
    }

    /// Forwards a request and its response.
    async fn forward(&mut self, head: &RequestHead, job: &Job<'_>, record: &mut Record) -> After {
        let keep = self.may_keep(head, record.since);
        let limit = Some(job.rule.rule.filters.body_limit);
        let mut body = H1Body::new(self.worker, &self.wire, &mut self.slot, head.framing, limit);
        let mut sink = H1Sink::new(self.worker, &self.wire, head.version == Version::Http10, keep);
        let mut account = Account::new(record.since);
        let result = exchange::run(self.worker, job, &self.timers, &mut account, &mut body, &mut sink).await;
        record.forwarded(account.endpoint, account.first_byte, sink.sent());
        let (started, keeps) = (sink.is_started(), sink.keeps());
        let may_keep = keep && body.is_done();
        drop((sink, body));
        match result {
            Ok(Ended { status: 101, tunnel: Some(endpoint), .. }) => {
                record.end(101, "");
                tunnel::run(self.worker, &self.wire, &mut self.slot, endpoint, &self.timers, job).await;
                After::Close
            }
            Ok(ended) => {
                record.end(ended.status, "");
                if keeps && ended.uploaded { After::KeepAlive } else { After::Close }
            }
            Err(failure) if started => {
                record.cut_off(failure.code());
                After::Close
            }
            Err(failure) => self.fail(&failure, may_keep, job, record).await,
        }
    }

    /// Tells the client about a failure, if it is still there.
    async fn fail(&mut self, failure: &Failure, may_keep: bool, job: &Job<'_>, record: &mut Record) -> After {
        let Some(answer) = failure.answer() else {
            record.cut_off(failure.code());
            return After::Close;
        };
        let after = if may_keep && !answer.close { After::KeepAlive } else { After::Close };
        let head_only = job.method == weir_http1::ForMethod::Head;
        record.answered(&answer, head_only);
        self.answer(&answer, head_only, after).await
    }

    fn finish_job(&self, record: &Record, job: &Job<'_>) {
        job.live().series.record(self.worker.index, record.ending());
        if let Some(log) = &self.worker.log {
            log.write(record);
        }
    }

    fn finish(&self, record: &Record, rule: Option<&CompiledRule<LiveArm>>, complete: bool) {
        let ending = Ending { complete, ..record.ending() };
        match rule {
            Some(rule) => rule.backings()[0].series.record(self.worker.index, ending),
            None => self.worker.metrics.unrouted().record(self.worker.index, ending),
        }
        if let Some(log) = &self.worker.log {
            log.write(record);
        }
    }

    /// Ends the connection so that the client can still read the last response: what it keeps sending is
    /// read and thrown away for a moment, since a reset would discard the response (RFC 9112 §9.6).
    async fn close(&mut self) {
        const LINGER: std::time::Duration = std::time::Duration::from_secs(2);
        if self.wire.shutdown(&self.timers.down, LINGER).await.is_err() {
            return;
        }
        self.timers.up.set(LINGER);
        let (wire, slot, timer, pool) = (&self.wire, &mut self.slot, &self.timers.up, &self.worker.pool);
        poll_fn(|cx| {
            loop {
                if timer.poll_elapsed(cx).is_ready() {
                    return Poll::Ready(());
                }
                match ready!(wire.poll_fill(cx, slot, pool)) {
                    Ok(0) | Err(_) => return Poll::Ready(()),
                    Ok(_) => slot.consume(slot.unread().len(), pool),
                }
            }
        })
        .await;
    }
}

/// Reads until a head is complete. Keeps little memory while a client takes its time.
fn poll_head<T: Io>(
    worker: &Worker,
    wire: &Wire<T>,
    slot: &mut Slot,
    head: &mut Option<Box<RequestHead>>,
    timer: &Timer,
    cx: &mut Context<'_>,
) -> Poll<Result<usize, NoRequest>> {
    loop {
        if !slot.unread().is_empty() {
            match head.get_or_insert_default().parse(slot.unread(), &worker.config.limits.http1) {
                Ok(Some(len)) => return Poll::Ready(Ok(len)),
                Ok(None) => {}
                Err(bad) => return Poll::Ready(Err(NoRequest::Tell((&bad).into()))),
            }
        }
        let begun = !slot.unread().is_empty();
        match wire.poll_fill(cx, slot, &worker.pool) {
            Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(NoRequest::Quiet)),
            // The first byte begins the time for the head.
            Poll::Ready(Ok(_)) if !begun => timer.set(worker.config.limits.head),
            Poll::Ready(Ok(_)) => {}
            Poll::Pending => {
                *head = None;
                slot.park(&worker.pool);
                ready!(timer.poll_elapsed(cx));
                let late = NoRequest::Tell(Refusal::SlowHead.into());
                return Poll::Ready(Err(if begun { late } else { NoRequest::Quiet }));
            }
        }
    }
}
