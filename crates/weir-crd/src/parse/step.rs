//! Steps and gates.

use std::time::Duration;

use weir_model::{Predicate, Role};
use weir_release::spec::{self, OnError, Weight};

use super::{list, matcher, ramp, value};
use crate::{
    refusal::{At, Refusals},
    release::{Approval, Bake, Gate, Matcher, ReleaseSpec, Step},
    text::Share,
};

/// How much the new version gets where the manifest names no steps, in percent.
const STEPS: [i64; 5] = [1, 5, 20, 50, 100];
/// How long a bake takes where the manifest does not say.
const BAKE: Duration = Duration::from_mins(10);
/// How long a gate may take to answer where the manifest does not say.
const GATE: Duration = Duration::from_secs(10);
/// Steps and stages of ramps.
const MOST_STEPS: usize = 100;
const MOST_GATES: usize = 32;
/// More could not be counted as whole numbers in JSON.
const MOST_REQUESTS: u64 = 1_000_000_000_000;

/// What an entry of the list stands for: one step, or the stages of a ramp.
type Stages = Vec<spec::Step>;

/// The steps, with ramps taken apart.
pub(super) fn steps(spec: &ReleaseSpec, at: &At<'_>, refusals: &mut Refusals) -> Option<Vec<spec::Step>> {
    let default =
        || STEPS.map(|percent| Step { weight: Some(Share::percent(percent)), ..Step::default() }).into();
    let entries = spec.steps.clone().unwrap_or_else(default);
    let gates = gates(&spec.gates, &at.field("gates"), refusals);
    let at_steps = at.field("steps");
    list::not_empty(&entries, "step, or leave the field out", &at_steps, refusals)?;
    list::at_most(&entries, MOST_STEPS, &at_steps, refusals)?;
    let read: Vec<_> = entries
        .iter()
        .enumerate()
        .map(|(index, entry)| step(entry, &at_steps.index(index), refusals))
        .collect();
    let names = read.iter().map(|stages| stages.as_ref()?.first().map(|step| &*step.name));
    let unique = list::unique(names, "step", &at_steps, refusals);
    let rising = rising(&entries, &read, &at_steps, refusals);
    let complete = complete(&entries, &read, &at_steps, refusals);
    let reached = reached(spec, &read, &at_steps, refusals);
    let known: Option<Vec<_>> = read.into_iter().collect();
    let (mut stages, gates) = (known?, gates?);
    attach(&gates, &mut stages, &at.field("gates"), refusals)?;
    let steps = stages.concat();
    list::at_most(&steps, MOST_STEPS, &at_steps, refusals)?;
    unique.and(rising).and(complete).and(reached)?;
    Some(steps)
}

fn step(step: &Step, at: &At<'_>, refusals: &mut Refusals) -> Option<Stages> {
    let audience = audience(step.audience.as_deref(), &at.field("audience"), refusals);
    let name = step.name.as_ref().map(|name| value::label(name, &at.field("name"), refusals));
    let mut stages = match (&step.weight, &step.ramp) {
        (Some(weight), None) => plain(weight, step.bake.as_ref(), at, refusals),
        (None, Some(ramp)) => {
            let apart = refusals.require(step.bake.is_none(), &at.field("bake"), || {
                "each stage of a ramp lasts as long as its hold; for a bake at the end add a step behind it".to_owned()
            });
            let stages = ramp::stages(ramp, &at.field("ramp"), refusals);
            apart.and(stages)
        }
        (Some(_), Some(_)) => refuse(at, "a step has either a weight or a ramp; make it two steps", refusals),
        (None, None) => refuse(at, "it says nothing; write weight: and whole percent, or a ramp", refusals),
    }?;
    let (audience, name) = (audience?, name.map_or(Some(None), |name| name.map(Some))?);
    for stage in &mut stages {
        stage.audience.clone_from(&audience);
        stage.name = name.clone().unwrap_or_else(|| stage.name.clone());
    }
    if let Some(last) = stages.last_mut() {
        last.approval = step.approval == Approval::Required;
    }
    Some(stages)
}

