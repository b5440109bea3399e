//! `weir status`: the controllers and proxies of a cluster, and how far they are.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::json;

use crate::{
    arguments::{Format, Installation},
    controller::report::{ProxyReport, Report},
    output::{self, count},
};

/// Show the controllers and proxies of a cluster: who leads, what is served, and which proxy is behind.
///
/// Exit code: 0 when every proxy serves what its controller says, 1 when one is behind or refuses something,
/// 2 when the cluster cannot be asked.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir status -n weir-system")]
pub(crate) struct Arguments {
    #[command(flatten)]
    installation: Installation,

    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// A controller as far as it answers.
type Answer = (String, Result<Report, String>);

/// Asks and prints.
///
/// # Errors
/// When the cluster cannot be asked, or no controller is there.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answers = runtime.context("no runtime")?.block_on(ask(&arguments.installation))?;
    let namespace = &arguments.installation.namespace;
    ensure!(
        !answers.is_empty(),
        "no controller in namespace {namespace}; -n names another namespace, --name another installation"
    );
    output::print(&match arguments.output {
        Format::Text => text(&answers),
        Format::Json => format!("{:#}\n", shown(&answers)),
    })?;
    Ok(ExitCode::from(u8::from(!answers.iter().all(is_well))))
}

async fn ask(installation: &Installation) -> anyhow::Result<Vec<Answer>> {
    let answers = installation.connect().await?.ask_controllers("/v1/status").await?;
    let read = |answer: anyhow::Result<String>| {
        let text = answer.map_err(|error| format!("{error:#}"))?;
        Report::read(&text).map_err(|error| error.to_string())
    };
    let mut answers: Vec<Answer> = answers.into_iter().map(|(pod, answer)| (pod, read(answer))).collect();
    if let Some(name) = &installation.name {
        answers.retain(|(_, answer)| answer.as_ref().is_ok_and(|report| report.name == *name));
    }
    Ok(answers)
}

fn is_well((_, answer): &Answer) -> bool {
    let current =
        |report: &Report, proxy: &ProxyReport| proxy.epoch == Some(report.epoch) && proxy.refused.is_empty();
    answer.as_ref().is_ok_and(|report| report.proxies.iter().all(|proxy| current(report, proxy)))
}

fn shown(answers: &[Answer]) -> serde_json::Value {
    let controller = |(pod, answer): &Answer| match answer {
        Ok(report) => json!(report),
        Err(error) => json!({ "identity": pod, "error": error }),
    };
    json!({ "controllers": answers.iter().map(controller).collect::<Vec<_>>() })
}

fn text(answers: &[Answer]) -> String {
    let mut text = String::new();
    for (pod, answer) in answers {
        match answer {
            Ok(report) => controller(&mut text, report),
            Err(error) => drop(writeln!(text, "controller {pod}: cannot be asked: {error}")),
        }
    }
    let proxies = answers.iter().filter_map(|(_, answer)| Some(answer.as_ref().ok()?.proxies.len()));
    let _infallible = match proxies.sum::<usize>() {
        1 => writeln!(text, "1 proxy"),
        several => writeln!(text, "{several} proxies"),
    };
    text
}

fn controller(text: &mut String, report: &Report) {
    let role = if report.leader { "leads" } else { "follows" };
    let ready = if report.ready { "" } else { ", not ready" };
    let _infallible = writeln!(
        text,
        "controller {} ({}): {role}{ready}, epoch {}, {}, {}, {}, {} claimed; findings: {}, {}, {} info",
        report.identity,
        report.version,
        report.epoch,
        count(report.hosts, "host"),
        count(report.rules, "rule"),
        count(report.backends, "backend"),
        count(report.claims, "path"),
        count(report.errors, "error"),
        count(report.warnings, "warning"),
        report.infos,
    );
    report.proxies.iter().for_each(|one| proxy(text, report, one));
}

fn proxy(text: &mut String, report: &Report, proxy: &ProxyReport) {
    let state = match proxy.epoch {
        None => "has acknowledged nothing yet".to_owned(),
        Some(epoch) if epoch == report.epoch => "up to date".to_owned(),
        Some(epoch) => {
            format!("{} behind", count(usize::try_from(report.epoch - epoch).unwrap_or(0), "epoch"))
        }
    };
    let _infallible = writeln!(
        text,
        "  proxy {} ({}): {state}, {}, {} open, {}, {} without a response",
        proxy.identity,
        proxy.version,
        proxy.listeners.join(" "),
        count(usize::try_from(proxy.connections).unwrap_or(usize::MAX), "connection"),
        count(usize::try_from(proxy.requests).unwrap_or(usize::MAX), "request"),
        proxy.failures,
    );
    for refused in &proxy.refused {
        let _infallible = writeln!(text, "    refused: {refused}");
    }
}
