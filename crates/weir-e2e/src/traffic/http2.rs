//! HTTP/2 clients, which leave a connection when they are asked to (GOAWAY).

use std::{error::Error as _, future::Future, pin::Pin};

use anyhow::ensure;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use weir_testkit::client::Target;

use super::{
    Flow,
    client::{Method, Outcome, Talk, judge},
};

type Sender = SendRequest<Full<Bytes>>;

/// Goodbyes that a client hears in a row before it complains: a connection may be made just when its proxy goes.
const GOODBYES: u32 = 3;

pub(super) struct Http2 {
    target: Target,
    request: Request<Full<Bytes>>,
    open: Option<Sender>,
    goodbyes: u32,
}

/// Why there is no response.
enum Fault {
    /// The connection had ended, or was about to, before the request went out: any client sends it elsewhere.
    Unsent,
    Failed(String),
}

// === impl Http2 ===

impl Http2 {
    pub(super) fn new(target: Target, flow: &Flow, method: Method) -> anyhow::Result<Self> {
        let scheme = if target.tls.is_some() { "https" } else { "http" };
        let uri = format!("{scheme}://{}{}", flow.host, flow.path);
        let body = if method == Method::Post { "a body" } else { "" };
        let request = Request::builder().method(method.text()).uri(uri).body(Full::from(body))?;
        Ok(Self { target, request, open: None, goodbyes: 0 })
    }

    async fn exchange(&mut self) -> Result<(StatusCode, HeaderMap), Fault> {
        let mut sender = match self.open.take() {
            Some(sender) => sender,
            None => connect(&self.target).await.map_err(|error| Fault::Failed(format!("{error:#}")))?,
        };
        sender.ready().await.map_err(|_| Fault::Unsent)?;
        let response = sender.try_send_request(self.request.clone()).await.map_err(|mut error| {
            let unsent = error.take_message().is_some() || is_farewell(error.error());
            if unsent { Fault::Unsent } else { Fault::Failed(told(error.error())) }
        })?;
        let (head, body) = response.into_parts();
        body.collect().await.map_err(|error| Fault::Failed(format!("in the body: {}", told(&error))))?;
        self.open = Some(sender);
        Ok((head.status, head.headers))
    }
}

impl Talk for Http2 {
    fn turn(&mut self) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async {
            let exchanged = self.exchange().await;
            let unsent = matches!(exchanged, Err(Fault::Unsent));
            self.goodbyes = if unsent { self.goodbyes + 1 } else { 0 };
            match exchanged {
                Ok((status, headers)) => {
                    judge(status.as_u16(), |name| headers.get(name).and_then(|value| value.to_str().ok()))
                }
                Err(Fault::Unsent) if self.goodbyes <= GOODBYES => Outcome::Polite,
                Err(Fault::Unsent) => Outcome::Failed("no connection takes a request".to_owned()),
                Err(Fault::Failed(failure)) => Outcome::Failed(failure),
            }
        })
    }
}

async fn connect(target: &Target) -> anyhow::Result<Sender> {
    let tcp = TcpStream::connect(target.addr).await?;
    tcp.set_nodelay(true)?;
    let Some((name, config)) = &target.tls else {
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(tcp)).await?;
        tokio::spawn(connection);
        return Ok(sender);
    };
    let name = rustls::pki_types::ServerName::try_from(name.clone())?;
    let tls = TlsConnector::from(config.clone()).connect(name, tcp).await?;
    let alpn = tls.get_ref().1.alpn_protocol();
    ensure!(alpn == Some(b"h2"), "the server chose {alpn:?}");
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(tls)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Whether the peer said goodbye (GOAWAY) and has not taken the request, so that it may be sent elsewhere
/// (RFC 9113 §6.8). Requests that the peer has taken don't end with this error.
fn is_farewell(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| {
        cause.is_go_away() && cause.is_remote() && cause.reason() == Some(h2::Reason::NO_ERROR)
    })
}

/// An error with its cause, which says what the peer did.
fn told(error: &hyper::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
