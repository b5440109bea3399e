//! The HTTP/2 client, by prior knowledge.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use weir_testkit::{client::Target, h2::Client};

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    let response = Response::builder().header("x-path", path).body(Full::new(body.unwrap_or_default()));
    Ok(response.unwrap_or_default())
}

#[tokio::test]
async fn exchanges_share_a_connection() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let serving = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await?;
        let connection = http2::Builder::new(TokioExecutor::new());
        anyhow::Ok(connection.serve_connection(TokioIo::new(tcp), service_fn(echo)).await?)
    });
    let (mut client, connection) = Client::connect(&Target::plain(addr)).await?;
    assert_eq!(client.get("http://a.test/one").await?.headers["x-path"], "/one");
    let post = Request::post("http://a.test/two").body(Bytes::from("hello"))?;
    assert_eq!(client.send(post).await?.body, "hello");
    drop(client);
    connection.await??;
    serving.await?
}
