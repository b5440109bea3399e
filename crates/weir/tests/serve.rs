//! `weir serve` as it runs: manifests that change under load, and ends.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use serde_json::Value;
use tokio::time::{interval, sleep};
use weir_testkit::{
    Manifests, Origin, WeirProcess,
    certs::Authority,
    client::{self, Connection},
    load::Plan,
    manifests::{Ingress, ingress_class, service_annotated},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_weir");
/// How long an expected state may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than it takes Weir to look at a change.
const LONG: Duration = Duration::from_millis(700);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);
const QUICK: &[&str] = &["--threads", "2", "--shutdown-delay", "0", "--shutdown-timeout", "10s"];

/// Two origins, a folder that divides between them, and the program on it.
struct Scene {
    weir: WeirProcess,
    manifests: Manifests,
    old: Origin,
    new: Origin,
}

impl Scene {
    async fn start(more: &[&str]) -> anyhow::Result<Self> {
        let (old, new) = (Origin::start("old").await, Origin::start("new").await);
        let manifests = Manifests::new()?;
        manifests.class("ack")?;
        manifests.service("old", &[old.addr()])?;
        manifests.service("new", &[new.addr()])?;
        manifests.ingress(&shop(0))?;
        let weir = WeirProcess::serve(Path::new(PROGRAM), manifests.path(), more).await?;
        Ok(Self { weir, manifests, old, new })
    }

    async fn version(&self) -> anyhow::Result<String> {
        version(self.weir.http(), "shop.test").await
    }

    async fn admin(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let response = client::get(self.weir.admin(), "localhost", path, &[]).await?;
        Ok((response.status, response.text()))
    }

    async fn metric(&self, line: &str) -> anyhow::Result<bool> {
        Ok(self.admin("/metrics").await?.1.lines().any(|other| other == line))
    }

    async fn table(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.admin("/v1/table").await?.1)?)
    }

    /// Waits until a host gets an answer of this status.
    async fn status_of(&self, host: &str, expected: u16) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let status = client::get(self.weir.http(), host, "/", &[]).await?.status;
            if status == expected {
                return Ok(());
            }
            ensure!(started.elapsed() < PATIENCE, "{host} still gets {status}\n{}", self.weir.log());
            sleep(LOOK).await;
        }
    }

    async fn version_becomes(&self, expected: &str) -> anyhow::Result<()> {
        version_becomes(&self.weir, expected).await
    }

    async fn metric_becomes(&self, line: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        while !self.metric(line).await? {
            ensure!(started.elapsed() < PATIENCE, "never {line}\n{}", self.weir.log());
            sleep(LOOK).await;
        }
        Ok(())
    }
}

/// `weight` percent go to the new version.
fn shop(weight: u32) -> Ingress {
    let weights = format!("new: {weight}, old: {}", 100 - weight);
    Ingress::new("shop").nginx("service-weight", &weights).host("shop.test").path("/", "old").path("/", "new")
}

async fn version(http: SocketAddr, host: &str) -> anyhow::Result<String> {
    let response = client::get(http, host, "/", &[]).await?;
    Ok(response.headers.get("x-version").unwrap_or("none").to_owned())
}

