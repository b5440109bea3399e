//! The request on its way to the endpoint.

use weir_http1::{RequestFraming, write};

use super::{Body, Failure, Piece, Try};
use crate::{
    bridge::NoReader,
    timer::Elapsed,
    upstream::Socket,
    wire::{Wire, WireError},
};

/// Why an upload ended before its end.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The endpoint does not take any more.
    Endpoint,
    /// The client's side failed.
    Client(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Client(failure)
    }
}

impl From<Elapsed> for Stopped {
    fn from(_: Elapsed) -> Self {
        Self::Client(Failure::SendTimeout)
    }
}

impl From<NoReader> for Stopped {
    fn from(_: NoReader) -> Self {
        Self::Endpoint
    }
}

impl From<WireError> for Stopped {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Timeout => Self::Client(Failure::SendTimeout),
            WireError::Io(_) => Self::Endpoint,
        }
    }
}

impl Try<'_> {
    /// Sends the head, together with what is at hand of the body.
    pub(super) async fn upload_first(
        &self,
        wire: &Wire<Socket>,
        text: &[u8],
        body: &mut impl Body,
    ) -> Result<(), Stopped> {
        let mut prefix = self.worker.pool.output();
        prefix.extend_from_slice(text);
        let result = self.upload_at_hand(wire, body, &mut prefix).await;
        self.worker.pool.put_output(prefix);
        result
    }

    /// Sends the rest of the body as it arrives.
    pub(super) async fn upload_rest(&self, wire: &Wire<Socket>, body: &mut impl Body) -> Result<(), Stopped> {
        let mut prefix = Vec::new();
        while !self.uploaded.get() {
            body.wait(&self.timers.up).await?;
            self.upload_at_hand(wire, body, &mut prefix).await?;
        }
        Ok(())
    }

    /// Sends the prefix and every piece that is at hand.
    async fn upload_at_hand(
        &self,
        wire: &Wire<Socket>,
        body: &mut impl Body,
        prefix: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        let reframed = self.job.framing == RequestFraming::Chunked && !body.is_framed();
        while !self.uploaded.get() {
            let Some(piece) = body.ready()? else { break };
            match piece {
                Piece::Data => {
                    if reframed {
                        write::chunk_header(prefix, body.bytes().len() as u64);
                    }
                    self.write(wire, prefix, body.bytes()).await?;
                    prefix.clear();
                    if reframed {
                        prefix.extend_from_slice(b"\r\n");
                    }
                }
                Piece::End => {
                    if self.job.framing == RequestFraming::Chunked {
                        write::last_chunk(prefix, body.bytes());
                    }
                    self.uploaded.set(true);
                }
            }
        }
        self.write(wire, prefix, &[]).await?;
        prefix.clear();
        Ok(wire.flush(&self.timers.up, self.limits.send).await?)
    }

    async fn write(&self, wire: &Wire<Socket>, first: &[u8], second: &[u8]) -> Result<(), WireError> {
        wire.write(first, second, &self.timers.up, self.limits.send).await
    }
}
