//! An upgraded connection: bytes both ways, hardly looked at.
//!
//! Of WebSockets the frame boundaries are followed towards the client, so that a shutdown can say 1001
//! (going away) between two frames. The client's answer still reaches the endpoint, which then closes
//! its side by itself.

mod frames;

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use self::frames::Frames;
use crate::{
    backend::Stay,
    balance::Pick,
    buffer::Slot,
    drain::Phase,
    exchange::Timers,
    phases::{Job, Upgrade},
    timer::Timer,
    upstream::Connection,
    wire::{Io, Wire, WireError},
    worker::{Turn, Worker, regroup},
};

/// A WebSocket Close with status 1001 (RFC 6455 §7.4.1).
const GOING_AWAY: [u8; 4] = [0x88, 2, 0x03, 0xe9];
/// What a client gets to answer a Close.
const ANSWER: Duration = Duration::from_secs(2);

/// Carries bytes until both sides have ended, one has failed, or nothing has moved for too long.
pub(crate) async fn run<T: Io>(
    worker: &Worker,
    client: &Wire<T>,
    slot: &mut Slot,
    (endpoint, pick): (Connection, Pick),
    timers: &Timers,
    job: &Job<'_>,
) {
    let idle = job.rule.rule.timeouts.read.unwrap_or(worker.config.limits.tunnel_idle);
    let Connection { wire, slot: mut back, .. } = endpoint;
    let stay = pick.peer.holdings.stay();
    let up = Pump {
        worker,
        from: client,
        to: &wire,
        timer: &timers.up,
        idle,
        turn: Turn::ToEndpoint,
        frames: None,
        stay: None,
        leave_at: None,
    };
    let frames = (job.upgrade == Some(Upgrade::WebSocket)).then(Frames::default);
    let down = Pump {
        worker,
        from: &wire,
        to: client,
        timer: &timers.down,
        idle,
        turn: Turn::ToClient,
        frames,
        stay: Some(&stay),
        leave_at: None,
    };
    let (mut up, mut down) = (pin!(up.run(slot)), pin!(down.run(&mut back)));
    let (mut up_over, mut down_over) = (false, false);
    poll_fn(|cx| {
        let sides: [(Pin<&mut dyn Future<Output = _>>, &mut bool); 2] =
            [(up.as_mut(), &mut up_over), (down.as_mut(), &mut down_over)];
        for (side, over) in sides {
            if !*over && let Poll::Ready(result) = side.poll(cx) {
                *over = true;
                if result.is_err() {
                    return Poll::Ready(());
                }
            }
        }
        let over = match (up_over, down_over) {
            (true, true) => true,
            // The goodbye has been said, and the endpoint has left.
            (_, true) => stay.is_told(),
            _ => false,
        };
        let over = over || worker.phase() >= Phase::Closing;
        if over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// One direction.
struct Pump<'t, A, B> {
    worker: &'t Worker,
    from: &'t Wire<A>,
    to: &'t Wire<B>,
    timer: &'t Timer,
    idle: Duration,
    turn: Turn,
    /// Towards the client of a WebSocket.
    frames: Option<Frames>,
    /// Tells the direction towards the client that its version retires.
    stay: Option<&'t Stay>,
    /// When this connection ends in a shutdown. Decided once, so that a WebSocket which never rests leaves as
    /// well.
    leave_at: Option<Instant>,
}

/// What a wait came to.
enum Next {
    Read(io::Result<usize>),
    /// The shutdown wants this connection to end.
    Leave,
}

impl<A: Io, B: Io> Pump<'_, A, B> {
    async fn run(mut self, slot: &mut Slot) -> Result<(), WireError> {
        loop {
            self.pass_on(slot).await?;
            match self.next(slot).await? {
                Next::Read(Ok(0)) => return self.to.shutdown(self.timer, self.idle).await,
                Next::Read(read) => drop(read?),
                Next::Leave => return self.leave(slot).await,
            }
        }
    }

    async fn pass_on(&mut self, slot: &mut Slot) -> Result<(), WireError> {
        let bytes = slot.unread();
        if !bytes.is_empty() {
            regroup(self.turn).await;
            self.to.write(bytes, &[], self.timer, self.idle).await?;
            self.to.flush(self.timer, self.idle).await?;
            if let Some(frames) = &mut self.frames {
                frames.pass(bytes);
            }
            slot.consume(bytes.len(), &self.worker.pool);
        }
        Ok(())
    }

    async fn next(&mut self, slot: &mut Slot) -> Result<Next, WireError> {
        let mut leaving = false;
        self.timer.set(self.idle);
        let next = poll_fn(|cx| self.poll_next(slot, &mut leaving, cx)).await;
        self.timer.clear();
        next
    }

    fn poll_next(
        &mut self,
        slot: &mut Slot,
        leaving: &mut bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Next, WireError>> {
        let stay = self.stay(cx);
        if stay == Some(Duration::ZERO) {
            return Poll::Ready(Ok(Next::Leave));
        }
        if let Poll::Ready(read) = self.from.poll_fill(cx, slot, &self.worker.pool) {
            return Poll::Ready(Ok(Next::Read(read)));
        }
        if let Some(stay) = stay
            && !std::mem::replace(leaving, true)
        {
            self.timer.set(stay);
        }
        match (self.timer.poll_elapsed(cx), *leaving) {
            (Poll::Pending, _) => Poll::Pending,
            (Poll::Ready(_), true) => Poll::Ready(Ok(Next::Leave)),
            (Poll::Ready(elapsed), false) => Poll::Ready(Err(elapsed.into())),
        }
    }

    /// How long the connection may go on, if it is to end and can end here.
    fn stay(&mut self, cx: &mut Context<'_>) -> Option<Duration> {
        let told = self.stay.is_some_and(|stay| stay.poll_told(cx).is_ready());
        if told && self.frames.as_ref().is_none_or(Frames::at_boundary) {
            return Some(Duration::ZERO);
        }
        let draining = self.worker.phase() >= Phase::Draining;
        if !draining || !self.frames.as_ref().is_some_and(Frames::at_boundary) {
            return None;
        }
        let now = Instant::now();
        let at = match self.leave_at {
            Some(at) => at,
            None => now + self.worker.some_of(self.worker.config.drain.in_flight / 2),
        };
        self.leave_at = Some(at);
        Some(at.saturating_duration_since(now))
    }

    /// Says goodbye, where the protocol has a word for it; whatever the endpoint still sends has no place
    /// behind a Close.
    async fn leave(&self, slot: &mut Slot) -> Result<(), WireError> {
        if let Some(told) = self.stay.filter(|stay| stay.is_told()) {
            told.has_left();
        }
        if self.frames.is_none() {
            return self.to.shutdown(self.timer, ANSWER).await;
        }
        self.to.write(&GOING_AWAY, &[], self.timer, ANSWER).await?;
        self.to.flush(self.timer, ANSWER).await?;
        while self.from.fill(slot, &self.worker.pool, self.timer, ANSWER).await? > 0 {
            slot.consume(slot.unread().len(), &self.worker.pool);
        }
        self.to.shutdown(self.timer, ANSWER).await
    }
}
