//! Clients as users run them: curl, h2load and openssl against the real program.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{path::Path, process::Stdio};

use tokio::{io::AsyncWriteExt, process::Command};
use weir_testkit::{
    Manifests, Origin, WeirProcess, certs::Authority, manifests::Ingress, websocket::WebSocket,
};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

/// Host `shop.test` over both schemes, from one origin.
struct World {
    manifests: Manifests,
    authority: Authority,
    origin: Origin,
    weir: WeirProcess,
}

impl World {
    async fn new() -> Self {
        let (manifests, origin) = (Manifests::new().unwrap(), Origin::start("stable").await);
        let authority = Authority::new().unwrap();
        manifests.class("nginx").unwrap();
        manifests.service("shop", &[origin.addr()]).unwrap();
        manifests.write("secret", authority.leaf(&["shop.test"]).unwrap().secret("default", "shop")).unwrap();
        let ingress = Ingress::new("shop").class("weir").host("shop.test").path("/", "shop");
        let ingress = ingress.tls("shop", &["shop.test"]).nginx("ssl-redirect", "false");
        manifests.ingress(&ingress).unwrap();
        let weir = WeirProcess::serve(Path::new(WEIR), manifests.path(), &["--threads", "2"]).await.unwrap();
        Self { manifests, authority, origin, weir }
    }

    fn authority_file(&self) -> String {
        let path = self.manifests.path().join("authority.pem");
        std::fs::write(&path, &self.authority.certificate_pem).unwrap();
        path.to_str().unwrap().to_owned()
    }

    async fn curl(&self, args: &[&str]) -> String {
        let (http, https) = (self.weir.http(), self.weir.https());
        let authority = self.authority_file();
        let plain = format!("shop.test:80:{}:{}", http.ip(), http.port());
        let secure = format!("shop.test:443:{}:{}", https.ip(), https.port());
        let mut all = vec!["--silent", "--show-error", "--max-time", "20", "--cacert", &authority];
        all.extend(["--connect-to", &plain, "--connect-to", &secure]);
        all.extend(args);
        run("curl", &all, "").await
    }
}

/// Runs a program to its end and returns what it printed.
async fn run(program: &str, args: &[&str], input: &str) -> String {
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{program}: {error}; cargo xtask test installs it"));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {text}{errors}");
    text
}

#[tokio::test]
async fn curl_speaks_every_protocol() {
    let world = World::new().await;
    let report = ["--write-out", "%{http_version} %{response_code}"];
    for (protocol, url, expected) in [
        ("--http1.0", "http://shop.test/", "1.1 200"),
        ("--http1.1", "http://shop.test/", "1.1 200"),
        ("--http2-prior-knowledge", "http://shop.test/", "2 200"),
        ("--http1.1", "https://shop.test/", "1.1 200"),
        ("--http2", "https://shop.test/", "2 200"),
    ] {
        let text = world.curl(&[&report[..], &[protocol, url]].concat()).await;
        assert_eq!(text, format!("stable\n{expected}"), "{protocol} {url}");
    }
}

#[tokio::test]
async fn curl_uploads_with_and_without_a_length() {
    let world = World::new().await;
    let body = "x".repeat(300_000);
    let file = world.manifests.path().join("body.txt");
    std::fs::write(&file, &body).unwrap();
    let data = format!("@{}", file.display());
    for protocol in ["--http1.1", "--http2"] {
        for more in [&[][..], &["--header", "Transfer-Encoding: chunked"][..]] {
            // HTTP/2 has no Transfer-Encoding (RFC 9113 §8.2.2); curl drops it there itself.
            let args = [&[protocol, "--data-binary", &data, "https://shop.test/echo"], more].concat();
            assert!(world.curl(&args).await == body, "{protocol} {more:?}");
        }
    }
}

#[tokio::test]
async fn h2load_finishes_every_request() {
    let world = World::new().await;
    let connect = format!("--connect-to={}", world.weir.http());
    for protocol in [&[][..], &["--h1"][..]] {
        let load = ["-n", "20000", "-c", "16", "-m", "8", &connect, "http://shop.test/"];
        let args = [protocol, &load].concat();
        let text = run("h2load", &args, "").await;
        assert!(text.contains("20000 succeeded, 0 failed, 0 errored"), "{text}");
        assert!(text.contains("status codes: 20000 2xx"), "{text}");
    }
    assert_eq!(world.origin.count(), 40_000);
}

#[tokio::test]
async fn openssl_agrees_on_every_version_and_is_refused_without_a_name() {
    let world = World::new().await;
    let (https, authority) = (world.weir.https().to_string(), world.authority_file());
    let base =
        ["s_client", "-connect", &https, "-CAfile", &authority, "-verify_return_error", "-quiet", "-ign_eof"];
    let request = "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n";
    for version in ["-tls1_2", "-tls1_3"] {
        let args = [&base[..], &["-servername", "shop.test", version]].concat();
        let text = run("openssl", &args, request).await;
        assert!(text.starts_with("HTTP/1.1 200 OK") && text.contains("stable"), "{version}: {text}");
    }
    let refused = Command::new("openssl")
        .args(base)
        .args(["-servername", "other.test"])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert!(!refused.status.success());
}

#[tokio::test]
async fn a_websocket_client_echoes() {
    let world = World::new().await;
    let mut socket = WebSocket::connect(world.weir.http(), "shop.test", "/ws").await.unwrap();
    for text in ["one", "two"] {
        assert_eq!(socket.echo(text).await.unwrap(), text);
    }
    socket.close().await.unwrap();
}
