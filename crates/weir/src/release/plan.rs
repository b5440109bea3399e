//! `weir release plan`: what a release will do, how soon, and what it can find at this traffic. Nothing is changed.

mod detect;
mod outline;
mod text;
mod timeline;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{bail, ensure};
use clap::Args;
use serde_json::json;
use weir_crd::text::Percent;
use weir_model::{Kind, ObjectRef, ReleaseKey};
use weir_release::spec::Spec;
use weir_translate::{
    Config,
    object::{Object, Release},
};

use super::{
    desk::Found,
    place::{Name, Place},
    runtime,
};
use crate::{
    arguments::Format,
    output::{note, print},
    runtime::unreadable,
    source::Source,
};
use outline::Outline;
use timeline::Timeline;

/// Old versions that nobody has watched yet fail this often.
const ERRORS: f64 = 0.001;
/// Fewer requests say little about how often the old version fails.
const REQUESTS: u64 = 1_000;

/// Show what a release will do: its steps with the earliest times, and how small a difference each can find.
///
/// Reads the release of a file, or the one that is there. Nothing is changed. The figures are estimates, for
/// medians; no guarantee of the release rests on them.
///
/// Exit code: 0, 1 when a manifest is refused, 2 when it cannot be read.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir release plan -f release.yaml --rps 50 --errors 0.2%")]
pub(super) struct Arguments {
    /// The release, as NAME or NAMESPACE/NAME; with -f all of the file unless given.
    #[arg(value_name = "RELEASE", required_unless_present = "files")]
    name: Option<Name>,

    /// A file, or a folder with all .yaml, .yml and .json files below it; - is standard input. Repeatable.
    #[arg(short = 'f', long = "file", value_name = "PATH", conflicts_with_all = ["server", "context", "namespace"])]
    files: Vec<PathBuf>,

    #[command(flatten)]
    place: Place,

    /// How many requests a second both versions get together; what they get now unless given.
    #[arg(long, value_name = "N", value_parser = positive)]
    rps: Option<f64>,

    /// How often the old version fails, such as 0.2%; what it does now, or 0.1%, unless given.
    #[arg(long, value_name = "PERCENT", value_parser = errors)]
    errors: Option<f64>,

    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// What the versions are supposed to get and to do.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Traffic {
    /// Requests a second; unknown before anything is served.
    rps: Option<f64>,
    /// The share of the old version's requests that fail.
    errors: f64,
    /// Where these come from.
    source: &'static str,
}

/// A release to be planned, or what is wrong with it.
type Subject = (ReleaseKey, Result<(Outline, Traffic), Vec<String>>);

/// Plans and prints.
///
/// # Errors
/// When there is no such release, a file cannot be read, or nobody answers.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let subjects = if arguments.files.is_empty() { arguments.live()? } else { arguments.written()? };
    let mut plans = Vec::new();
    let mut refused = false;
    for (key, subject) in subjects {
        match subject {
            Ok((outline, traffic)) => {
                let timeline = Timeline::new(&outline, traffic);
                plans.push((key, outline, traffic, timeline));
            }
            Err(refusals) => {
                refused = true;
                for refusal in refusals {
                    note(format_args!("weir: {key}: {refusal}"));
                }
            }
        }
    }
    print(&match arguments.output {
        Format::Text => {
            let text = |(key, outline, traffic, timeline): &_| text::render(key, outline, *traffic, timeline);
            plans.iter().map(text).collect::<Vec<_>>().join("\n")
        }
        Format::Json => {
            let json = |(key, outline, traffic, timeline): &_| text::json(key, outline, *traffic, timeline);
            format!("{:#}\n", json!({ "plans": plans.iter().map(json).collect::<Vec<_>>() }))
        }
    })?;
    Ok(ExitCode::from(u8::from(refused)))
}

// === impl Arguments ===

