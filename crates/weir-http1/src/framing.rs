//! Where a message ends: what its fields declare (RFC 9112 §6).

use crate::bytes;
use crate::{BadFraming, Field};

/// The largest body that is accepted: many backends hold lengths in signed 64 bits.
pub(crate) const MAX_LENGTH: u64 = i64::MAX as u64;

/// What `Content-Length` and `Transfer-Encoding` fields seen so far declare.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Declared {
    length: Option<u64>,
    chunked: bool,
}

/// The one framing that the fields of a message declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Unstated,
    Length(u64),
    Chunked,
}

// === impl Declared ===

impl Declared {
    /// Notes a `Content-Length` field, narrows its value to one plain number, and drops repetitions.
    pub(crate) fn length(&mut self, buf: &[u8], field: &mut Field) -> Result<(), BadFraming> {
        let value = field.value.of(buf);
        field.dropped |= self.length.is_some();
        for member in bytes::list(value) {
            let length = number(member).ok_or(BadFraming::Length)?;
            if self.length.is_some_and(|known| known != length) {
                return Err(BadFraming::Lengths);
            }
            self.length = Some(length);
        }
        let (start, end) = first_number(value);
        field.value = field.value.part(start, end);
        Ok(())
    }

    /// Notes a `Transfer-Encoding` field: nothing but `chunked`, in one field, is accepted.
    pub(crate) fn coding(&mut self, value: &[u8]) -> Result<(), BadFraming> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(BadFraming::Coding);
        }
        self.chunked = true;
        Ok(())
    }

    /// The framing, when there is exactly one.
    pub(crate) fn framing(self, http10: bool) -> Result<Framing, BadFraming> {
        match (self.chunked, self.length) {
            (true, _) if http10 => Err(BadFraming::OldVersion),
            (true, Some(_)) => Err(BadFraming::Both),
            (true, None) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::Unstated),
        }
    }
}

/// A non-empty row of decimal digits (RFC 9110 §8.6).
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let value = text.iter().try_fold(0_u64, |sum, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })?;
    (value <= MAX_LENGTH).then_some(value)
}

/// The first member of a valid list of numbers, without leading zeros.
fn first_number(value: &[u8]) -> (usize, usize) {
    let end = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
    let zeros = value[..end].iter().take_while(|&&byte| byte == b'0').count();
    (zeros.min(end.saturating_sub(1)), end)
}
