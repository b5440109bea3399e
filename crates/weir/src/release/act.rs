//! Verbs that ask a release for something.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use tokio::time::sleep;
use weir_crd::{ReleaseActionSpec, action::Verb};
use weir_model::ReleaseKey;

use super::{
    change::place,
    desk::{Answer, Desk, Found},
    period,
    place::One,
    runtime,
};
use crate::{
    arguments::UNUSABLE,
    output::{note, print},
};

/// How often it is looked whether what was done is shown.
const LOOKS: usize = 5;
const AGAIN: Duration = Duration::from_millis(150);

/// What all of them have.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    #[command(flatten)]
    one: One,

    /// Why, for the record.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,

    /// Only if this attempt is under way; otherwise it is refused.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    if_attempt: Option<u64>,

    /// Only if this step is under way; otherwise it is refused.
    #[arg(long, value_name = "STEP")]
    if_step: Option<String>,

    /// How long to wait for the answer.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = period)]
    timeout: Duration,
}

/// Go on with the next step, without waiting for the present one to be done.
///
/// Also out of a hold, unless what holds it is still so. Gates are still asked, and guardrails still watch.
///
/// Exit code of this and the other verbs that ask for something: 0 applied, 1 refused, 2 when it cannot be asked
/// or no answer comes in time.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: weir release promote shop\n          weir release promote shop --to half\n          weir release promote shop --full --reason 'hotfix'"
)]
pub(super) struct Promote {
    #[command(flatten)]
    common: Common,

    /// Go to this later step instead of the next one.
    #[arg(long, value_name = "STEP", conflicts_with = "full")]
    to: Option<String>,

    /// Send everything to the new version, without further steps.
    #[arg(long)]
    full: bool,
}

/// Let the step that waits for approval be over.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir release approve shop --if-step all")]
pub(super) struct Approve {
    #[command(flatten)]
    common: Common,
}

/// Do not let the next step begin: the release is held.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir release reject shop --reason 'checkout looks odd'")]
pub(super) struct Reject {
    #[command(flatten)]
    common: Common,
}

/// Hold the release where it is: weights stay, guardrails go on watching.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir release pause shop --reason 'sale until noon'")]
pub(super) struct Pause {
    #[command(flatten)]
    common: Common,
}

/// Go on with a release that is held.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir release resume shop")]
pub(super) struct Resume {
    #[command(flatten)]
    common: Common,
}

/// Send everything back to the old version, at once.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir release abort shop --reason 'orders fail'")]
pub(super) struct Abort {
    #[command(flatten)]
    common: Common,
}

/// Begin again after a rollback.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir release retry shop --from fifth")]
pub(super) struct Retry {
    #[command(flatten)]
    common: Common,

    /// The step to begin with, instead of the first one.
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
}

/// Take the old version back after everything was sent to the new one.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir release undo shop --reason 'reports are empty'")]
pub(super) struct Undo {
    #[command(flatten)]
    common: Common,
}

/// Take the version that is held ready offline now, without holding it any longer.
#[derive(Debug, Args)]
#[command(after_help = "Example: weir release offline shop")]
pub(super) struct Offline {
    #[command(flatten)]
    common: Common,
}

/// A verb with what it asks for besides.
pub(super) trait Ask {
    /// The release and the rest that all have.
    fn common(&self) -> &Common;
    /// What is asked for.
    fn verb(&self) -> Verb;
    /// Says what only this verb has.
    fn add(&self, _spec: &mut ReleaseActionSpec) {}
}

/// Asks, and says what came of it.
///
/// # Errors
/// When the release is not there, or it cannot be asked.
pub(super) fn run(asked: &impl Ask) -> anyhow::Result<ExitCode> {
    let common = asked.common();
    runtime()?.block_on(async {
        let (desk, before) = common.one.find().await?;
        let key = before.key();
        let answer = desk.ask(&key, &spec(asked, &key), common.timeout).await?;
        let verb = asked.verb().as_str();
        match answer {
            Answer::Applied => {
                let now = after(&desk, &before).await;
                let now = now.map_or(String::new(), |now| format!(": {}", place(&now.view)));
                print(&format!("{key}: {verb} applied{now}\n"))?;
                Ok(ExitCode::SUCCESS)
            }
            Answer::Refused(why) => {
                note(format_args!("weir: {key}: {verb} refused: {why}"));
                Ok(ExitCode::FAILURE)
            }
            Answer::Open(request) => {
                note(late(&key, verb, &request, common.timeout));
                Ok(ExitCode::from(UNUSABLE))
            }
        }
    })
}

/// The release after something was done. It is shown a moment later; where it is not, that does not matter.
async fn after(desk: &Desk, before: &Found) -> Option<Found> {
    let mut now = None;
    for _ in 0..LOOKS {
        now = desk.look(&before.key()).await.ok().flatten();
        let is_shown = |now: &Found| now.view.state.last_action != before.view.state.last_action;
        if now.as_ref().is_none_or(is_shown) {
            break;
        }
        sleep(AGAIN).await;
    }
    now
}

fn late(key: &ReleaseKey, verb: &str, request: &str, patience: Duration) -> String {
    let patience = weir_release::text::duration(patience);
    format!(
        "weir: {key}: no answer to {verb} within {patience}; {request} stands, and is answered once a controller looks \
         at it (`weir status` says whether one is there)"
    )
}

fn spec(asked: &impl Ask, key: &ReleaseKey) -> ReleaseActionSpec {
    let Common { reason, if_attempt, if_step, .. } = asked.common().clone();
    let mut spec = ReleaseActionSpec {
        release: key.name.to_string(),
        verb: asked.verb(),
        to: None,
        full: false,
        from: None,
        reason,
        attempt: if_attempt,
        step: if_step,
    };
    asked.add(&mut spec);
    spec
}

/// A reason that the record takes.
fn reason(text: &str) -> Result<String, String> {
    const MOST: usize = 1024;
    match text.chars().count() {
        0 => Err("write why, or leave it out".into()),
        1..=MOST => Ok(text.to_owned()),
        _ => Err(format!("at most {MOST} characters are kept")),
    }
}

macro_rules! asks {
    ($($arguments:ident),*) => {$(
        impl Ask for $arguments {
            fn common(&self) -> &Common {
                &self.common
            }

            fn verb(&self) -> Verb {
                Verb::$arguments
            }
        }
    )*};
}

asks!(Approve, Reject, Pause, Resume, Abort, Undo, Offline);

// === impl Promote ===

impl Ask for Promote {
    fn common(&self) -> &Common {
        &self.common
    }

    fn verb(&self) -> Verb {
        Verb::Promote
    }

    fn add(&self, spec: &mut ReleaseActionSpec) {
        spec.to.clone_from(&self.to);
        spec.full = self.full;
    }
}

// === impl Retry ===

impl Ask for Retry {
    fn common(&self) -> &Common {
        &self.common
    }

    fn verb(&self) -> Verb {
        Verb::Retry
    }

    fn add(&self, spec: &mut ReleaseActionSpec) {
        spec.from.clone_from(&self.from);
    }
}
