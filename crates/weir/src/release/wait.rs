//! `weir release wait`: until a release is somewhere, or cannot get there any more.

use std::{process::ExitCode, str::FromStr, time::Duration};

use clap::Args;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use weir_model::Role;
use weir_release::{state::Phase, text, view::View};

use super::{
    change::{Change, line, place},
    desk::Desk,
    period,
    place::One,
    runtime,
};
use crate::{
    arguments::UNUSABLE,
    output::{note, print},
};

/// How often a release is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Wait until a release is completed, held, rolled back or at a step. Writes a line for each change.
///
/// Exit code: 0 when it is there, 1 when it cannot get there any more by itself or the time is over, 2 when it
/// cannot be asked.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir release wait shop --for=completed --timeout 6h")]
pub(super) struct Arguments {
    #[command(flatten)]
    one: One,

    /// What to wait for: completed, held, rolledback (the new version is offline again), or step=NAME (that step
    /// or a later one).
    #[arg(long = "for", value_name = "WHAT", default_value = "completed")]
    goal: Goal,

    /// How long to wait; as long as it takes unless given.
    #[arg(long, value_name = "DURATION", value_parser = period)]
    timeout: Option<Duration>,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Goal {
    Completed,
    Held,
    RolledBack,
    Step(String),
}

/// How far a release is from a goal.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    /// It is there.
    Reached,
    /// It may get there.
    Open,
    /// Not any more, unless somebody asks it to.
    Closed,
}

/// Asks until it is decided.
///
/// # Errors
/// When the release is not there at the beginning, or nobody answers then.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        let (desk, found) = arguments.one.find().await?;
        arguments.goal.check(&found.view)?;
        Box::pin(wait(&desk, found.view, &arguments.goal, arguments.timeout)).await
    })
}

async fn wait(
    desk: &Desk,
    view: Box<View>,
    goal: &Goal,
    timeout: Option<Duration>,
) -> anyhow::Result<ExitCode> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let key = weir_model::ReleaseKey::new(view.namespace.as_str(), view.name.as_str());
    let (mut view, mut told, mut trouble) = (view, None, None::<String>);
    loop {
        let change = Change::of(&view);
        if told.as_ref() != Some(&change) {
            print(&line(&view, Timestamp::now()))?;
            told = Some(change);
        }
        match goal.way(&view) {
            Way::Reached => return Ok(ExitCode::SUCCESS),
            Way::Closed => {
                note(format_args!("weir: {key} is not going to be {goal} any more: it is {}", place(&view)));
                return Ok(ExitCode::FAILURE);
            }
            Way::Open => {}
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(late(&view, goal, timeout.unwrap_or_default(), trouble.as_deref()));
        }
        sleep(left.map_or(LOOK, |left| left.min(LOOK))).await;
        match desk.look(&key).await {
            Ok(Some(found)) => (view, trouble) = (found.view, None),
            Ok(None) => {
                note(format_args!("weir: {key} is gone, so it is not going to be {goal}"));
                return Ok(ExitCode::FAILURE);
            }
            Err(error) => {
                let error = format!("{error:#}");
                // The same trouble is told once.
                if trouble.as_ref() != Some(&error) {
                    note(format_args!("weir: {error}; trying again"));
                }
                trouble = Some(error);
            }
        }
    }
}

fn late(view: &View, goal: &Goal, timeout: Duration, trouble: Option<&str>) -> ExitCode {
    let (key, timeout) = (format!("{}/{}", view.namespace, view.name), text::duration(timeout));
    if trouble.is_some() {
        note(format_args!("weir: whether {key} is {goal} is not known after {timeout}: nobody answers"));
        return ExitCode::from(UNUSABLE);
    }
    note(format_args!("weir: {key} is not {goal} after {timeout}: it is {}", place(view)));
    ExitCode::FAILURE
}

// === impl Goal ===

impl Goal {
    /// # Errors
    /// When there is no such step.
    fn check(&self, view: &View) -> anyhow::Result<()> {
        let Self::Step(name) = self else { return Ok(()) };
        let mut names: Vec<&str> = view.steps.iter().map(|step| step.name.as_str()).collect();
        anyhow::ensure!(
            index_of(view, name).is_some(),
            "{}/{} has no step {name}; it has {}",
            view.namespace,
            view.name,
            {
                names.dedup();
                names.join(", ")
            }
        );
        Ok(())
    }

