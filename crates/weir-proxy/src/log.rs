//! The access log: one line per request, written in batches to standard output.

use std::{
    cell::RefCell,
    io::Write,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::Serialize;
use weir_http1::{RequestHead, Version};
use weir_model::Rule;
use weir_route::{DecidedBy, Forward, Request};

use crate::{answer::Answer, config::LogFormat, metrics::Ending, view::View};

/// Lines are written when this much has gathered, and at every tick.
const BATCH: usize = 32 * 1024;

/// What is known of a request when it has ended.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    client: IpAddr,
    method: String,
    host: String,
    target: String,
    protocol: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    code: &'static str,
    /// Of the body, as sent.
    bytes: u64,
    duration_us: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    route: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<DecidedBy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_us: Option<u64>,
    referer: String,
    user_agent: String,
    #[serde(skip)]
    pub(crate) since: Instant,
    #[serde(skip)]
    complete: bool,
    #[serde(skip)]
    took: Duration,
}

// === impl Record ===

impl Record {
    /// A request of which nothing is known yet.
    pub(crate) fn unread(client: IpAddr, since: Instant) -> Self {
        Self {
            client,
            method: String::new(),
            host: String::new(),
            target: String::new(),
            protocol: "HTTP/1.1",
            status: 0,
            code: "",
            bytes: 0,
            duration_us: 0,
            route: String::new(),
            service: String::new(),
            decided_by: None,
            upstream: None,
            upstream_us: None,
            referer: String::new(),
            user_agent: String::new(),
            since,
            complete: true,
            took: Duration::ZERO,
        }
    }

    /// Notes what the client asked for; only called where a log is written.
    pub(crate) fn request(&mut self, view: &View<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let header = |name| view.header(name).next().map(text).unwrap_or_default();
        self.client = view.client();
        self.method = text(view.method());
        view.host().clone_into(&mut self.host);
        self.target = text(view.target());
        self.protocol = protocol(view.head.version);
        self.referer = header("referer");
        self.user_agent = header("user-agent");
    }

    /// Notes what the client asked for where that has no canonical form; only called where a log is written.
    pub(crate) fn raw(&mut self, head: &RequestHead, buf: &[u8]) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.method = text(head.method.of(buf));
        self.host = text(head.authority.of(buf));
        self.target = text(head.target.of(buf));
        self.protocol = protocol(head.version);
    }

    /// Notes which rule Weir answered for; only called where a log is written.
    pub(crate) fn routed(&mut self, rule: &Rule) {
        let object = &rule.origin.object;
        self.route = format!("{}/{}", object.namespace, object.name);
    }

    /// Notes which endpoint answered, when its first byte came, and how much of its response went out.
    pub(crate) fn forwarded(&mut self, endpoint: Option<SocketAddr>, first_byte: Option<Instant>, sent: u64) {
        self.upstream = endpoint;
        let waited = first_byte.map(|at| at.saturating_duration_since(self.since));
        self.upstream_us = waited.map(microseconds);
        self.bytes = sent;
    }

    /// Notes who decided what; only called where a log is written.
    pub(crate) fn decision(&mut self, rule: &Rule, decision: Forward) {
        let backend = &rule.split.arm(decision.arm).backend;
        self.routed(rule);
        self.service = format!("{}/{}", backend.namespace, backend.service);
        self.decided_by = Some(decision.decided_by);
    }

    /// Weir answered by itself.
    pub(crate) fn answered(&mut self, answer: &Answer, head_only: bool) {
        self.bytes = if head_only { 0 } else { answer.body().len() as u64 };
        self.end(answer.status, answer.code);
    }

    /// The response is complete.
    pub(crate) fn end(&mut self, status: u16, code: &'static str) {
        (self.status, self.code) = (status, code);
        self.stop();
    }

    /// The response could not be completed.
    pub(crate) fn cut_off(&mut self, code: &'static str) {
        self.code = code;
        self.complete = false;
        self.stop();
        if self.status == 0 {
            self.status = 499;
        }
    }

    fn stop(&mut self) {
        self.took = self.since.elapsed();
        self.duration_us = microseconds(self.took);
    }

    pub(crate) fn ending(&self) -> Ending {
        Ending { status: self.status, complete: self.complete, took: self.took }
    }
}

/// As nginx and Apache write it.
fn protocol(version: Version) -> &'static str {
    match version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
        Version::Http2 => "HTTP/2.0",
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A thread's share of the log.
#[derive(Debug)]
pub(crate) struct Log {
    format: LogFormat,
    lines: RefCell<Vec<u8>>,
}

// === impl Log ===

impl Log {
    pub(crate) fn new(format: LogFormat) -> Self {
        Self { format, lines: RefCell::default() }
    }

    pub(crate) fn write(&self, record: &Record) {
        let mut lines = self.lines.borrow_mut();
        match self.format {
            LogFormat::Json => json(&mut lines, record),
            LogFormat::Combined => combined(&mut lines, record),
        }
        if lines.len() >= BATCH {
            drop(lines);
            self.flush();
        }
    }

    /// Writes what has gathered. A reader that is gone must not stop the traffic, so errors end here.
    pub(crate) fn flush(&self) {
        let mut lines = self.lines.borrow_mut();
        if !lines.is_empty() {
            let _ = std::io::stdout().lock().write_all(&lines);
            lines.clear();
        }
    }
}

#[derive(Serialize)]
struct Line<'r> {
    time: Timestamp,
    #[serde(flatten)]
    record: &'r Record,
}

fn json(out: &mut Vec<u8>, record: &Record) {
    let line = Line { time: Timestamp::now(), record };
    // Writing plain data to memory does not fail.
    let _ = serde_json::to_writer(&mut *out, &line);
    out.push(b'\n');
}

/// `client - - [time] "request" status bytes "referer" "user agent"`.
fn combined(out: &mut Vec<u8>, record: &Record) {
    let time = Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
    let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { escaped(text) };
    // Writing to memory does not fail.
    let _ = writeln!(
        out,
        "{} - - [{time}] \"{} {} {}\" {} {} \"{}\" \"{}\"",
        record.client,
        escaped(&record.method),
        escaped(&record.target),
        record.protocol,
        record.status,
        record.bytes,
        dash(&record.referer),
        dash(&record.user_agent),
    );
}

/// No text of a client can end its field or its line.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c == '"' || c == '\\' || c.is_control() { c.escape_default().collect() } else { vec![c] }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let mut record = Record::unread([192, 0, 2, 1].into(), Instant::now());
        record.method = "GET".into();
        record.target = "/a?b=\"c\"".into();
        record.user_agent = "x\ny".into();
        record.end(200, "");
        record
    }

    #[test]
    fn combined_lines_cannot_be_broken() {
        let mut out = Vec::new();
        combined(&mut out, &record());
        let line = String::from_utf8(out).unwrap();
        assert_eq!(line.lines().count(), 1);
        assert!(line.contains(r#""GET /a?b=\"c\" HTTP/1.1" 200 0 "-" "x\ny""#), "{line}");
    }

    #[test]
    fn json_lines_are_objects() {
        let mut out = Vec::new();
        json(&mut out, &record());
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["status"], 200);
        assert!(value["duration_us"].is_u64());
        assert_eq!(value["target"], "/a?b=\"c\"");
    }
}