/// Waits until the shop is served by a version.
async fn version_becomes(weir: &WeirProcess, expected: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    while version(weir.http(), "shop.test").await? != expected {
        ensure!(started.elapsed() < PATIENCE, "never {expected}\n{}", weir.log());
        sleep(LOOK).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_every_100_ms_lose_no_request() -> anyhow::Result<()> {
    let scene = Scene::start(QUICK).await?;
    let load = Plan::get(scene.weir.http(), "shop.test", "/").connections(16).start();
    let mut every = interval(Duration::from_millis(100));
    for round in 0..40_u32 {
        every.tick().await;
        scene.manifests.ingress(&shop(round % 4 * 25))?;
        if round % 5 == 0 {
            scene.manifests.ingress(&Ingress::new("other").host("other.test").path("/", "old"))?;
        } else if round % 5 == 3 {
            scene.manifests.remove("ingress-other")?;
        }
    }
    load.more(100).await;
    let report = load.stop().await;
    report.assert_clean();
    let revision = scene.table().await?["revision"].as_u64().unwrap_or(0);
    ensure!(revision > 10, "only {revision} changes were in force");
    ensure!(report.version("new") > 0 && report.version("old") > 0, "{report}");
    Ok(())
}

/// As `kubectl get ingress -o yaml > file` does it: the file is empty for as long as the command takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_counts_when_it_is_written_to_its_end() -> anyhow::Result<()> {
    let scene = Scene::start(QUICK).await?;
    let load = Plan::get(scene.weir.http(), "shop.test", "/").connections(4).start();
    let path = scene.manifests.path().join("ingress-shop.yaml");
    let late = Ingress::new("late").host("late.test").path("/", "new");
    let text = [fs::read_to_string(&path)?, late.yaml()].join("---\n");
    let mut file = fs::File::create(&path)?;
    sleep(LONG).await;
    file.write_all(text.as_bytes())?;
    drop(file);
    scene.status_of("late.test", 200).await?;
    load.stop().await.assert_clean();
    Ok(())
}

#[tokio::test]
async fn a_broken_file_keeps_the_last_good_set() -> anyhow::Result<()> {
    let scene = Scene::start(QUICK).await?;
    let broken = scene.manifests.write("extra", "kind: Service\nmetadata: {\n  name: [\n")?;
    scene.metric_becomes("weir_configuration_error 1").await?;
    scene.manifests.ingress(&shop(100))?;
    // The change is seen, but not put in force: the whole set has to be readable.
    scene.weir.logged("stays in force").await?;
    ensure!(scene.version().await? == "old");
    let (status, text) = scene.admin("/readyz").await?;
    ensure!(status == 200 && text.contains(&format!("{}:", broken.display())), "{status} {text}");
    let (_, findings) = scene.admin("/v1/findings").await?;
    ensure!(findings.contains("WR-UNREADABLE"), "{findings}");
    scene.manifests.write("extra", "")?;
    scene.version_becomes("new").await?;
    scene.metric_becomes("weir_configuration_error 0").await
}

#[tokio::test]
async fn a_change_that_breaks_a_route_is_told() -> anyhow::Result<()> {
    let scene = Scene::start(QUICK).await?;
    scene.manifests.remove("service-new")?;
    let line = scene.weir.logged("WR-MISSING-SERVICE").await?;
    ensure!(line.contains("ERROR") && line.contains("default/shop"), "{line}");
    Ok(())
}

#[tokio::test]
async fn files_come_and_go() -> anyhow::Result<()> {
    let scene = Scene::start(QUICK).await?;
    let more = Ingress::new("more").host("more.test").path("/", "new");
    scene.status_of("more.test", 404).await?;
    scene.manifests.ingress(&more)?;
    scene.status_of("more.test", 200).await?;
    scene.manifests.remove("ingress-more")?;
    scene.status_of("more.test", 404).await?;
    // Hidden files, and files that are no manifests, don't count; folders do, at any depth.
    let folder = scene.manifests.path().join("a/b");
    fs::create_dir_all(&folder)?;
    fs::write(scene.manifests.path().join(".more.yaml"), "kind: [")?;
    fs::write(scene.manifests.path().join("notes.txt"), "kind: [")?;
    fs::write(folder.join("more.yml"), more.yaml())?;
    scene.status_of("more.test", 200).await?;
    fs::remove_dir_all(scene.manifests.path().join("a"))?;
    scene.status_of("more.test", 404).await?;
    ensure!(scene.version().await? == "old");
    Ok(())
}

/// As the kubelet does it: `..data` is a link to a folder, and is replaced by a rename.
#[tokio::test]
async fn a_mounted_config_map_is_followed() -> anyhow::Result<()> {
    let (old, new) = (Origin::start("old").await, Origin::start("new").await);
    let mount = tempfile::tempdir()?;
    let publish = |generation: &str, weight: u32| -> anyhow::Result<()> {
        let folder = mount.path().join(generation);
        fs::create_dir(&folder)?;
        let class = ingress_class("weir", "ack");
        let services =
            [service_annotated("old", &[old.addr()]), service_annotated("new", &[new.addr()])].join("---\n");
        fs::write(folder.join("all.yaml"), [class, services, shop(weight).yaml()].join("---\n"))?;
        symlink(generation, mount.path().join("..data_tmp"))?;
        fs::rename(mount.path().join("..data_tmp"), mount.path().join("..data"))?;
        Ok(())
    };
    publish("..one", 0)?;
    symlink("..data/all.yaml", mount.path().join("all.yaml"))?;
    let weir = WeirProcess::serve(Path::new(PROGRAM), mount.path(), QUICK).await?;
    ensure!(version(weir.http(), "shop.test").await? == "old");
    publish("..two", 100)?;
    fs::remove_dir_all(mount.path().join("..one"))?;
    version_becomes(&weir, "new").await
}

#[tokio::test]
async fn a_single_file_is_followed_when_replaced() -> anyhow::Result<()> {
    let scene = Scene::start(QUICK).await?;
    let file = scene.manifests.path().join("ingress-shop.yaml");
    let (class, services) = (scene.manifests.path().join("class.yaml"), scene.manifests.path());
    let (old, new) = (services.join("service-old.yaml"), services.join("service-new.yaml"));
    let paths = [&file, &class, &old, &new].map(|path| path.to_str().unwrap_or_default());
    let mut args = vec!["serve", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    args.extend(paths.iter().flat_map(|path| ["--manifests", path]));
    let mut weir = WeirProcess::spawn(Path::new(PROGRAM), &args)?;
    weir.ready().await?;
    ensure!(version(weir.http(), "shop.test").await? == "old");
    scene.manifests.ingress(&shop(100))?;
    version_becomes(&weir, "new").await
}

#[tokio::test]
async fn shutdown_finishes_what_is_in_flight() -> anyhow::Result<()> {
    let mut scene =
        Scene::start(&["--threads", "2", "--shutdown-delay", "300ms", "--shutdown-timeout", "10s"]).await?;
    let mut held = Connection::open(scene.weir.http()).await?;
    held.send("GET /hold HTTP/1.1\r\nhost: shop.test\r\n\r\n").await?;
    scene.old.arrived(1).await;
    scene.weir.terminate()?;
    let started = Instant::now();
    while scene.admin("/readyz").await?.0 != 503 {
        ensure!(started.elapsed() < PATIENCE, "still ready");
        sleep(LOOK).await;
    }
    ensure!(scene.admin("/healthz").await?.0 == 200);
    ensure!(scene.version().await? == "old", "new connections are still served for a while");
    sleep(Duration::from_millis(400)).await;
    scene.old.release();
    let response = held.response().await?;
    ensure!(response.status == 200 && !response.keeps_alive(), "{response:?}");
    let status = scene.weir.ended(PATIENCE).await?;
    ensure!(status.code() == Some(0), "{status}\n{}", scene.weir.log());
    drop(scene.new);
    Ok(())
}

#[tokio::test]
async fn a_second_signal_ends_at_once() -> anyhow::Result<()> {
    let mut scene = Scene::start(&["--threads", "1"]).await?;
    scene.weir.terminate()?;
    scene.weir.logged("shutting down").await?;
    scene.weir.terminate()?;
    let status = scene.weir.ended(Duration::from_secs(5)).await?;
    ensure!(status.code() == Some(130), "{status}");
    Ok(())
}

#[tokio::test]
async fn the_admin_listener_tells_what_is_served() -> anyhow::Result<()> {
    let scene = Scene::start(&["--threads", "1", "--access-log", "json"]).await?;
    let leaf = Authority::new()?.leaf(&["shop.test"])?;
    scene.manifests.write("tls", leaf.secret("default", "shop-tls"))?;
    let shop = shop(0).nginx("ssl-redirect", "false").tls("shop-tls", &["shop.test"]);
    scene.manifests.ingress(&shop)?;
    let started = Instant::now();
    let table = loop {
        let table = scene.table().await?;
        if table["tls"]["shop.test"] == "default/shop-tls" {
            break table;
        }
        ensure!(started.elapsed() < PATIENCE, "{table:#}\n{}", scene.weir.log());
        sleep(LOOK).await;
    };
    let rule = &table["hosts"]["shop.test"]["rules"][0];
    ensure!(rule["origin"]["name"] == "shop" && rule["match"] == "prefix /", "{table:#}");
    ensure!(rule["split"]["arms"][0]["weight"] == 100, "{table:#}");
    let endpoint = &table["backends"]["default/old/80"]["endpoints"]["known"][0];
    ensure!(endpoint["address"] == scene.old.addr().to_string(), "{table:#}");
    let key = leaf.key_pem.lines().nth(1).unwrap_or_default();
    ensure!(!table.to_string().contains(key) && !table.to_string().contains("PRIVATE"));
    ensure!(scene.version().await? == "old");
    let counted = r#"weir_requests_total{route="default/shop",service="default/old",class="2xx"} 1"#;
    scene.metric_becomes(counted).await?;
    let line = scene.weir.logged(r#""host":"shop.test""#).await?;
    ensure!(serde_json::from_str::<Value>(&line)?["status"] == 200, "{line}");
    Ok(())
}

#[tokio::test]
async fn a_taken_port_is_one_sentence() -> anyhow::Result<()> {
    let manifests = Manifests::new()?;
    let taken = Origin::start("taken").await;
    let admin = taken.addr().to_string();
    let folder = manifests.path().to_str().unwrap_or_default();
    let mut weir = WeirProcess::spawn(
        Path::new(PROGRAM),
        &["serve", "--manifests", folder, "--http", "127.0.0.1:0", "--admin", &admin],
    )?;
    let status = weir.ended(PATIENCE).await?;
    ensure!(status.code() == Some(2), "{status}");
    let line = weir.logged("weir:").await?;
    if !(line.contains(&admin) && line.contains("in use")) {
        bail!("{line}");
    }
    Ok(())
}
