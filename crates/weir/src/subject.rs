//! What one-off verbs look at: objects from files or from a cluster, and what Weir makes of them.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use weir_cluster::Cluster;
use weir_model::{Blueprint, Code, Finding};
use weir_translate::{Config, Translator, object::Object};

use crate::{
    arguments::Origin,
    controller::report::Report,
    findings,
    output::note,
    runtime,
    source::{Broken, Source},
};

/// Objects, what is served of them, and what there is to say about them.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) blueprint: Blueprint,
    pub(crate) findings: Vec<Finding>,
    pub(crate) objects: Vec<Object>,
    /// Files that cannot be read.
    pub(crate) broken: Vec<Broken>,
}

// === impl Subject ===

impl Subject {
    /// The objects of files, all of which have to be readable, or of the cluster.
    ///
    /// # Errors
    /// When a file or the cluster cannot be read.
    pub(crate) fn whole(origin: &Origin, paths: Vec<PathBuf>) -> anyhow::Result<Self> {
        if paths.is_empty() {
            return Self::live(origin);
        }
        let mut source = Source::new(paths, origin.reading.config());
        source.refresh().map_err(|broken| runtime::unreadable(&broken))?;
        Ok(Self::of(&source, Vec::new()))
    }

    /// The objects of those files that can be read, or of the cluster.
    ///
    /// # Errors
    /// When there is no file at all, or the cluster cannot be read.
    pub(crate) fn readable(origin: &Origin, paths: Vec<PathBuf>) -> anyhow::Result<Self> {
        if paths.is_empty() {
            return Self::live(origin);
        }
        let named = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        let mut source = Source::new(paths, origin.reading.config());
        let broken = source.refresh_readable();
        ensure!(!source.is_empty() || !broken.is_empty(), "no manifest found below {named}");
        Ok(Self::of(&source, broken))
    }

    fn of(source: &Source, broken: Vec<Broken>) -> Self {
        let findings = broken.iter().map(Broken::finding).chain(source.findings()).collect();
        let objects = source.objects().cloned().collect();
        Self { blueprint: source.blueprint().clone(), findings, objects, broken }
    }

    fn live(origin: &Origin) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let cluster = origin.installation.connect().await?;
            let (config, name) = settings(origin, &cluster).await;
            read(&cluster, config, &name).await
        })
    }
}

/// How the controllers read objects, and what their own are called, as they say; where they cannot be asked, as
/// the arguments say.
async fn settings(origin: &Origin, cluster: &Cluster) -> (Config, String) {
    let given = origin.reading.config();
    let asked = cluster.ask_controllers("/v1/status").await;
    let answers = asked.map(|answers| answers.into_iter().filter_map(|(_, answer)| answer.ok()));
    let named = |report: &Report| origin.installation.name.as_ref().is_none_or(|name| *name == report.name);
    let read = |text: String| Report::read(&text).ok().filter(named);
    let report = answers.ok().and_then(|mut answers| answers.find_map(read));
    let name = report.as_ref().map(|report| report.name.clone()).or_else(|| origin.installation.name.clone());
    if report.is_none() {
        note(
            "weir: the controllers cannot be asked for their settings; --adopt-class and --allow-external-name count as given",
        );
    }
    let mut config = report.map(|report| report.reading()).unwrap_or_default();
    config.adopt.extend(given.adopt);
    config.allow_external_name |= given.allow_external_name;
    if origin.reading.names_controller() {
        config.controller = given.controller;
    }
    (Config { standalone: false, serving: true, ..config }, name.unwrap_or_else(|| "weir".into()))
}

async fn read(cluster: &Cluster, config: Config, name: &str) -> anyhow::Result<Subject> {
    let mut objects = cluster.objects().await.context("reading the cluster")?;
    let mut translator = Translator::new(config);
    match cluster.claims(name).await {
        Ok(claims) => translator.claim(claims),
        Err(error) => note(format_args!("weir: {error:#}; nothing is refused for it here")),
    }
    for object in &objects {
        translator.apply(object.clone(), 0);
    }
    translator.translate();
    let (secrets, unread) = cluster.secrets(translator.secrets().collect()).await;
    for secret in &secrets {
        translator.apply(secret.clone(), 0);
    }
    translator.translate();
    let mut all = translator.findings();
    if let Some((id, why)) = unread.first() {
        note(format_args!("weir: {} Secrets cannot be read, the first is {id}: {why}", unread.len()));
        // Whether they are there is not known.
        all.retain(|finding| finding.code != Code::MissingSecret);
    }
    findings::sort(&mut all);
    objects.extend(secrets);
    Ok(Subject { blueprint: translator.blueprint().clone(), findings: all, objects, broken: Vec::new() })
}
