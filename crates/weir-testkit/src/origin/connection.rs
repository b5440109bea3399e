//! One connection of an origin: read a request, answer it, keep or close.

use tokio::{net::TcpStream, sync::watch};

use super::{
    Phase,
    answer::{self, Answer, Reply},
    record::{Shared, Sum},
};
use crate::wire::{Body, RequestHead, Wire, WireError};

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Keep,
    Close,
}

/// A connection with what it needs to answer.
struct Connection<'a> {
    wire: Wire<TcpStream>,
    shared: &'a Shared,
    number: u64,
}

/// Serves requests until the client or the origin ends.
pub(super) async fn serve(
    stream: TcpStream,
    shared: &Shared,
    mut phase: watch::Receiver<Phase>,
) -> Result<(), WireError> {
    let mut connection = Connection { wire: Wire::new(stream), shared, number: shared.connected() };
    loop {
        let head = tokio::select! {
            biased;
            head = connection.wire.request_head() => head?,
            _draining = phase.wait_for(|phase| *phase != Phase::Serving) => return Ok(()),
        };
        let answer = Answer::of(&head.target);
        match answer {
            Answer::WebSocket => return connection.websocket(&head).await,
            Answer::Reset => return connection.reset(&head).await,
            _ => {}
        }
        let draining = || *phase.borrow() != Phase::Serving;
        if connection.exchange(&head, &answer, draining).await? == After::Close {
            return connection.close().await;
        }
    }
}

impl Connection<'_> {
    async fn exchange(
        &mut self,
        head: &RequestHead,
        answer: &Answer,
        draining: impl Fn() -> bool,
    ) -> Result<After, WireError> {
        let mut body = Body::of_request(head)?;
        match answer {
            Answer::Echo => return self.echo(head, &mut body, draining).await,
            Answer::Early => return self.early(head).await,
            _ => {}
        }
        self.read(head, &mut body).await?;
        self.wait(answer).await;
        let closes = *answer == Answer::Close || !head.keeps_alive() || draining();
        let reply = Reply { name: &self.shared.name, head, closes };
        answer::send(&mut self.wire, answer, &reply).await?;
        Ok(if closes { After::Close } else { After::Keep })
    }

    /// Reads a body to its end and remembers the request.
    async fn read(&mut self, head: &RequestHead, body: &mut Body) -> Result<(), WireError> {
        self.continue_if_expected(head).await?;
        let mut sum = Sum::default();
        while let Some(piece) = self.wire.piece(body).await? {
            sum.add(&piece);
        }
        self.shared.record(head, &sum, &body.trailers, self.number);
        Ok(())
    }

    async fn continue_if_expected(&mut self, head: &RequestHead) -> Result<(), WireError> {
        if head.headers.has_token("expect", "100-continue") {
            self.wire.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        Ok(())
    }

    async fn wait(&self, answer: &Answer) {
        match answer {
            Answer::Delay(time) => tokio::time::sleep(*time).await,
            Answer::Hold => {
                let mut held = self.shared.held.subscribe();
                let _released = held.wait_for(|held| !held).await;
            }
            _ => {}
        }
    }

    /// Sends the body back while it comes in.
    async fn echo(
        &mut self,
        head: &RequestHead,
        body: &mut Body,
        draining: impl Fn() -> bool,
    ) -> Result<After, WireError> {
        self.continue_if_expected(head).await?;
        let closes = !head.keeps_alive() || draining();
        let reply = Reply { name: &self.shared.name, head, closes };
        self.wire.send(&reply.chunked_head(200)).await?;
        let mut sum = Sum::default();
        while let Some(piece) = self.wire.piece(body).await? {
            sum.add(&piece);
            self.wire.send(&answer::chunk(&piece)).await?;
        }
        self.shared.record(head, &sum, &body.trailers, self.number);
        self.wire.send(b"0\r\n\r\n").await?;
        Ok(if closes { After::Close } else { After::Keep })
    }

    /// Answers 413 without reading the body.
    async fn early(&mut self, head: &RequestHead) -> Result<After, WireError> {
        self.shared.record(head, &Sum::default(), &crate::wire::Headers::default(), self.number);
        let reply = Reply { name: &self.shared.name, head, closes: true };
        self.wire.send(&reply.sized(413, b"too large\n")).await?;
        Ok(After::Close)
    }

    /// Reads the request and resets the connection without an answer.
    async fn reset(mut self, head: &RequestHead) -> Result<(), WireError> {
        let mut body = Body::of_request(head)?;
        self.read(head, &mut body).await?;
        Ok(self.wire.io().set_zero_linger()?)
    }

    /// Closes so that the client gets the whole answer: ends the sending side, then reads what still comes.
    async fn close(&mut self) -> Result<(), WireError> {
        self.wire.finish().await?;
        let lingering = std::time::Duration::from_secs(5);
        let _rest = tokio::time::timeout(lingering, self.wire.rest(64 * 1024 * 1024)).await;
        Ok(())
    }

    async fn websocket(self, head: &RequestHead) -> Result<(), WireError> {
        self.shared.record(head, &Sum::default(), &crate::wire::Headers::default(), self.number);
        crate::websocket::serve_echo(self.wire, head, &self.shared.name).await
    }
}
