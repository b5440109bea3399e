//! The request that the data plane would see.

use std::net::IpAddr;

use weir_http1::{BadRequest, RequestFraming, RequestHead, split_authority};
use weir_model::path::{self, BadPath};
use weir_proxy::Refusal;
use weir_route::{Explanation, Request, Step};

use super::question::{InvalidQuestion, Question};

/// A request that was never sent.
#[derive(Debug)]
pub(super) struct Asked {
    head: RequestHead,
    bytes: Vec<u8>,
    secure: bool,
    host: String,
    path: Vec<u8>,
    client: IpAddr,
}

/// The data plane refuses the request before it looks for a rule.
#[derive(Debug)]
pub(super) struct Refused {
    status: u16,
    code: &'static str,
    reason: String,
}

// === impl Asked ===

impl Asked {
    /// Writes the head and reads it as the data plane does.
    pub(super) fn new(question: &Question) -> Result<Result<Self, Refused>, InvalidQuestion> {
        let secure = question.url()?.secure;
        let mut bytes = Vec::new();
        Ok(head(question, &mut bytes)?.map_err(Refused::head).and_then(|head| {
            let path = path::normalise(head.path(&bytes)).map_err(Refused::path)?.into_owned();
            let host = host(head.authority.of(&bytes));
            Ok(Self { head, secure, host, path, client: question.client, bytes })
        }))
    }
}

fn head(
    question: &Question,
    bytes: &mut Vec<u8>,
) -> Result<Result<RequestHead, BadRequest>, InvalidQuestion> {
    let url = question.url()?;
    let slash = if url.target.starts_with('/') { "" } else { "/" };
    let target = format!("{slash}{}", url.target);
    let named = question.headers.iter().rfind(|(name, _)| name == "host");
    let authority = named.map_or(url.authority, |(_, host)| host);
    let mut head = RequestHead::build(bytes).method(question.method.as_bytes()).target(target.as_bytes());
    head = head.authority(authority.as_bytes());
    for (name, value) in &question.headers {
        head = head.field(name.as_bytes(), value.as_bytes());
    }
    for cookies in &question.cookies {
        head = head.field(b"cookie", cookies.as_bytes());
    }
    Ok(head.finish(RequestFraming::None))
}

/// In lower case, without port and trailing dot.
fn host(authority: &[u8]) -> String {
    let (name, _) = split_authority(authority);
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    name.strip_suffix('.').unwrap_or(&name).to_owned()
}

impl Request for Asked {
    fn method(&self) -> &[u8] {
        self.head.method.of(&self.bytes)
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
        self.head.target.of(&self.bytes)
    }

    fn query(&self) -> Option<&[u8]> {
        self.head.query.map(|query| query.of(&self.bytes))
    }

    fn header<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r [u8]> {
        self.head.header(&self.bytes, name.as_bytes())
    }

    fn client(&self) -> IpAddr {
        self.client
    }
}

// === impl Refused ===

impl Refused {
    fn head(bad: BadRequest) -> Self {
        Self { status: bad.status(), code: bad.code(), reason: bad.to_string() }
    }

    fn path(bad: BadPath) -> Self {
        let refusal = Refusal::BadPath;
        Self { status: refusal.status(), code: refusal.code(), reason: bad.to_string() }
    }

    pub(super) fn explanation(self) -> Explanation {
        Explanation {
            outcome: "reject",
            status: Some(self.status),
            code: Some(self.code),
            location: None,
            rule: None,
            forwarded_target: None,
            arms: Vec::new(),
            decided_by: None,
            release: None,
            trace: vec![Step { step: "request", detail: self.reason }],
            findings: Vec::new(),
        }
    }
}