/// An empty list could mean everybody as well as nobody.
fn audience(written: Option<&[Matcher]>, at: &At<'_>, refusals: &mut Refusals) -> Option<Vec<Predicate>> {
    let Some(matchers) = written else { return Some(Vec::new()) };
    list::not_empty(matchers, "header, cookie or query, or leave the field out for everybody", at, refusals)?;
    matcher::predicates(matchers, at, refusals)
}

fn refuse(at: &At<'_>, message: &str, refusals: &mut Refusals) -> Option<Stages> {
    refusals.add(at, message);
    None
}

fn plain(weight: &Share, written: Option<&Bake>, at: &At<'_>, refusals: &mut Refusals) -> Option<Stages> {
    let weight = refusals.keep(&at.field("weight"), weight.parse());
    let bake = bake(written, weight.unwrap_or_default(), &at.field("bake"), refusals);
    let weight = weight?;
    Some(vec![bare(&percent(weight), weight, bake?)])
}

/// A step with nothing but a weight and a bake.
pub(super) fn bare(name: &str, weight: Weight, bake: spec::Bake) -> spec::Step {
    spec::Step {
        name: name.into(),
        stage: None,
        audience: Vec::new(),
        weight,
        bake,
        approval: false,
        gates: Vec::new(),
    }
}

/// A weight as people write it.
pub(super) fn percent(weight: Weight) -> String {
    weight.to_string().replace(' ', "")
}

fn bake(bake: Option<&Bake>, weight: Weight, at: &At<'_>, refusals: &mut Refusals) -> Option<spec::Bake> {
    let nothing = Bake::default();
    let bake = bake.unwrap_or(&nothing);
    let duration = value::period(bake.duration.as_ref(), BAKE, &at.field("duration"), refusals);
    // Where only overrides reach the new version, nobody may come for a while.
    let clean = bake.clean.unwrap_or_else(|| weight > Weight::NONE || bake.on_error.is_some());
    let on_error = on_error(bake.on_error.as_deref(), &at.field("onError"), refusals);
    let minds_errors = refusals.require(clean || bake.on_error.is_none(), &at.field("onError"), || {
        "it has no effect, since only clean bakes look at single errors; write clean: true, or leave it out".to_owned()
    });
    let min_requests = bake.min_requests.unwrap_or(0);
    let countable = refusals.require(min_requests <= MOST_REQUESTS, &at.field("minRequests"), || {
        format!("{min_requests} requests would never come; write at most {MOST_REQUESTS}")
    });
    minds_errors.and(countable)?;
    Some(spec::Bake { duration: duration?, clean, min_requests, on_error: on_error? })
}

fn on_error(text: Option<&str>, at: &At<'_>, refusals: &mut Refusals) -> Option<OnError> {
    let counted = |text: &str| text.strip_prefix("Count(")?.strip_suffix(')')?.parse::<u64>().ok();
    let read = match text {
        None | Some("ResetClock") => Some(OnError::ResetClock),
        Some("Hold") => Some(OnError::Hold),
        Some(text) => counted(text).filter(|count| *count > 0).map(OnError::Count),
    };
    refusals.require(read.is_some(), at, || {
        let text = text.unwrap_or_default();
        format!("{text:?} is not known; write ResetClock, Hold, or Count(3) to let three clients with an error pass")
    })?;
    read
}

