//! Arguments to verbs, errors to exit codes.

use std::{env, path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::{arguments::UNUSABLE, controller, demo, explain, lint, output, proxy, release, serve, status};

/// The name of a kubectl plugin.
const PLUGIN: &str = "kubectl-weir";

/// A Kubernetes ingress controller and proxy for gray release: part of the traffic, chosen by header,
/// cookie, query parameter or weight, goes to a new version.
#[derive(Debug, Parser)]
#[command(name = "weir", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(serve::Arguments),
    Explain(explain::Arguments),
    Lint(lint::Arguments),
    Demo(demo::Arguments),
    Controller(controller::Arguments),
    Proxy(proxy::Arguments),
    Status(status::Arguments),
    Release(release::Arguments),
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let verb = parse().verb;
    let done = match verb {
        Verb::Serve(arguments) => serve::run(arguments),
        Verb::Explain(arguments) => explain::run(&arguments),
        Verb::Lint(arguments) => lint::run(&arguments),
        Verb::Demo(arguments) => demo::run(&arguments),
        Verb::Controller(arguments) => controller::run(arguments),
        Verb::Proxy(arguments) => proxy::run(arguments),
        Verb::Status(arguments) => status::run(&arguments),
        Verb::Release(arguments) => release::run(&arguments),
    };
    done.unwrap_or_else(|error| {
        output::note(format_args!("weir: {error:#}"));
        ExitCode::from(UNUSABLE)
    })
}

/// As `kubectl-weir` on the path, kubectl runs it as `kubectl weir`; then usage and examples say so, too.
fn parse() -> Cli {
    let called = env::args_os().next().map(PathBuf::from).unwrap_or_default();
    if called.file_name().is_none_or(|name| name != PLUGIN) {
        return Cli::parse();
    }
    let matches = Cli::command().bin_name("kubectl weir").get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
