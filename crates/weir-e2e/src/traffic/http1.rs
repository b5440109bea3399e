//! HTTP/1.1 clients.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use weir_testkit::{
    client::{Duplex, Target},
    load,
    wire::{Response, Wire},
};

use super::{
    Flow,
    client::{Method, Outcome, Talk, judge},
};

pub(super) struct Http1 {
    target: Target,
    request: Bytes,
    /// Whether connections are used more than once.
    keeps: bool,
    open: Option<Wire<Box<dyn Duplex>>>,
}

// === impl Http1 ===

impl Http1 {
    pub(super) fn new(target: Target, flow: &Flow, method: Method, keeps: bool) -> Self {
        let fields: &[_] = if keeps { &[] } else { &[("connection", "close")] };
        let request = match method {
            Method::Get => load::get(&flow.host, &flow.path, fields),
            Method::Post => load::post(&flow.host, &flow.path, fields, b"a body"),
        };
        Self { target, request, keeps, open: None }
    }

    async fn exchange(&mut self) -> Result<Response, String> {
        let reused = self.open.is_some();
        let mut wire = match self.open.take() {
            Some(wire) => wire,
            None => Wire::new(self.target.connect().await.map_err(|error| format!("connecting: {error}"))?),
        };
        // A proxy may answer before it has read everything, so a failed write still waits for the answer.
        let _sent = wire.send(&self.request).await;
        let on = if reused { "reused connection" } else { "new connection" };
        let response = wire.response(false).await.map_err(|error| format!("{on}: {error}"))?;
        if self.keeps && response.keeps_alive() {
            self.open = Some(wire);
        }
        Ok(response)
    }
}

impl Talk for Http1 {
    fn turn(&mut self) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async {
            match self.exchange().await {
                Ok(response) => judge(response.status, |name| response.headers.get(name)),
                Err(failure) => Outcome::Failed(failure),
            }
        })
    }
}
