//! A request as matching sees it, whichever protocol it came by.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use ipnet::IpNet;
use weir_http1::{Known, RequestHead};
use weir_model::path::{self, BadPath};
use weir_route::Request;

/// What is known of the connection that a request came by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The port that the client connected to.
    pub(crate) local_port: u16,
    pub(crate) secure: bool,
    /// Whether `X-Forwarded-*` from it is believed.
    pub(crate) trusted: bool,
}

/// A request head, ready for matching and forwarding.
#[derive(Debug)]
pub(crate) struct View<'r> {
    pub(crate) head: &'r RequestHead,
    pub(crate) buf: &'r [u8],
    pub(crate) peer: Peer,
    host: Cow<'r, str>,
    path: Cow<'r, [u8]>,
    client: IpAddr,
    secure: bool,
}

// === impl View ===

impl<'r> View<'r> {
    /// # Errors
    /// When the path has no canonical form.
    pub(crate) fn new(
        head: &'r RequestHead,
        buf: &'r [u8],
        peer: Peer,
        trusted: &[IpNet],
    ) -> Result<Self, BadPath> {
        let (client, secure) = if peer.trusted { forwarded(head, buf, peer, trusted) } else { direct(peer) };
        Ok(Self {
            host: host(head.authority.of(buf)),
            path: path::normalise(head.path(buf))?,
            head,
            buf,
            peer,
            client,
            secure,
        })
    }

    pub(crate) fn raw_target(&self) -> &'r [u8] {
        self.head.target.of(self.buf)
    }
}

impl Request for View<'_> {
    fn method(&self) -> &[u8] {
        self.head.method.of(self.buf)
    }

    fn secure(&self) -> bool {
        self.secure
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn path(&self) -> &[u8] {
        &self.path
    }

    fn target(&self) -> &[u8] {
        // An absolute-form target is the resource's URL, not what a redirect or a rule is written for.
        let end = self.head.query.unwrap_or(self.head.path).end();
        match self.buf.get(self.head.path.start()..end) {
            Some(target) if !target.is_empty() && !self.head.path.is_empty() => target,
            _ => self.head.path(self.buf),
        }
    }

    fn query(&self) -> Option<&[u8]> {
        self.head.query.map(|query| query.of(self.buf))
    }

    fn header<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.head.header(self.buf, name.as_bytes())
    }

    fn client(&self) -> IpAddr {
        self.client
    }
}

fn direct(peer: Peer) -> (IpAddr, bool) {
    (peer.address.ip().to_canonical(), peer.secure)
}

/// The rightmost address that is not of a trusted proxy, and the scheme that the nearest proxy saw.
fn forwarded(head: &RequestHead, buf: &[u8], peer: Peer, trusted: &[IpNet]) -> (IpAddr, bool) {
    let mut client = peer.address.ip().to_canonical();
    let lines: Vec<&[u8]> = head.known(buf, Known::XForwardedFor).collect();
    let entries = lines.iter().rev().flat_map(|line| line.rsplit(|&byte| byte == b','));
    for entry in entries {
        let Some(address) = std::str::from_utf8(entry.trim_ascii()).ok().and_then(|text| text.parse().ok())
        else {
            break;
        };
        client = address;
        if !is_trusted(client, trusted) {
            break;
        }
    }
    let scheme = head.known(buf, Known::XForwardedProto).last();
    let secure = scheme.map_or(peer.secure, |scheme| scheme.eq_ignore_ascii_case(b"https"));
    (client, secure)
}

pub(crate) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// The host in lower case, without port and trailing dot.
fn host(authority: &[u8]) -> Cow<'_, str> {
    let name = without_port(authority);
    let name = name.strip_suffix(b".").unwrap_or(name);
    // The head parser lets only ASCII through here.
    let name = std::str::from_utf8(name).unwrap_or_default();
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

fn without_port(authority: &[u8]) -> &[u8] {
    let colon = authority.iter().rposition(|&byte| byte == b':');
    let bracket = authority.iter().rposition(|&byte| byte == b']');
    match colon {
        Some(colon) if bracket.is_none_or(|bracket| bracket < colon) => &authority[..colon],
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let cases = [
            ("Example.com:8080", "example.com"),
            ("example.com.", "example.com"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
        ];
        for (authority, expected) in cases {
            assert_eq!(host(authority.as_bytes()), expected);
        }
    }

    fn parsed(text: &str) -> RequestHead {
        let mut head = RequestHead::new();
        head.parse(text.as_bytes(), &weir_http1::Limits::default()).unwrap().unwrap();
        head
    }

    #[test]
    fn the_client_stands_before_the_trusted_proxies() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let peer = Peer { address: ([10, 0, 0, 1], 5).into(), local_port: 80, secure: false, trusted: true };
        let text = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.0.0.9\r\n\
                    X-Forwarded-Proto: https\r\n\r\n";
        let head = parsed(text);
        let view = View::new(&head, text.as_bytes(), peer, &trusted).unwrap();
        assert_eq!(Request::client(&view), IpAddr::from([192, 0, 2, 7]));
        assert!(Request::secure(&view));
        let view = View::new(&head, text.as_bytes(), Peer { trusted: false, ..peer }, &trusted).unwrap();
        assert_eq!(Request::client(&view), IpAddr::from([10, 0, 0, 1]));
        assert!(!Request::secure(&view));
    }

    #[test]
    fn the_target_of_an_absolute_form_is_its_path() {
        let peer =
            Peer { address: ([127, 0, 0, 1], 5).into(), local_port: 80, secure: false, trusted: false };
        for (target, expected) in
            [("http://a/x?y=1", "/x?y=1"), ("/x?y", "/x?y"), ("http://a", "/"), ("/?", "/?")]
        {
            let text = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            let head = parsed(&text);
            let view = View::new(&head, text.as_bytes(), peer, &[]).unwrap();
            assert_eq!(Request::target(&view), expected.as_bytes(), "{target}");
        }
    }
}
