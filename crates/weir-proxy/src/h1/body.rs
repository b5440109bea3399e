//! The request body of an HTTP/1.1 connection.

use weir_http1::{BodyEvent, BodyReader, RequestFraming};
use weir_model::BodyLimit;

use crate::{
    buffer::Slot,
    exchange::{Body, Failure, Piece},
    timer::Timer,
    wire::{Io, Wire, WireError},
    worker::Worker,
};

/// Reads a body piece by piece; a piece stays in the connection's buffer until the next one is asked for.
pub(super) struct H1Body<'c, T> {
    worker: &'c Worker,
    wire: &'c Wire<T>,
    slot: &'c mut Slot,
    reader: BodyReader,
    framed: bool,
    /// The current piece, and how much goes away with it.
    piece: std::ops::Range<usize>,
    taken: usize,
    /// A piece that ends the body at once, found together with the data before it.
    end: Option<(usize, std::ops::Range<usize>)>,
    done: bool,
    passed: u64,
    limit: u64,
}

impl<'c, T: Io> H1Body<'c, T> {
    pub(super) fn new(
        worker: &'c Worker,
        wire: &'c Wire<T>,
        slot: &'c mut Slot,
        framing: RequestFraming,
        limit: Option<BodyLimit>,
    ) -> Self {
        let limit = match limit {
            Some(BodyLimit::Bytes(limit)) => limit,
            Some(BodyLimit::Unlimited) | None => u64::MAX,
        };
        Self {
            worker,
            wire,
            slot,
            reader: BodyReader::new(framing),
            framed: framing == RequestFraming::Chunked,
            piece: 0..0,
            taken: 0,
            end: None,
            done: framing == RequestFraming::None || framing == RequestFraming::Length(0),
            passed: 0,
            limit,
        }
    }

    /// Skips the body as far as it has arrived; says whether that was all of it.
    pub(super) fn skip_at_hand(&mut self) -> bool {
        while !self.done {
            match self.ready() {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return false,
            }
        }
        self.take_away();
        true
    }

    fn take_away(&mut self) {
        self.slot.consume(std::mem::take(&mut self.taken), &self.worker.pool);
        self.piece = 0..0;
    }

    fn found(&mut self, piece: std::ops::Range<usize>, taken: usize) -> Result<Option<Piece>, Failure> {
        self.passed += piece.len() as u64;
        (self.piece, self.taken) = (piece, taken);
        // Chunk lines count too: a body of one-byte chunks is not cheaper.
        if self.passed > self.limit { Err(Failure::BodyTooLarge) } else { Ok(Some(Piece::Data)) }
    }

    fn ended(&mut self, trailers: std::ops::Range<usize>, taken: usize) -> Piece {
        (self.piece, self.taken, self.done) = (trailers, taken, true);
        Piece::End
    }

    fn scan(&mut self) -> Result<Option<Piece>, Failure> {
        let scan =
            self.reader.scan(self.slot.unread()).map_err(|bad| Failure::BadBody(bad.request_code()))?;
        match scan.end {
            Some(end) if scan.forward == 0 => Ok(Some(self.ended(end.trailers.range(), end.consumed))),
            Some(end) => {
                // Counted from behind the data, which is taken away first.
                let trailers = end.trailers.range();
                let shift = |at: usize| at.saturating_sub(scan.forward);
                self.end = Some((end.consumed - scan.forward, shift(trailers.start)..shift(trailers.end)));
                self.found(0..scan.forward, scan.forward)
            }
            None if scan.forward > 0 => self.found(0..scan.forward, scan.forward),
            None => Ok(None),
        }
    }

    fn next(&mut self) -> Result<Option<Piece>, Failure> {
        match self.reader.next(self.slot.unread()).map_err(|bad| Failure::BadBody(bad.request_code()))? {
            BodyEvent::Data { skip, data } => self.found(skip..skip + data, skip + data),
            BodyEvent::End { consumed, trailers } => Ok(Some(self.ended(trailers.range(), consumed))),
            BodyEvent::More { consumed } => {
                self.slot.consume(consumed, &self.worker.pool);
                Ok(None)
            }
        }
    }
}

impl<T: Io> Body for H1Body<'_, T> {
    fn ready(&mut self) -> Result<Option<Piece>, Failure> {
        self.take_away();
        if self.done {
            return Ok(Some(Piece::End));
        }
        if let Some((taken, trailers)) = self.end.take() {
            return Ok(Some(self.ended(trailers, taken)));
        }
        if self.framed { self.scan() } else { self.next() }
    }

    fn bytes(&self) -> &[u8] {
        &self.slot.unread()[self.piece.clone()]
    }

    fn is_framed(&self) -> bool {
        self.framed
    }

    async fn wait(&mut self, timer: &Timer) -> Result<(), Failure> {
        self.take_away();
        let limit = self.worker.config.limits.client_idle;
        match self.wire.fill(self.slot, &self.worker.pool, timer, limit).await {
            Ok(0) | Err(WireError::Io(_)) => Err(Failure::ClientGone),
            Err(WireError::Timeout) => Err(Failure::BodyTimeout),
            Ok(_) => Ok(()),
        }
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn is_untouched(&self) -> bool {
        self.passed == 0
    }
}

impl<T> Drop for H1Body<'_, T> {
    fn drop(&mut self) {
        self.slot.consume(std::mem::take(&mut self.taken), &self.worker.pool);
    }
}
