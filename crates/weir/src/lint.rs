//! `weir lint`: everything there is to say about manifests, without serving them.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use serde_json::json;
use weir_model::{Finding, Severity};

use crate::{
    arguments::{Format, Origin, UNUSABLE},
    findings::{self, Counts},
    output,
    source::Broken,
    subject::Subject,
};

/// Say what is wrong, ignored or surprising in manifests or in a cluster, with object, field and remedy.
///
/// Exit code: 0 without errors, 1 with errors (or what --deny names), 2 when a file cannot be read (the
/// others are still checked) or there is none.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir lint -f manifests/ --adopt-class nginx=nginx")]
pub(crate) struct Arguments {
    #[command(flatten)]
    origin: Origin,

    /// More paths, as -f *.yaml gives them.
    #[arg(value_name = "PATH", hide = true)]
    more: Vec<PathBuf>,

    /// Fail for this and worse.
    #[arg(long, value_name = "SEVERITY", default_value = "error")]
    deny: Deny,

    /// How to print the findings.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Deny {
    /// Something is not served.
    Error,
    /// Something has no effect.
    Warning,
    /// Something is worth knowing.
    Info,
}

impl From<Deny> for Severity {
    fn from(deny: Deny) -> Self {
        match deny {
            Deny::Error => Self::Error,
            Deny::Warning => Self::Warning,
            Deny::Info => Self::Info,
        }
    }
}

/// Prints all findings.
///
/// # Errors
/// When there is nothing to read, or standard output cannot be written.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let paths: Vec<PathBuf> = arguments.origin.paths.iter().chain(&arguments.more).cloned().collect();
    let Subject { findings, broken, .. } = Subject::readable(&arguments.origin, paths)?;
    output::print(&match arguments.output {
        Format::Text => text(&findings),
        Format::Json => format!("{:#}\n", json!({ "findings": findings::shown(&findings) })),
    })?;
    for broken in &broken {
        output::note(format_args!("weir: {broken}"));
    }
    Ok(exit_code(&broken, &findings, arguments.deny.into()))
}

fn text(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| format!("{finding}\n"));
    lines.chain([format!("{}\n", Counts::of(findings))]).collect()
}

fn exit_code(broken: &[Broken], findings: &[Finding], deny: Severity) -> ExitCode {
    let denied = findings.iter().any(|finding| finding.severity >= deny);
    ExitCode::from(if broken.is_empty() { u8::from(denied) } else { UNUSABLE })
}
