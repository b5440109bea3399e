//! An upgraded connection: bytes both ways, nothing looked at.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use crate::{
    buffer::Slot,
    drain::Phase,
    exchange::Timers,
    phases::Job,
    timer::Timer,
    upstream::Connection,
    wire::{Io, Wire, WireError},
    worker::Worker,
};

/// Carries bytes until both sides have ended, one has failed, or nothing has moved for too long.
pub(crate) async fn run<T: Io>(
    worker: &Worker,
    client: &Wire<T>,
    slot: &mut Slot,
    endpoint: Connection,
    timers: &Timers,
    job: &Job<'_>,
) {
    let idle = job.rule.rule.timeouts.read.unwrap_or(worker.config.limits.tunnel_idle);
    let Connection { wire, slot: mut back, .. } = endpoint;
    let up = pump(worker, client, slot, &wire, &timers.up, idle);
    let down = pump(worker, &wire, &mut back, client, &timers.down, idle);
    let (mut up, mut down) = (pin!(up), pin!(down));
    let (mut up_done, mut down_done) = (false, false);
    poll_fn(|cx| {
        for (side, done) in [(&mut up as &mut dyn Pump, &mut up_done), (&mut down, &mut down_done)] {
            if !*done {
                match side.poll_side(cx) {
                    Poll::Ready(Ok(())) => *done = true,
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => {}
                }
            }
        }
        let over = (up_done && down_done) || worker.phase() >= Phase::Closing;
        if over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// One direction, so that both can be polled in a loop.
trait Pump {
    fn poll_side(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Result<(), WireError>>;
}

impl<F: Future<Output = Result<(), WireError>>> Pump for std::pin::Pin<&mut F> {
    fn poll_side(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Result<(), WireError>> {
        self.as_mut().poll(cx)
    }
}

/// Carries bytes one way until that side ends.
async fn pump(
    worker: &Worker,
    from: &Wire<impl Io>,
    slot: &mut Slot,
    to: &Wire<impl Io>,
    timer: &Timer,
    idle: Duration,
) -> Result<(), WireError> {
    loop {
        let unread = slot.unread();
        if !unread.is_empty() {
            to.write(unread, &[], timer, idle).await?;
            to.flush(timer, idle).await?;
            let count = slot.unread().len();
            slot.consume(count, &worker.pool);
        }
        if from.fill(slot, &worker.pool, timer, idle).await? == 0 {
            return to.shutdown(timer, idle).await;
        }
    }
}