/// A weight that falls would take the new version away from users who have it.
fn rising(entries: &[Step], read: &[Option<Stages>], at: &At<'_>, refusals: &mut Refusals) -> Option<()> {
    let mut highest: Option<(Weight, &str)> = None;
    let mut rising = Some(());
    for (index, stages) in read.iter().enumerate() {
        let Some([first, .., last] | [first @ last]) = stages.as_deref() else { continue };
        if !first.audience.is_empty() {
            continue;
        }
        if let Some((before, name)) = highest.filter(|(before, _)| first.weight < *before) {
            let at = at.index(index);
            let (ramp, plain) = (at.field("ramp"), at.field("weight"));
            let field = if entries[index].ramp.is_some() { ramp.field("from") } else { plain };
            let message = format!(
                "{} is less than the {} of step {name:?}: users would lose the new version again. Write {} or more",
                percent(first.weight),
                percent(before),
                percent(before),
            );
            refusals.add(&field, message);
            rising = None;
        }
        highest = Some((highest.map_or(last.weight, |(before, _)| before.max(last.weight)), &last.name));
    }
    rising
}

/// Requests are only waited for where somebody can send them.
fn reached(spec: &ReleaseSpec, read: &[Option<Stages>], at: &At<'_>, refusals: &mut Refusals) -> Option<()> {
    let by_override = spec.overrides.iter().any(|one| one.to == Role::Canary);
    let mut reached = Some(());
    for (index, step) in
        read.iter().enumerate().filter_map(|(index, step)| Some((index, step.as_ref()?.first()?)))
    {
        let waits = step.weight == Weight::NONE && step.bake.min_requests > 0;
        reached = refusals
            .require(by_override || !waits, &at.index(index).field("bake").field("minRequests"), || {
                "they would never come: at weight 0 only overrides reach the new version, and there is none to it".to_owned()
            })
            .and(reached);
    }
    reached
}

/// The last step sends everything, so that the old version is free to go.
fn complete(entries: &[Step], read: &[Option<Stages>], at: &At<'_>, refusals: &mut Refusals) -> Option<()> {
    let last = read.last()?.as_ref()?.last()?;
    let at = at.index(entries.len() - 1);
    refusals.require(last.audience.is_empty(), &at.field("audience"), || {
        "the last step has to send everybody to the new version; add a step behind it: - weight: 100"
            .to_owned()
    })?;
    let ramp = at.field("ramp");
    let field = if entries.last()?.ramp.is_some() { ramp.field("to") } else { at.field("weight") };
    refusals.require(last.weight == Weight::ALL, &field, || {
        let weight = percent(last.weight);
        format!("the last step sends only {weight} to the new version; add a step behind it: - weight: 100")
    })
}

/// A gate with the name of its step.
type Placed = (String, spec::Gate);

fn gates(gates: &[Gate], at: &At<'_>, refusals: &mut Refusals) -> Option<Vec<Placed>> {
    list::at_most(gates, MOST_GATES, at, refusals)?;
    let unique = list::unique(gates.iter().map(|gate| Some(&*gate.name)), "gate", at, refusals);
    let read = list::each(gates, at, refusals, |gate, at, refusals| {
        let webhook = at.field("webhook");
        let name = value::label(&gate.name, &at.field("name"), refusals);
        let url = value::url(&gate.webhook.url, &webhook.field("url"), refusals);
        let timeout =
            value::positive(gate.webhook.timeout.as_ref(), GATE, &webhook.field("timeout"), refusals);
        Some((gate.before.clone(), spec::Gate { name: name?, url: url?, timeout: timeout? }))
    });
    unique?;
    read
}

/// Puts each gate before the step that it names.
fn attach(gates: &[Placed], steps: &mut [Stages], at: &At<'_>, refusals: &mut Refusals) -> Option<()> {
    let names: Vec<_> =
        steps.iter().filter_map(|stages| stages.first()).map(|step| step.name.to_string()).collect();
    let mut attached = Some(());
    for (index, (before, gate)) in gates.iter().enumerate() {
        let step =
            steps.iter_mut().filter_map(|stages| stages.first_mut()).find(|step| *step.name == **before);
        if let Some(step) = step {
            step.gates.push(gate.clone());
        } else {
            let message = format!("no step is called {before:?}; the steps are {}", names.join(", "));
            refusals.add(&at.index(index).field("before"), message);
            attached = None;
        }
    }
    attached
}
