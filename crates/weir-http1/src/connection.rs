//! The `Connection` field (RFC 9110 §7.6.1).

use crate::bytes;
use crate::{Field, Known};

/// More options than any honest peer sends; each of them is compared with every field.
const MAX_OPTIONS: usize = 32;

/// `Connection` names a field that decides where the message goes or ends, or too many fields.
pub(crate) struct BadOption;

/// What all `Connection` fields of one head say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    seen: u8,
    count: usize,
}

const CLOSE: u8 = 1;
const KEEP_ALIVE: u8 = 2;
const UPGRADE: u8 = 4;
const NOMINATED: u8 = 8;

// === impl Options ===

impl Options {
    /// Notes the options of one field.
    pub(crate) fn note(&mut self, value: &[u8]) -> Result<(), BadOption> {
        for option in bytes::list(value).filter(|option| !option.is_empty()) {
            self.seen |= meaning(option)?;
            self.count += 1;
        }
        if self.count > MAX_OPTIONS { Err(BadOption) } else { Ok(()) }
    }

    pub(crate) fn upgrade(self) -> bool {
        self.seen & UPGRADE != 0
    }

    /// Whether the connection stays open after this message (RFC 9112 §9.3).
    pub(crate) fn persistent(self, http10: bool) -> bool {
        self.seen & CLOSE == 0 && (!http10 || self.seen & KEEP_ALIVE != 0)
    }

    /// Marks the fields that the options name as dropped.
    pub(crate) fn drop_nominated(self, buf: &[u8], fields: &mut [Field]) {
        if self.seen & NOMINATED == 0 {
            return;
        }
        for at in 0..fields.len() {
            if fields[at].known == Known::Connection {
                let value = fields[at].value.of(buf);
                bytes::list(value)
                    .filter(|option| is_nomination(option))
                    .for_each(|option| drop_named(buf, fields, option));
            }
        }
    }
}

fn meaning(option: &[u8]) -> Result<u8, BadOption> {
    match option.len() {
        5 if option.eq_ignore_ascii_case(b"close") => Ok(CLOSE),
        10 if option.eq_ignore_ascii_case(b"keep-alive") => Ok(KEEP_ALIVE),
        7 if option.eq_ignore_ascii_case(b"upgrade") => Ok(UPGRADE),
        _ => match Known::of(option) {
            // Without these, the next hop would read another message than this one.
            Known::Host | Known::ContentLength | Known::TransferEncoding => Err(BadOption),
            Known::Te => Ok(0),
            _ => Ok(NOMINATED),
        },
    }
}

fn is_nomination(option: &[u8]) -> bool {
    matches!(meaning(option), Ok(NOMINATED))
}

fn drop_named(buf: &[u8], fields: &mut [Field], name: &[u8]) {
    let named = fields.iter_mut().filter(|field| field.name.of(buf).eq_ignore_ascii_case(name));
    named.for_each(|field| field.dropped = true);
}
