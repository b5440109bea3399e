//! The API server is gone for a while, and so is a proxy.

use std::{env, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use tokio::process::Command;
use weir_e2e::{Backend, PATIENCE, Pod, Stage, ask, kill, process_of, until, web};

use crate::steady::{SOME, load};

/// How long it is gone, unless the environment says how many seconds.
const GONE: Duration = Duration::from_secs(45);
const SECONDS: &str = "WEIR_E2E_OUTAGE";

/// Without the API server, everything is served as before; a proxy that dies meanwhile serves again from what
/// it keeps; and what is changed afterwards takes effect.
pub(crate) async fn api_server(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.shared().await?;
    let (site, running) = load(&stage, weir, &Backend::new("app", "v1").replicas(2)).await?;
    Backend::new("next", "v2").apply(&stage.cluster, site.namespace.name()).await?;
    let ways = weir.every_way().await?;
    let [dies, stays] = <[Pod; 2]>::try_from(weir.proxies().await?).ok().context("two proxies")?;
    let away = Away::begin().await?;
    running.for_a_while(time()? / 2).await?;
    running.stop().await?.clean()?;
    // What goes to a proxy that is killed is lost by right; the other one loses nothing.
    let other = site.traffic([stays.via()]).start().await?;
    kill(process_of(&["proxy", &format!("--identity={}", dies.name)])?)?;
    let via = dies.via();
    let host = &site.flow.host;
    until("it has died", PATIENCE, || async { Ok(ask(&via, host, "/").await.is_err()) }).await?;
    let again =
        until("it serves again", PATIENCE, || async { Ok(ask(&via, host, "/").await?.status == 200) })
            .await?;
    stage.note(format_args!("without the API server, the killed proxy served again after {again:.1?}"));
    other.stop().await?.clean()?;
    let running = site.traffic(ways.clone()).start().await?;
    running.for_a_while(time()? / 2).await?;
    away.end().await?;
    running.more(SOME).await?;
    site.apply(&web(weir.class(), "app", host).path("/", "next").yaml()).await?;
    let took = site.serves(&ways, "v2").await?;
    stage.note(format_args!("a change was served {took:.1?} after the API server took it"));
    running.more(SOME).await?;
    running.stop().await?.clean()
}

fn time() -> anyhow::Result<Duration> {
    let seconds = env::var(SECONDS).ok().map(|text| text.parse().map(Duration::from_secs));
    Ok(seconds.transpose().with_context(|| format!("{SECONDS} is a number of seconds"))?.unwrap_or(GONE))
}

/// The API server as long as it is gone. Dropping this brings it back.
struct Away {
    back: bool,
}

// === impl Away ===

impl Away {
    async fn begin() -> anyhow::Result<Self> {
        let away = Self { back: false };
        // Killed: one that ends by itself takes its address out of the Service `kubernetes` first, and kube-proxy
        // takes up to a minute to hear that it is back.
        cluster(&["stop", "--kill"]).await?;
        Ok(away)
    }

    async fn end(mut self) -> anyhow::Result<()> {
        cluster(&["start"]).await?;
        self.back = true;
        Ok(())
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        if !self.back {
            let started =
                xtask().map(|program| std::process::Command::new(program).args(verb(&["start"])).status());
            // Nothing else can be done here: the other cases will tell.
            let _hopeless = started;
        }
    }
}

async fn cluster(what: &[&str]) -> anyhow::Result<()> {
    let status = Command::new(xtask()?).args(verb(what)).status().await?;
    ensure!(status.success(), "cargo xtask {}: {status}", verb(what).join(" "));
    Ok(())
}

fn verb<'a>(what: &[&'a str]) -> Vec<&'a str> {
    [&["cluster"], what, &["kube-apiserver"]].concat()
}

fn xtask() -> anyhow::Result<std::ffi::OsString> {
    env::var_os("WEIR_E2E_XTASK").context("WEIR_E2E_XTASK names the program that stops the API server")
}
