//! `weir explain`: what becomes of one request, and why.
//!
//! The decision is that of the data plane, from the same compiled table: only the request is made up.

mod asked;
mod involved;
mod question;
mod report;
mod text;

use std::{net::IpAddr, path::PathBuf, process::ExitCode};

use clap::Args;
use weir_model::{Arm, Blueprint, Endpoints, Rule};
use weir_route::{Context, Explanation, Table};

pub use question::{InvalidQuestion, Question};

use crate::{
    arguments::{Format, Origin},
    output,
    subject::Subject,
};
use asked::Asked;

/// Say what becomes of a request: which object wins, why the others don't, who gets it with what share.
///
/// The answer comes from the code that serves traffic. A Service without endpoints in the files counts as
/// available, since manifests rarely say; one with an empty list does not.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: weir explain -f manifests/ -H 'foo: bar' -b 'user=ann' 'http://shop.example.com/cart?x=1'"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    origin: Origin,

    /// The method.
    #[arg(short = 'X', long = "request", value_name = "METHOD", default_value = "GET")]
    method: String,

    /// A request header, as 'Name: value'. Repeatable.
    #[arg(short = 'H', long = "header", value_name = "HEADER", value_parser = question::header)]
    headers: Vec<(String, String)>,

    /// Cookies, as 'name=value; other=value'. Repeatable.
    #[arg(short = 'b', long = "cookie", value_name = "COOKIES")]
    cookies: Vec<String>,

    /// The address that the client connects from.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    client_ip: IpAddr,

    /// Answer as a Weir without --https does, which never redirects to HTTPS for ssl-redirect.
    #[arg(long)]
    http_only: bool,

    /// How to print the answer.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,

    /// The URL, as http(s)://host:port/path?query. What stands before it belongs to -f.
    #[arg(required = true, value_name = "URL")]
    rest: Vec<String>,
}

/// Answers one question.
///
/// # Errors
/// When a manifest cannot be read, the question makes no sense, or standard output cannot be written.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (question, paths) = (arguments.question(), arguments.paths());
    let subject = Subject::whole(&arguments.origin, paths)?;
    let mut explanation = explain(&subject.blueprint, &question)?;
    explanation.findings = involved::findings(&subject, &explanation);
    output::print(&match arguments.output {
        Format::Text => text::render(&question, &explanation, &subject.blueprint),
        Format::Json => report::render(&explanation)?,
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What becomes of a request, and why. Findings are left to the caller.
///
/// # Errors
/// When the question is not one about an HTTP request.
pub fn explain(blueprint: &Blueprint, question: &Question) -> Result<Explanation, InvalidQuestion> {
    let asked = match Asked::new(question)? {
        Ok(asked) => asked,
        Err(refused) => return Ok(refused.explanation()),
    };
    let table = Table::compile(blueprint, |_: &Rule, arm: &Arm| is_available(blueprint, arm));
    let context = Context { random: 0, https_port: (!question.http_only).then_some(443) };
    Ok(weir_route::explain(&table, &asked, context))
}

fn is_available(blueprint: &Blueprint, arm: &Arm) -> bool {
    blueprint.backends.get(&arm.backend).is_some_and(|backend| match backend.endpoints {
        Endpoints::Unknown => true,
        Endpoints::Known(_) => backend.usable().next().is_some(),
    })
}

// === impl Arguments ===

impl Arguments {
    fn paths(&self) -> Vec<PathBuf> {
        let more = self.rest.split_last().map_or(&[][..], |(_, more)| more);
        self.origin.paths.iter().cloned().chain(more.iter().map(PathBuf::from)).collect()
    }

    fn question(&self) -> Question {
        Question {
            method: self.method.clone(),
            url: self.rest.last().cloned().unwrap_or_default(),
            headers: self.headers.clone(),
            cookies: self.cookies.clone(),
            client: self.client_ip,
            http_only: self.http_only,
        }
    }
}
