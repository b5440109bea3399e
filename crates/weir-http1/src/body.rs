//! Incoming bodies.

mod chunk;

use self::chunk::{Head, Tail};
use crate::{BadBody, RequestFraming, ResponseFraming, Span};

/// Follows one body through the input: says which bytes are payload, which are framing, and where it ends.
///
/// It never holds bytes. Each call is given the unread input; what a call reports as taken must be removed
/// before the next one.
#[derive(Clone, Copy, Debug)]
pub struct BodyReader {
    state: State,
}

/// What comes next in the input.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Payload of known length.
    Length(u64),
    /// Payload up to the end of the connection.
    UntilClose,
    /// A chunk size line.
    Size,
    /// The rest of a chunk's data.
    Data(u64),
    /// The line end after a chunk's data.
    DataEnd,
    /// Nothing: the body has ended.
    Done,
}

/// One element of framing.
enum Step {
    /// So many bytes, and the body goes on.
    Taken(usize),
    /// The element is not complete.
    More,
    /// The body has ended.
    End { len: usize, trailers: Span },
}

/// One step through the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEvent {
    /// After `skip` bytes of framing, `data` bytes are payload.
    Data {
        /// Bytes to take away and forget.
        skip: usize,
        /// Bytes to take away and use.
        data: usize,
    },
    /// The body has ended.
    End {
        /// Bytes to take away and forget.
        consumed: usize,
        /// The validated trailer lines in the input, each with its line end; empty if there are none.
        trailers: Span,
    },
    /// Nothing complete: read more.
    More {
        /// Bytes to take away and forget.
        consumed: usize,
    },
}

/// What of the input can be forwarded as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// So many bytes are complete and valid framing and payload. Take them away.
    pub forward: usize,
    /// The body ends here.
    pub end: Option<End>,
}

/// The end of a scanned body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Bytes to take away in all: what was forwarded, and the last chunk with its trailers. Write the end of
    /// the outgoing body with [`crate::write::last_chunk`].
    pub consumed: usize,
    /// The validated trailer lines in the input, each with its line end; empty if there are none.
    pub trailers: Span,
}

// === impl BodyReader ===

impl BodyReader {
    /// The body that follows a head with this framing.
    #[inline]
    pub fn new(framing: impl Into<ResponseFraming>) -> Self {
        let state = match framing.into() {
            ResponseFraming::None | ResponseFraming::Length(0) => State::Done,
            ResponseFraming::Length(length) => State::Length(length),
            ResponseFraming::Chunked => State::Size,
            ResponseFraming::UntilClose => State::UntilClose,
        };
        Self { state }
    }

    /// Looks at the unread input. The bytes that the event names count as taken.
    ///
    /// # Errors
    /// When the framing is invalid: neither the rest of the body nor the connection can be used.
    pub fn next(&mut self, input: &[u8]) -> Result<BodyEvent, BadBody> {
        let mut at = 0;
        loop {
            let rest = &input[at..];
            match self.payload(rest.len()) {
                Some(0) => return Ok(BodyEvent::More { consumed: at }),
                Some(data) => return Ok(BodyEvent::Data { skip: at, data }),
                None => {}
            }
            match self.framing(rest)? {
                Step::Taken(len) => at += len,
                Step::More => return Ok(BodyEvent::More { consumed: at }),
                Step::End { len, trailers } => {
                    let trailers = Span::new(at + trailers.start(), at + trailers.end());
                    return Ok(BodyEvent::End { consumed: at + len, trailers });
                }
            }
        }
    }

    /// Like [`BodyReader::next`], for passing a body on without re-framing it: chunk lines count as bytes to
    /// forward, except the last chunk, whose trailers must be filtered.
    ///
    /// # Errors
    /// When the framing is invalid; nothing of this input may be forwarded.
    pub fn scan(&mut self, input: &[u8]) -> Result<Scan, BadBody> {
        let mut forward = 0;
        loop {
            let rest = &input[forward..];
            match self.payload(rest.len()) {
                Some(0) => return Ok(Scan { forward, end: None }),
                Some(data) => forward += data,
                None => match self.framing(rest)? {
                    Step::Taken(len) => forward += len,
                    Step::More => return Ok(Scan { forward, end: None }),
                    Step::End { len, trailers } => {
                        let trailers = Span::new(forward + trailers.start(), forward + trailers.end());
                        let end = End { consumed: forward + len, trailers };
                        return Ok(Scan { forward, end: Some(end) });
                    }
                },
            }
        }
    }

    /// Whether the body has ended. A body of known length ends with its last byte, without an
    /// [`BodyEvent::End`] having been asked for.
    #[inline]
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Whether what was passed on of a chunked body may be followed by a last chunk of the caller's own.
    #[inline]
    pub const fn is_between_chunks(&self) -> bool {
        matches!(self.state, State::Size)
    }

    /// The number of payload bytes still to come, where the head declared it.
    #[inline]
    pub const fn remaining(&self) -> Option<u64> {
        match self.state {
            State::Length(left) => Some(left),
            State::Done => Some(0),
            _ => None,
        }
    }

    /// The connection has ended.
    ///
    /// # Errors
    /// [`BadBody::Truncated`] when the body had not.
    pub fn on_eof(&mut self) -> Result<(), BadBody> {
        match self.state {
            State::Done | State::UntilClose => {
                self.state = State::Done;
                Ok(())
            }
            _ => Err(BadBody::Truncated),
        }
    }

    /// Takes payload, of which `available` bytes are there. `None`: framing comes next.
    #[inline]
    fn payload(&mut self, available: usize) -> Option<usize> {
        let left = match &mut self.state {
            State::Length(left) | State::Data(left) => left,
            State::UntilClose => return Some(available),
            _ => return None,
        };
        let taken = usize::try_from(*left).map_or(available, |left| left.min(available));
        *left -= taken as u64;
        match self.state {
            State::Length(0) => self.state = State::Done,
            State::Data(0) => self.state = State::DataEnd,
            _ => {}
        }
        Some(taken)
    }

    /// Takes one element of framing.
    fn framing(&mut self, input: &[u8]) -> Result<Step, BadBody> {
        match self.state {
            State::Size => self.size_line(input),
            State::DataEnd if chunk::line_end(input)? => {
                self.state = State::Size;
                Ok(Step::Taken(2))
            }
            State::DataEnd => Ok(Step::More),
            _ => Ok(Step::End { len: 0, trailers: Span::default() }),
        }
    }

    /// Takes a chunk size line. The last chunk is taken together with the trailers after it.
    fn size_line(&mut self, input: &[u8]) -> Result<Step, BadBody> {
        match chunk::head(input)? {
            Head::More => Ok(Step::More),
            Head::Chunk { len, size: 0 } => self.last_chunk(input, len),
            Head::Chunk { len, size } => {
                self.state = State::Data(size);
                Ok(Step::Taken(len))
            }
        }
    }

    fn last_chunk(&mut self, input: &[u8], start: usize) -> Result<Step, BadBody> {
        match chunk::trailers(input, start)? {
            Tail::More => Ok(Step::More),
            Tail::End { len, trailers } => {
                self.state = State::Done;
                Ok(Step::End { len, trailers })
            }
        }
    }
}

// === impl ResponseFraming ===

impl From<RequestFraming> for ResponseFraming {
    fn from(framing: RequestFraming) -> Self {
        match framing {
            RequestFraming::None => Self::None,
            RequestFraming::Length(length) => Self::Length(length),
            RequestFraming::Chunked => Self::Chunked,
        }
    }
}
