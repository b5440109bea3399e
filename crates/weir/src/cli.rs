//! Arguments to verbs, errors to exit codes.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{arguments::UNUSABLE, controller, demo, explain, lint, output, proxy, serve, status};

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
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let verb = Cli::parse().verb;
    let done = match verb {
        Verb::Serve(arguments) => serve::run(arguments),
        Verb::Explain(arguments) => explain::run(&arguments),
        Verb::Lint(arguments) => lint::run(&arguments),
        Verb::Demo(arguments) => demo::run(&arguments),
        Verb::Controller(arguments) => controller::run(arguments),
        Verb::Proxy(arguments) => proxy::run(arguments),
        Verb::Status(arguments) => status::run(&arguments),
    };
    done.unwrap_or_else(|error| {
        output::note(format_args!("weir: {error:#}"));
        ExitCode::from(UNUSABLE)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
