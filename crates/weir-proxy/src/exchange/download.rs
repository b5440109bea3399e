//! The response on its way to the client.

use std::{fmt::Write, task::Context, time::Instant};

use smallvec::SmallVec;
use weir_http1::{BodyEvent, BodyReader, ResponseFraming, ResponseHead};
use weir_model::{SameSite, SessionCookie};
use weir_route::{Cookies, Session};

use super::{
    Failure, Response, Sink, Try, Waited,
    lasting::{Lasting, poll_unless_told},
};
use crate::{
    balance::Pick,
    buffer::Slot,
    upstream::Socket,
    wire::Wire,
    worker::{Turn, regroup},
};

/// A session cookie and a cohort at most.
type SetCookies = SmallVec<[String; 2]>;

/// What was found of a response body.
struct Found {
    /// The bytes to pass on.
    data: std::ops::Range<usize>,
    /// How many bytes can go after that.
    consumed: usize,
    /// Where the body ends here: its raw trailers.
    end: Option<weir_http1::Span>,
}

impl Try<'_> {
    /// Reads the response and passes it on.
    pub(super) async fn download(
        &self,
        wire: &Wire<Socket>,
        slot: &mut Slot,
        pick: &Pick,
        sink: &mut impl Sink,
    ) -> Result<ResponseHead, Failure> {
        let mut head = ResponseHead::new();
        let len = self.final_head(wire, slot, &mut head, sink).await?;
        regroup(Turn::ToClient).await;
        let ended = matches!(head.framing, ResponseFraming::None | ResponseFraming::Length(0));
        let lasting = self.begin(&head, slot.unread(), ended, pick, sink).await?;
        slot.consume(len, &self.worker.pool);
        if head.status == 101 {
            sink.end(&[], &self.timers.down).await?;
        } else {
            self.body(wire, slot, head.framing, sink, lasting.as_ref()).await?;
        }
        Ok(head)
    }

    /// Passes the response head on.
    pub(super) async fn begin(
        &self,
        head: &ResponseHead,
        buf: &[u8],
        ended: bool,
        pick: &Pick,
        sink: &mut impl Sink,
    ) -> Result<Option<Lasting>, Failure> {
        let set_cookies = self.set_cookies(pick);
        let edits = &self.job.rule.rule.split.arm(self.job.arm()).headers.response;
        let uploaded = self.uploaded.get();
        let response = Response { head, buf, edits, set_cookies: &set_cookies, uploaded, ended };
        sink.begin(response, &self.timers.down).await?;
        Ok(self.begun(head, buf, ended, pick))
    }

    /// Reads up to the final response head; passes informational ones on. Returns its length.
    async fn final_head(
        &self,
        wire: &Wire<Socket>,
        slot: &mut Slot,
        head: &mut ResponseHead,
        sink: &mut impl Sink,
    ) -> Result<usize, Failure> {
        loop {
            let parsed = head.parse(slot.unread(), self.job.method, &self.worker.config.limits.http1);
            match parsed.map_err(|bad| Failure::BadResponse(bad.code()))? {
                None => {
                    self.read(wire, slot, sink).await?;
                    if self.worker.log.is_some() && self.first_byte.get().is_none() {
                        self.first_byte.set(Some(Instant::now()));
                    }
                }
                Some(len) if head.is_interim() => {
                    sink.interim(head, slot.unread(), &self.timers.down).await?;
                    slot.consume(len, &self.worker.pool);
                }
                Some(_) if head.status == 101 && self.job.upgrade.is_none() => {
                    return Err(Failure::BadResponse("WR-502-UPGRADE"));
                }
                Some(len) => return Ok(len),
            }
        }
    }

    async fn read(&self, wire: &Wire<Socket>, slot: &mut Slot, sink: &mut impl Sink) -> Result<(), Failure> {
        let before = slot.unread().len();
        match self.wait(sink, |cx| wire.poll_fill(cx, slot, &self.worker.pool)).await? {
            Waited::Found(Ok(0) | Err(_)) if before == 0 => Err(Failure::Reset),
            Waited::Found(Ok(0) | Err(_)) => Err(Failure::BadResponse("WR-502-TRUNCATED")),
            Waited::TooLong => Err(Failure::ResponseTimeout),
            Waited::Found(Ok(_)) => Ok(()),
        }
    }

    async fn body(
        &self,
        wire: &Wire<Socket>,
        slot: &mut Slot,
        framing: ResponseFraming,
        sink: &mut impl Sink,
        lasting: Option<&Lasting>,
    ) -> Result<(), Failure> {
        let framed = framing == ResponseFraming::Chunked && sink.takes_framed();
        let mut reader = BodyReader::new(framing);
        loop {
            let found = find(&mut reader, slot.unread(), framed)?;
            if !found.data.is_empty() {
                sink.data(&slot.unread()[found.data.clone()], &self.timers.down).await?;
            }
            if let Some(trailers) = found.end {
                sink.end(trailers.of(slot.unread()), &self.timers.down).await?;
                slot.consume(found.consumed, &self.worker.pool);
                return Ok(());
            }
            slot.consume(found.consumed, &self.worker.pool);
            if found.data.is_empty() {
                sink.flush(&self.timers.down).await?;
                let may_end = lasting.filter(|_| !framed || reader.is_between_chunks());
                if let Some(told) = self.more(wire, slot, &mut reader, sink, may_end).await? {
                    return self.leave(told, sink).await;
                }
            }
        }
    }

    /// Reads on; returns the response itself when it is told to end.
    async fn more<'l>(
        &self,
        wire: &Wire<Socket>,
        slot: &mut Slot,
        reader: &mut BodyReader,
        sink: &mut impl Sink,
        may_end: Option<&'l Lasting>,
    ) -> Result<Option<&'l Lasting>, Failure> {
        let mut fill = |cx: &mut Context<'_>| wire.poll_fill(cx, slot, &self.worker.pool);
        match self.wait(sink, |cx| poll_unless_told(may_end, cx, &mut fill)).await? {
            Waited::Found(None) => return Ok(may_end),
            Waited::Found(Some(Ok(0))) => {
                reader.on_eof().map_err(|bad| Failure::BadResponse(bad.response_code()))?;
            }
            Waited::Found(Some(Ok(_))) => {}
            Waited::TooLong => return Err(Failure::ResponseTimeout),
            Waited::Found(Some(Err(_))) => return Err(Failure::BadResponse("WR-502-TRUNCATED")),
        }
        Ok(None)
    }

    fn set_cookies(&self, pick: &Pick) -> SetCookies {
        let Cookies { session, cohort } = self.job.decision.cookies;
        let session = session.and_then(|session| self.session_at(session, pick));
        let cohort = cohort.map(|random| cohort_cookie(random, self.job.secure));
        session.into_iter().chain(cohort).collect()
    }

    fn session_at(&self, Session { arm, asked }: Session, pick: &Pick) -> Option<String> {
        let affinity = self.job.rule.rule.split.affinity.as_ref()?;
        let fresh = asked != Some(pick.peer.hash);
        // A client keeps its cookie while its endpoint is only out for a moment.
        let moved = asked.is_none() || affinity.cookie.change_on_failure || !self.knows(asked);
        (fresh && moved).then(|| self.session_cookie(&affinity.cookie, arm, pick.peer.hash))
    }

    /// Whether an endpoint of that name still exists.
    fn knows(&self, asked: Option<u64>) -> bool {
        let endpoints = self.job.live().backend.endpoints();
        asked.is_some_and(|hash| {
            endpoints.iter().any(|endpoint| weir_route::endpoint_hash(endpoint.address) == hash)
        })
    }

    fn session_cookie(&self, cookie: &SessionCookie, arm: u64, endpoint: u64) -> String {
        let mut text = format!("{}={arm:016x}.{endpoint:016x}", cookie.name);
        let path = cookie.path.as_deref().unwrap_or("/");
        // Writing to memory does not fail.
        let _ = write!(text, "; Path={path}");
        if let Some(domain) = &cookie.domain {
            let _ = write!(text, "; Domain={domain}");
        }
        if let Some(age) = cookie.max_age.or(cookie.expires) {
            let _ = write!(text, "; Max-Age={}", age.as_secs());
        }
        if let Some(same_site) = cookie.same_site {
            let _ = write!(text, "; SameSite={}", same_site_name(same_site));
        }
        if cookie.secure.unwrap_or(self.job.secure) {
            text.push_str("; Secure");
        }
        text.push_str("; HttpOnly");
        text
    }
}

