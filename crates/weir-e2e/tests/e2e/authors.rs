//! What authors of Ingresses are told: by the command line, and by the API server before it stores anything.

use std::{env, process::Output, sync::Arc};

use anyhow::{Context as _, ensure};
use tokio::process::Command;
use weir_e2e::{Backend, Installation, PATIENCE, Stage, until, web};

/// `weir status`, `weir explain` and `weir lint`, asked about the cluster.
pub(crate) async fn command_line(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.shared().await?;
    let site = stage.site(weir, &Backend::new("app", "v1")).await?;
    let host = &site.flow.host;
    until("weir status says that all is well", PATIENCE, || async {
        let status = ask(weir, &["status"]).await?;
        let text = text(&status);
        ensure!(status.status.success(), "{text}");
        let counts = ["leads", "follows", "up to date"].map(|word| text.matches(word).count());
        // Each proxy is connected to one of the controllers.
        ensure!(counts == [1, 1, 2], "{text}");
        Ok(true)
    })
    .await?;
    let explained = text(&ask(weir, &["explain", &format!("http://{host}/x")]).await?);
    for part in ["outcome: forward", "/app,", "100.00 %"] {
        ensure!(explained.contains(part), "{part:?} is not there: {explained}");
    }
    let odd = web(weir.class(), "odd", host).path("/odd", "nobody").nginx("no-such-thing", "x");
    site.apply(&odd.yaml()).await?;
    let lint = text(&ask(weir, &["lint"]).await?);
    let namespace = site.namespace.name();
    for code in ["WR-UNKNOWN-ANNOTATION", "WR-MISSING-SERVICE"] {
        let found = lint.lines().any(|line| line.contains(code) && line.contains(namespace));
        ensure!(found, "{code} is not there: {lint}");
    }
    Ok(())
}

async fn ask(weir: &Installation, arguments: &[&str]) -> anyhow::Result<Output> {
    let program = env::var_os("WEIR_E2E").context("WEIR_E2E names the program")?;
    let (namespace, name) = (weir.name(), weir.name());
    let mut command = Command::new(program);
    Ok(command.args(arguments).args(["--namespace", namespace, "--name", name]).output().await?)
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The webhook refuses a weight that is none, and the chart's policy warns of conditions without effect. What is
/// fine passes without a word.
pub(crate) async fn admission(stage: Arc<Stage>) -> anyhow::Result<()> {
    let weir = stage.shared().await?;
    let site = stage.site(weir, &Backend::new("app", "v1")).await?;
    let canary = || web(weir.class(), "canary", &site.flow.host).path("/", "app").nginx("canary", "true");
    let said = site.apply(&canary().nginx("canary-weight", "20").yaml()).await?;
    ensure!(said.is_empty(), "nothing is wrong: {said}");
    let refused = site.apply(&canary().nginx("canary-weight", "a lot").yaml()).await;
    let refused = format!("{:#}", refused.err().context("a weight that is none was accepted")?);
    ensure!(refused.contains("ingresses.weir.dev") && refused.contains("WR-INVALID-ANNOTATION"), "{refused}");
    let warned = site.apply(&canary().nginx("canary-by-header-value", "x").yaml()).await?;
    let policy = format!("ValidatingAdmissionPolicy '{}-annotations'", weir.name());
    ensure!(warned.contains(&policy) && warned.contains("WR-INERT-ANNOTATION"), "{warned}");
    Ok(())
}
