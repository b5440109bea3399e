//! `weir lint`: everything there is to say about manifests, without serving them.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use serde_json::json;
use weir_model::{Finding, Severity};

use crate::{
    arguments::{Files, Format, UNUSABLE},
    findings::{self, Counts},
    output,
    source::{Broken, Source},
};

/// Say what is wrong, ignored or surprising in manifests, with object, field and remedy.
///
/// Exit code: 0 without errors, 1 with errors, 2 when a file cannot be read (the others are still checked).
#[derive(Debug, Args)]
#[command(after_help = "Example: weir lint -f manifests/ --adopt-class nginx=nginx")]
pub(crate) struct Arguments {
    #[command(flatten)]
    files: Files,

    /// More paths, as -f *.yaml gives them.
    #[arg(value_name = "PATH", hide = true)]
    more: Vec<PathBuf>,

    /// How to print the findings.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// Prints all findings.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Files { paths, reading } = &arguments.files;
    let paths = paths.iter().chain(&arguments.more).cloned().collect();
    let mut source = Source::new(paths, reading.config());
    let broken = source.refresh_readable();
    let findings: Vec<Finding> = broken.iter().map(Broken::finding).chain(source.findings()).collect();
    output::print(&match arguments.output {
        Format::Text => text(&findings),
        Format::Json => format!("{:#}\n", json!({ "findings": findings::shown(&findings) })),
    })?;
    for broken in &broken {
        output::note(format_args!("weir: {broken}"));
    }
    Ok(exit_code(&broken, &findings))
}

fn text(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| format!("{finding}\n"));
    lines.chain([format!("{}\n", Counts::of(findings))]).collect()
}

fn exit_code(broken: &[Broken], findings: &[Finding]) -> ExitCode {
    let errors = findings.iter().any(|finding| finding.severity == Severity::Error);
    ExitCode::from(if broken.is_empty() { u8::from(errors) } else { UNUSABLE })
}