fn cohort_cookie(random: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("weir-cohort={random:016x}; Path=/; Max-Age=31536000; SameSite=Lax{secure}; HttpOnly")
}

fn same_site_name(same_site: SameSite) -> &'static str {
    match same_site {
        SameSite::Strict => "Strict",
        SameSite::Lax => "Lax",
        SameSite::None => "None",
    }
}

/// Looks for the next piece; chunk-framed bytes are taken as they are where `framed`.
fn find(reader: &mut BodyReader, input: &[u8], framed: bool) -> Result<Found, Failure> {
    let bad = |bad: weir_http1::BadBody| Failure::BadResponse(bad.response_code());
    if framed {
        let scan = reader.scan(input).map_err(bad)?;
        let consumed = scan.end.map_or(scan.forward, |end| end.consumed);
        return Ok(Found { data: 0..scan.forward, consumed, end: scan.end.map(|end| end.trailers) });
    }
    Ok(match reader.next(input).map_err(bad)? {
        BodyEvent::Data { skip, data } => Found { data: skip..skip + data, consumed: skip + data, end: None },
        BodyEvent::End { consumed, trailers } => Found { data: 0..0, consumed, end: Some(trailers) },
        BodyEvent::More { consumed } => Found { data: 0..0, consumed, end: None },
    })
}