impl Arguments {
    /// The release that is there.
    fn live(&self) -> anyhow::Result<Vec<Subject>> {
        let Some(name) = &self.name else { bail!("name a release, or a file with -f") };
        let found = runtime()?.block_on(async {
            let desk = self.place.open().await?;
            desk.find(&name.key(&self.place, &desk)?).await
        })?;
        let traffic = self.traffic(Some(&found));
        let key = found.key();
        let Found { view, spec } = found;
        if !view.refusals.is_empty() && spec.is_none() && view.steps.is_empty() {
            return Ok(vec![(key, Err(view.refusals))]);
        }
        let outline = spec.map_or_else(|| Outline::of_view(&view), |spec| Outline::of_spec(&spec));
        Ok(vec![(key, Ok((outline.at(&view), traffic)))])
    }

    /// The releases of files.
    fn written(&self) -> anyhow::Result<Vec<Subject>> {
        let mut source = Source::new(self.files.clone(), Config::default());
        source.refresh().map_err(|broken| unreadable(&broken))?;
        let releases = source.objects().filter_map(|object| match object {
            Object::Release(release) => Some(release),
            _ => None,
        });
        let mut subjects = Vec::new();
        for release in releases {
            let key = ReleaseKey::new(release.metadata.namespace(), release.metadata.name.clone());
            if self.name.as_ref().is_some_and(|name| !name.is(&key.namespace, &key.name)) {
                continue;
            }
            let planned = once(&source, &key).and_then(|()| spec(release, &key));
            subjects.push((key, planned.map(|spec| (Outline::of_spec(&spec), self.traffic(None)))));
        }
        let files = self.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
        let named = self.name.as_ref().map_or(String::new(), |name| format!(" {name}"));
        ensure!(!subjects.is_empty(), "there is no Release{named} in {files}");
        Ok(subjects)
    }

    /// What is given, else what is seen, else what is usual.
    fn traffic(&self, found: Option<&Found>) -> Traffic {
        let live = found.and_then(|found| found.view.live.as_ref());
        let seen_rps = live.map(|live| live.stable.rps + live.canary.rps).filter(|rps| *rps > 0.0);
        let evidence = found.and_then(|found| found.view.state.evidence.as_ref());
        let stable = evidence.map(|evidence| evidence.compared.stable);
        let stable = stable.filter(|stable| stable.requests >= REQUESTS);
        let seen_errors = stable.map(|stable| super::words::share(stable.errors.max(1), stable.requests));
        let source = match (self.errors.or(seen_errors), self.errors.is_some()) {
            (Some(_), true) => "as given",
            (Some(_), false) => "as seen",
            (None, _) => "assumed; --errors says better",
        };
        Traffic { rps: self.rps.or(seen_rps), errors: self.errors.or(seen_errors).unwrap_or(ERRORS), source }
    }
}

/// Of a release that is defined twice nobody knows which one is meant.
fn once(source: &Source, key: &ReleaseKey) -> Result<(), Vec<String>> {
    let id = ObjectRef::new(Kind::Release, key.namespace.clone(), key.name.clone());
    match source.places(&id).as_slice() {
        [] | [_] => Ok(()),
        places => {
            let places = places.join(" and at ");
            Err(vec![format!(
                "it is defined more than once, at {places}; leave one of them, or rename the others"
            )])
        }
    }
}

fn spec(release: &Release, key: &ReleaseKey) -> Result<Spec, Vec<String>> {
    let spec = release.spec.as_ref().map_err(Clone::clone);
    let spec = spec.and_then(|spec| weir_crd::parse(&key.namespace, spec));
    spec.map_err(|refusals| refusals.iter().map(ToString::to_string).collect())
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "write a number above 0, such as 50".to_owned())?;
    if number.is_finite() && number > 0.0 {
        Ok(number)
    } else {
        Err("write a number above 0, such as 50".into())
    }
}

fn errors(text: &str) -> Result<f64, String> {
    let percent = Percent::from(text).parse().map_err(|error| error.to_string())?;
    let share = percent / 100.0;
    if share > 0.0 && share < 1.0 { Ok(share) } else { Err("write more than 0% and less than 100%".into()) }
}

#[cfg(test)]
mod tests;
