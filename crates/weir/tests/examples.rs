//! Every folder of `examples/` is served by the real program and does what it says, counted over at least
//! 10,000 requests.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use weir_testkit::{
    Origin, WeirProcess,
    client::Target,
    load::{self, Plan},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_weir");
/// Requests for each kind of request where chance has no say; every example has several kinds.
const CERTAIN: u64 = 5_000;
/// Requests where it has: a share of 20 % is then a point off once in a million runs.
const WEIGHED: u64 = 40_000;

/// An example that is being served.
struct Served {
    weir: WeirProcess,
    _folder: TempDir,
    _origins: [Origin; 2],
}

/// A request, and whether the new version should answer.
type Case = (&'static str, &'static str, (&'static str, &'static str), bool);

const NONE: (&str, &str) = ("accept", "*/*");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenario_1_ack() -> anyhow::Result<()> {
    certain(
        "scenario-1-header-cookie/ack",
        &[
            ("header.example.com", "/", ("foo", "bar"), true),
            ("header.example.com", "/", ("foo", "barr"), false),
            ("header.example.com", "/?foo=bar", ("cookie", "foo=bar"), false),
            ("cookie.example.com", "/", ("cookie", "a=b; foo=bar"), true),
            ("cookie.example.com", "/", ("cookie", "foo=b"), false),
            ("query.example.com", "/x?a=b&foo=bar", NONE, true),
            ("query.example.com", "/x?foo=barr", NONE, false),
        ],
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenario_1_nginx() -> anyhow::Result<()> {
    certain(
        "scenario-1-header-cookie/nginx",
        &[
            ("www.example.com", "/", ("foo", "bar"), true),
            ("www.example.com", "/", ("foo", "baz"), false),
            ("www.example.com", "/", ("cookie", "foo=always"), true),
            ("www.example.com", "/", ("cookie", "foo=never"), false),
            ("www.example.com", "/", NONE, false),
        ],
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenario_1_higress() -> anyhow::Result<()> {
    certain(
        "scenario-1-header-cookie/higress",
        &[
            ("www.example.com", "/", ("foo", "bar"), true),
            ("www.example.com", "/", ("foo", "xbar"), false),
            ("www.example.com", "/", ("cookie", "foo=always"), true),
            ("www.example.com", "/", NONE, false),
        ],
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenario_1_mse() -> anyhow::Result<()> {
    certain(
        "scenario-1-header-cookie/mse",
        &[
            ("www.example.com", "/", ("foo", "bar"), true),
            ("www.example.com", "/", ("cookie", "foo=bar"), true),
            ("www.example.com", "/?foo=bar", NONE, true),
            ("www.example.com", "/?foo=baz", ("cookie", "foo=baz"), false),
            ("www.example.com", "/", NONE, false),
        ],
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenario_2_ack() -> anyhow::Result<()> {
    weighed("scenario-2-weight/ack").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenario_2_nginx() -> anyhow::Result<()> {
    weighed("scenario-2-weight/nginx").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenario_2_higress() -> anyhow::Result<()> {
    weighed("scenario-2-weight/higress").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenario_2_mse() -> anyhow::Result<()> {
    weighed("scenario-2-weight/mse").await
}

/// Not one request of any kind may go to the wrong version.
async fn certain(example: &str, cases: &[Case]) -> anyhow::Result<()> {
    let served = Served::start(example).await?;
    for (host, path, field, new) in cases {
        let request = load::get(host, path, &[*field]);
        let plan = Plan::new(Target::plain(served.weir.http()), vec![request]);
        let report = plan.total(CERTAIN).run().await;
        report.assert_clean();
        let version = if *new { "new" } else { "old" };
        ensure!(report.version(version) == CERTAIN, "{host}{path} {field:?}: {report}");
    }
    Ok(())
}

/// 20 % of the requests go to the new version.
async fn weighed(example: &str) -> anyhow::Result<()> {
    let served = Served::start(example).await?;
    let report = Plan::get(served.weir.http(), "www.example.com", "/").total(WEIGHED).run().await;
    report.assert_clean();
    ensure!((report.share("new") - 0.2).abs() <= 0.01, "{report}");
    Ok(())
}

impl Served {
    async fn start(example: &str) -> anyhow::Result<Self> {
        let origins = [Origin::start("old").await, Origin::start("new").await];
        let folder = tempfile::tempdir()?;
        copy(&root().join(example), folder.path(), &[origins[0].addr(), origins[1].addr()])?;
        let weir = WeirProcess::serve(Path::new(PROGRAM), folder.path(), &["--threads", "2"]).await?;
        Ok(Self { weir, _folder: folder, _origins: origins })
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// Copies manifests with the addresses of real origins in them.
fn copy(from: &Path, to: &Path, origins: &[SocketAddr; 2]) -> anyhow::Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?
            .replace("127.0.0.1:9001", &origins[0].to_string())
            .replace("127.0.0.1:9002", &origins[1].to_string());
        fs::write(to.join(path.file_name().context("a file has a name")?), text)?;
    }
    Ok(())
}

#[test]
fn every_example_is_tested() -> anyhow::Result<()> {
    let text = include_str!("examples.rs");
    for scenario in fs::read_dir(root())? {
        let scenario = scenario?.path();
        // The releases are read by weir-crd's tests, and played by the demo.
        if !scenario.is_dir() || scenario.ends_with("releases") {
            continue;
        }
        for example in fs::read_dir(&scenario)? {
            let example = example?.path();
            let name = example.strip_prefix(root())?.to_str().context("UTF-8")?.to_owned();
            ensure!(text.contains(&format!("\"{name}\"")), "{name} has no test");
        }
    }
    Ok(())
}
