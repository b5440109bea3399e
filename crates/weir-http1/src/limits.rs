//! How much of a head is read before it is refused.

/// Bounds of one message head. All of them are checked while the head is still incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the request line or status line, without its line end (414).
    pub request_line: usize,
    /// Bytes of all field lines together, without the values of cookies (431).
    pub head: usize,
    /// Bytes of all `Cookie` (or `Set-Cookie`) values together (431). They have their own budget because
    /// they grow for reasons the client does not control.
    pub cookies: usize,
    /// Field lines that are not cookies (431).
    pub fields: usize,
    /// Cookies, counted one by one even when they share a line (431).
    pub crumbs: usize,
}

// === impl Limits ===

impl Limits {
    /// The most bytes that one head can occupy: a read buffer of this size never fills up.
    pub const fn buffer(&self) -> usize {
        // Two empty line ends: the tolerated one before the request line and the final one.
        self.request_line + self.head + self.cookies + 8
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { request_line: 8 << 10, head: 32 << 10, cookies: 32 << 10, fields: 128, crumbs: 256 }
    }
}
