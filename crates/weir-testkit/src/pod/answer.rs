//! What a pod's server answers.

use std::{
    borrow::Cow,
    io,
    sync::{Arc, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header, response::Builder};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use super::{Phase, Shared, asked::Asked, connection::Upgrade, websocket};
use crate::{
    h2_origin::{BoxBody, boxed, echo},
    origin::pattern,
};

/// Answers a request. An error ends the connection, or the stream of HTTP/2.
pub(super) async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    upgrade: Upgrade,
) -> io::Result<Response<BoxBody>> {
    let version = request.version();
    let mut response = match request.uri().path() {
        "/healthz" => text(StatusCode::OK, "ok"),
        "/readyz" if shared.is_ready() => text(StatusCode::OK, "ready"),
        "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready"),
        "/metrics" => text(StatusCode::OK, &metrics(&shared)),
        "/fault" => match shared.fault.set(request.uri().query().unwrap_or_default()) {
            Ok(()) => text(StatusCode::OK, "so be it"),
            Err(mistake) => text(StatusCode::BAD_REQUEST, &mistake.to_string()),
        },
        _ => {
            shared.count();
            if shared.fault.strikes() {
                text(StatusCode::INTERNAL_SERVER_ERROR, "a fault that was asked for")
            } else {
                route(request, &shared, &upgrade).await?
            }
        }
    };
    let headers = response.headers_mut();
    headers.insert("x-version", shared.version.clone());
    headers.insert("x-pod", shared.pod.clone());
    let leaves = shared.phase() >= Phase::Draining && response.status() != StatusCode::SWITCHING_PROTOCOLS;
    if leaves && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

async fn route(
    mut request: Request<Incoming>,
    shared: &Shared,
    upgrade: &Upgrade,
) -> io::Result<Response<BoxBody>> {
    if request.uri().path() == "/ws" {
        let Some(head) = websocket::switch(&request) else {
            return Ok(text(StatusCode::BAD_REQUEST, "/ws expects a WebSocket handshake"));
        };
        let switched = hyper::upgrade::on(&mut request);
        *upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(switched);
        return whole(head, Bytes::new());
    }
    if request.uri().path() == "/echo" || is_grpc(request.headers()) {
        return echoed(request);
    }
    match Asked::of(request.uri().query().unwrap_or_default()) {
        Ok(asked) => asked_for(request, shared, asked).await,
        Err(mistake) => Ok(text(StatusCode::BAD_REQUEST, &mistake.to_string())),
    }
}

async fn asked_for(
    request: Request<Incoming>,
    shared: &Shared,
    asked: Asked,
) -> io::Result<Response<BoxBody>> {
    let (head, mut body) = request.into_parts();
    while let Some(frame) = body.frame().await {
        frame.map_err(io::Error::other)?;
    }
    sleep(asked.delay).await;
    let (kind, body) = match asked.size {
        Some(size) => ("text/plain", pattern(size)),
        None => ("application/json", Bytes::from(arrived(&head, shared).to_string())),
    };
    whole(Response::builder().status(asked.status).header(header::CONTENT_TYPE, kind), body)
}

fn metrics(shared: &Shared) -> String {
    format!(
        "# TYPE origin_requests_total counter\norigin_requests_total {}\n# TYPE origin_fault gauge\norigin_fault {}",
        shared.requests(),
        shared.fault.shown()
    )
}

/// What arrived. Fields that came more than once stand together, as in a field list.
fn arrived(head: &http::request::Parts, shared: &Shared) -> Value {
    let mut headers: Map<String, Value> = Map::new();
    for name in head.headers.keys() {
        let values = head.headers.get_all(name).iter().map(text_of);
        headers.insert(name.to_string(), values.collect::<Vec<_>>().join(", ").into());
    }
    json!({
        "version": text_of(&shared.version), "pod": text_of(&shared.pod), "method": head.method.as_str(),
        "path": head.uri.path_and_query().map_or("*", |path| path.as_str()), "headers": headers,
    })
}

fn text_of(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

/// A call's message is its own answer, so one method serves every service.
fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"application/grpc"))
}

fn echoed(request: Request<Incoming>) -> io::Result<Response<BoxBody>> {
    let mut response = Response::builder();
    if let Some(kind) = request.headers().get(header::CONTENT_TYPE) {
        response = response.header(header::CONTENT_TYPE, kind);
    }
    response.body(echo(request.into_body())).map_err(io::Error::other)
}

fn text(status: StatusCode, text: &str) -> Response<BoxBody> {
    let mut response = Response::new(boxed(Full::from(format!("{text}\n"))));
    *response.status_mut() = status;
    response
}

fn whole(head: Builder, body: Bytes) -> io::Result<Response<BoxBody>> {
    head.body(boxed(Full::from(body))).map_err(io::Error::other)
}
