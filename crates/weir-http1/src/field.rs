//! One field line after the other.

use crate::bytes;
use crate::{BadField, Known, Limits, Span};

/// One field line of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name as sent.
    pub name: Span,
    /// The value without blanks around it. It may be narrower than what was sent, or lie in the target,
    /// where that is the one correct reading: forward what the span shows.
    pub value: Span,
    /// Which well-known field it is.
    pub known: Known,
    /// Not to be forwarded: hop-by-hop, named by `Connection`, a repetition of the content length, or (in
    /// requests) a name with `_`.
    pub dropped: bool,
}

/// What the next line is.
pub(crate) enum Line {
    /// A field.
    Field(Field),
    /// The empty line; the offset after it.
    End(usize),
    /// The line is not complete.
    More,
}

/// Reads a field section (RFC 9112 §5) line by line.
///
/// Errors depend on the bytes up to the wrong one only: a head that arrives in pieces fails as it would
/// have in one piece.
pub(crate) struct Section<'b> {
    buf: &'b [u8],
    at: usize,
    left: Limits,
    cookie: Known,
}

// === impl Section ===

impl<'b> Section<'b> {
    /// The section that begins at offset `at`; fields named `cookie` have their own budget.
    #[inline]
    pub(crate) fn new(buf: &'b [u8], at: usize, limits: &Limits, cookie: Known) -> Self {
        Self { buf, at, left: *limits, cookie }
    }

    /// The next line. Fields whose name holds `_` come marked as dropped.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Line, BadField> {
        match self.buf.get(self.at) {
            None => Ok(Line::More),
            Some(b'\r') => self.end(),
            Some(b' ' | b'\t') => Err(BadField::Folded),
            Some(_) => self.field(),
        }
    }

    fn end(&self) -> Result<Line, BadField> {
        match self.buf.get(self.at + 1) {
            None => Ok(Line::More),
            Some(b'\n') => Ok(Line::End(self.at + 2)),
            Some(_) => Err(BadField::LineEnd),
        }
    }

    #[inline]
    fn field(&mut self) -> Result<Line, BadField> {
        let Some((len, classes)) = self.name()? else { return Ok(Line::More) };
        let name = Span::new(self.at, self.at + len);
        let known = Known::of(&self.buf[self.at..self.at + len]);
        self.charge(len, known)?;
        let start = self.at + len + 1;
        let Some(end) = self.value_end(start, known)? else { return Ok(Line::More) };
        self.charge_value(&self.buf[start..end], known)?;
        self.at = end + 2;
        let (first, last) = bytes::trimmed(&self.buf[start..end]);
        let value = Span::new(start + first, start + last);
        Ok(Line::Field(Field { name, value, known, dropped: classes & bytes::UNDERSCORE != 0 }))
    }

    /// Length and byte classes of the name that begins the line.
    #[inline]
    fn name(&self) -> Result<Option<(usize, u8)>, BadField> {
        let window = bytes::window(self.buf, self.at, self.left.head);
        let (len, classes) = bytes::token(window);
        match window.get(len) {
            Some(b':') if len > 0 => Ok(Some((len, classes))),
            Some(b' ' | b'\t') => Err(BadField::BlankBeforeColon),
            Some(b'\n') => Err(BadField::LineEnd),
            Some(_) => Err(BadField::Name),
            None if window.len() > self.left.head => Err(BadField::LargeHead),
            None => Ok(None),
        }
    }

    /// Takes a name of `len` bytes, its colon and line end from the budget.
    #[inline]
    fn charge(&mut self, len: usize, known: Known) -> Result<(), BadField> {
        self.left.head = self.left.head.checked_sub(len + 3).ok_or(BadField::LargeHead)?;
        if known != self.cookie {
            self.left.fields = self.left.fields.checked_sub(1).ok_or(BadField::ManyFields)?;
        }
        Ok(())
    }

    /// The offset of the CR that ends the value which begins at `start`.
    #[inline]
    fn value_end(&self, start: usize, known: Known) -> Result<Option<usize>, BadField> {
        let (budget, too_large) = self.budget(known);
        let window = bytes::window(self.buf, start, budget);
        match line_end(window)? {
            None if window.len() > budget => Err(too_large),
            None => Ok(None),
            Some(len) => match self.buf.get(start + len + 1) {
                None => Ok(None),
                Some(b'\n') => Ok(Some(start + len)),
                Some(_) => Err(BadField::LineEnd),
            },
        }
    }

    #[inline]
    fn budget(&self, known: Known) -> (usize, BadField) {
        if known == self.cookie {
            (self.left.cookies, BadField::LargeCookies)
        } else {
            (self.left.head, BadField::LargeHead)
        }
    }

    /// Takes a value from its budget, which [`Section::value_end`] has found to be large enough.
    #[inline]
    fn charge_value(&mut self, value: &[u8], known: Known) -> Result<(), BadField> {
        if known != self.cookie {
            self.left.head -= value.len();
            return Ok(());
        }
        self.left.cookies -= value.len();
        let crumbs = self.crumbs(value);
        self.left.crumbs = self.left.crumbs.checked_sub(crumbs).ok_or(BadField::ManyCookies)?;
        Ok(())
    }

    /// A `Cookie` line holds several cookies, a `Set-Cookie` line one with attributes.
    fn crumbs(&self, value: &[u8]) -> usize {
        match self.cookie {
            Known::Cookie => memchr::memchr_iter(b';', value).count() + 1,
            _ => 1,
        }
    }
}

/// The offset of the CR in a line of field content.
#[inline]
fn line_end(window: &[u8]) -> Result<Option<usize>, BadField> {
    let mut at = 0;
    while let Some(step) = bytes::find_control(&window[at..]) {
        at += step;
        match window[at] {
            b'\t' => at += 1,
            b'\r' => return Ok(Some(at)),
            b'\n' => return Err(BadField::LineEnd),
            _ => return Err(BadField::Value),
        }
    }
    Ok(None)
}

// === impl Field ===

impl Field {
    /// Whether the field has this name; `known` is what [`Known::of`] says of the name.
    #[inline]
    pub(crate) fn is_named(&self, buf: &[u8], known: Known, name: &[u8]) -> bool {
        self.known == known && (known != Known::Other || self.name.of(buf).eq_ignore_ascii_case(name))
    }
}