    fn way(&self, view: &View) -> Way {
        let phase = &view.state.phase;
        let goes_back = match phase {
            Phase::Aborting { .. } | Phase::RolledBack { .. } => true,
            Phase::Offlining { offline } => offline.role == Role::Canary,
            _ => false,
        };
        let (reached, closed) = match self {
            Self::Completed => (matches!(phase, Phase::Completed { .. }), goes_back),
            Self::Held => (view.state.hold.is_some() && !phase.is_over(), phase.is_over()),
            Self::RolledBack => {
                (matches!(phase, Phase::RolledBack { .. }), matches!(phase, Phase::Completed { .. }))
            }
            Self::Step(name) => (is_at(view, name), goes_back),
        };
        match () {
            () if reached => Way::Reached,
            () if closed => Way::Closed,
            () => Way::Open,
        }
    }
}

/// Whether a step has begun or is over.
fn is_at(view: &View, name: &str) -> bool {
    match &view.state.phase {
        Phase::Running { step } => index_of(view, name).is_some_and(|index| step.index >= index),
        Phase::Promoting | Phase::Completed { .. } => true,
        Phase::Offlining { offline } => offline.role == Role::Stable,
        _ => false,
    }
}

/// The step of a name; of a ramp the name alone means its first stage.
fn index_of(view: &View, name: &str) -> Option<usize> {
    let is = |step: &str| step == name || step.rsplit_once(' ').is_some_and(|(ramp, _)| ramp == name);
    view.steps
        .iter()
        .position(|step| step.name == name)
        .or_else(|| view.steps.iter().position(|step| is(&step.name)))
}

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("step=")) {
            ("completed", _) => Ok(Self::Completed),
            ("held", _) => Ok(Self::Held),
            ("rolledback", _) => Ok(Self::RolledBack),
            (_, Some(step)) if !step.is_empty() => Ok(Self::Step(step.to_owned())),
            _ => Err("write completed, held, rolledback or step=NAME".into()),
        }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Completed => f.write_str("completed"),
            Self::Held => f.write_str("held"),
            Self::RolledBack => f.write_str("rolled back"),
            Self::Step(name) => write!(f, "at step {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::samples, *};

    fn way(goal: &str, view: &View) -> Way {
        goal.parse::<Goal>().unwrap().way(view)
    }

    #[test]
    fn goals_are_reached_open_or_out_of_reach() {
        let (baking, held) = (samples::baking().view, samples::held().view);
        let (back, done) = (samples::rolled_back().view, samples::completed().view);
        let offlining = samples::offlining().view;
        for (goal, view, expected) in [
            ("completed", &baking, Way::Open),
            ("completed", &held, Way::Open),
            ("completed", &offlining, Way::Open),
            ("completed", &done, Way::Reached),
            ("completed", &back, Way::Closed),
            ("held", &held, Way::Reached),
            ("held", &baking, Way::Open),
            ("held", &done, Way::Closed),
            ("rolledback", &back, Way::Reached),
            ("rolledback", &baking, Way::Open),
            ("rolledback", &done, Way::Closed),
            ("step=insiders", &baking, Way::Reached),
            ("step=fifth", &baking, Way::Reached),
            ("step=ramp", &baking, Way::Open),
            ("step=ramp 2/5", &baking, Way::Open),
            ("step=all", &done, Way::Reached),
            ("step=all", &offlining, Way::Reached),
            ("step=all", &back, Way::Closed),
        ] {
            assert_eq!(way(goal, view), expected, "{goal} of {}", view.state.phase.as_str());
        }
    }

    #[test]
    fn steps_have_to_be_there() {
        let view = samples::baking().view;
        assert!(Goal::Step("ramp".into()).check(&view).is_ok());
        let error = Goal::Step("tenth".into()).check(&view).unwrap_err().to_string();
        assert!(error.contains("has no step tenth; it has insiders, beta, fifth"), "{error}");
        for text in ["", "done", "step=", "Completed"] {
            assert!(text.parse::<Goal>().is_err(), "{text}");
        }
    }
}
