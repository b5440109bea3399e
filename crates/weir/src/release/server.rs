//! The admin listener of a Weir that serves files.

use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::http::{Method, Request, StatusCode, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;
use weir_crd::ReleaseActionSpec;
use weir_model::ReleaseKey;
use weir_release::view::View;

use super::desk::{Answer, Found, Told, missing};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most that is read of an answer.
const ANSWER: usize = 64 << 20;

/// The admin listener of a Weir.
#[derive(Debug)]
pub(super) struct Server {
    /// `http://127.0.0.1:9901`.
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

#[derive(Deserialize)]
struct Releases {
    releases: Vec<View>,
}

#[derive(Deserialize)]
struct Events {
    events: Vec<Told>,
}

// === impl Server ===

impl Server {
    /// The server at a URL without a path.
    pub(super) fn new(url: &Uri) -> Self {
        let base = url.to_string().trim_end_matches('/').to_owned();
        Self { base, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// All releases.
    pub(super) async fn list(&self) -> anyhow::Result<Vec<Found>> {
        let (status, body) = self.exchange("/v1/releases", None, PATIENCE).await?;
        if status == StatusCode::NOT_FOUND {
            bail!(
                "{} knows no releases; is it the admin listener of `weir serve`, of this version?",
                self.base
            );
        }
        let read: Releases = self.read("/v1/releases", status, &body)?;
        Ok(read.releases.into_iter().map(Found::from).collect())
    }

    /// A release, if it is there.
    pub(super) async fn look(&self, key: &ReleaseKey) -> anyhow::Result<Option<Found>> {
        let path = path(key);
        let (status, body) = self.exchange(&path, None, PATIENCE).await?;
        if status == StatusCode::NOT_FOUND {
            // Who knows no releases at all says so with the same status.
            self.list().await?;
            return Ok(None);
        }
        let view: View = self.read(&path, status, &body)?;
        Ok(Some(view.into()))
    }

    /// What happened to a release.
    pub(super) async fn events(&self, key: &ReleaseKey) -> anyhow::Result<Vec<Told>> {
        let path = format!("{}/events", path(key));
        let (status, body) = self.exchange(&path, None, PATIENCE).await?;
        if status == StatusCode::NOT_FOUND {
            return Err(missing(key));
        }
        let read: Events = self.read(&path, status, &body)?;
        Ok(read.events)
    }

    /// Asks for something.
    pub(super) async fn ask(
        &self,
        key: &ReleaseKey,
        asked: &ReleaseActionSpec,
        patience: Duration,
    ) -> anyhow::Result<Answer> {
        let path = format!("{}/actions", path(key));
        let mut body = serde_json::to_value(asked)?;
        if let Some(fields) = body.as_object_mut() {
            fields.remove("release");
        }
        let (status, body) = self.exchange(&path, Some(&body), patience).await?;
        match status {
            StatusCode::OK => Ok(Answer::Applied),
            StatusCode::CONFLICT => Ok(Answer::Refused(fault(&body))),
            StatusCode::NOT_FOUND => Err(missing(key)),
            _ => bail!("{}{path} answers {status}: {}", self.base, fault(&body)),
        }
    }

    fn read<T: DeserializeOwned>(&self, path: &str, status: StatusCode, body: &[u8]) -> anyhow::Result<T> {
        if status != StatusCode::OK {
            bail!("{}{path} answers {status}: {}", self.base, fault(body));
        }
        serde_json::from_slice(body).with_context(|| {
            format!("the answer of {}{path} makes no sense; is that Weir of another version?", self.base)
        })
    }

    /// Sends a GET, or a POST where there is a body.
    async fn exchange(
        &self,
        path: &str,
        body: Option<&Value>,
        patience: Duration,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let remedy = "does `weir serve` run there? --server URL names another admin listener";
        let exchange = timeout(patience, self.try_exchange(path, body)).await;
        let exchange =
            exchange.with_context(|| format!("{} does not answer in {patience:?}; {remedy}", self.base))?;
        exchange.with_context(|| format!("{} cannot be asked; {remedy}", self.base))
    }

    async fn try_exchange(&self, path: &str, body: Option<&Value>) -> anyhow::Result<(StatusCode, Bytes)> {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let answer = self
            .client
            .request(request.body(Full::new(body.into()))?)
            .await
            .map_err(|error| plain(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("the answer breaks off: {error}"))?;
        Ok((status, body.to_bytes()))
    }
}

impl From<View> for Found {
    fn from(view: View) -> Self {
        Self { view: Box::new(view), spec: None }
    }
}

fn path(key: &ReleaseKey) -> String {
    format!("/v1/releases/{}/{}", key.namespace, key.name)
}

/// What an answer says is wrong.
fn fault(body: &[u8]) -> String {
    let said = serde_json::from_slice::<Value>(body).ok();
    let said = said.as_ref().and_then(|said| said["error"].as_str()).map(str::to_owned);
    said.unwrap_or_else(|| String::from_utf8_lossy(body).chars().take(200).collect())
}

/// The cause without the layers around it: `Connection refused (os error 111)`.
fn plain(error: &hyper_util::client::legacy::Error) -> anyhow::Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    anyhow::anyhow!("{cause}")
}
