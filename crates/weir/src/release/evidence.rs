//! What is known of the new version, in bars and words.

use weir_release::{
    Thresholds,
    evidence::Evidence,
    spec::{Guardrail, OnFailure, Watch},
    state::{HoldReason, State},
    stats::{Bucket, Counts, RatioInterval, SlowTail, Verdict},
};

use super::{
    desk::Found,
    paint::{Text, bad, bar, cells, doubtful, faint, good, padded, plain},
    words,
};

/// What the scale of ratios ends with, on both sides of 1.
const SCALE: f64 = 10.0;
/// An estimate from here on, next to the last of all ratios that are told apart, stands for any larger one.
const LARGEST: f64 = 999.0;
/// Bars of evidence.
const BAR: usize = 20;

/// What the errors of both versions say.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Errors {
    /// Evidence that the new version is worse, in nats.
    pub(super) worse: f64,
    /// Where that convinces; unknown where the spec is.
    pub(super) fail_at: Option<f64>,
    /// Evidence that it is not twice as bad.
    pub(super) better: f64,
    /// Where that convinces.
    pub(super) pass_at: f64,
    /// Which ratios are possible.
    pub(super) ratio: RatioInterval,
    /// What was compared.
    pub(super) compared: Bucket,
}

/// A guardrail, in a word and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rail {
    pub(super) name: String,
    pub(super) verdict: Verdict,
    pub(super) sentence: String,
}

// === impl Errors ===

impl Errors {
    /// What is known, once something is.
    pub(super) fn of(found: &Found) -> Option<Self> {
        let evidence = found.view.state.evidence.as_ref()?;
        let Thresholds { harmful, pass_at, fail } = found.view.thresholds;
        Some(Self {
            worse: evidence.errors.ln_evidence_worse_than(fail.map_or(1.0, |fail| fail.tolerated)),
            fail_at: fail.map(|fail| fail.comparison),
            better: evidence.errors.ln_evidence_better_than(harmful),
            pass_at,
            // Only a release whose manifest cannot be read is shown without it.
            ratio: found.view.ratio.unwrap_or_else(|| evidence.errors.interval((-pass_at).exp())),
            compared: evidence.compared,
        })
    }

    /// What it comes to.
    pub(super) fn verdict(&self) -> Verdict {
        Verdict::of(self.worse, self.fail_at.unwrap_or(f64::INFINITY), self.better, self.pass_at)
    }

    /// In a sentence.
    pub(super) fn sentence(&self) -> String {
        let Some(estimate) = self.ratio.estimate else {
            let Bucket { canary, stable } = self.compared;
            return format!(
                "no error yet in {} requests of the new version and {} of the old one",
                canary.requests, stable.requests
            );
        };
        let range = match (self.ratio.low, self.ratio.high) {
            (low, Some(high)) if low > 0.0 => format!("{} to {}", words::times(low), words::times(high)),
            (_, Some(high)) => format!("at most {}", words::times(high)),
            (low, None) if low > 0.0 => format!("at least {}", words::times(low)),
            _ => "any number of".into(),
        };
        let shown = match self.verdict() {
            Verdict::Failed => "it is worse",
            Verdict::Successful => "it is not twice as bad",
            Verdict::Inconclusive => "neither better nor worse is shown yet",
        };
        // At the end of the scale it only says that the old version has no error.
        let best = if estimate < LARGEST {
            format!(", most likely {}", words::times(estimate))
        } else {
            String::new()
        };
        format!("the new version fails {range} times as often as the old one{best}: {shown}")
    }

    /// The possible ratios on a scale from 0.1 to 10: `0.1 ───┼─[══◆══]──── 10`, where ┼ is 1.
    pub(super) fn scale(&self, width: usize) -> String {
        let (first, last) = (format!("{:.1}x ", 1.0 / SCALE), format!(" {SCALE}x"));
        let inner = width.saturating_sub(first.len() + last.len());
        let Some(end) = inner.checked_sub(1).filter(|end| *end >= 8) else { return String::new() };
        let at = |ratio: f64| cells(ratio.log(SCALE).midpoint(1.0), end);
        let mut scale = vec!['─'; inner];
        scale[at(1.0)] = '┼';
        if let Some(estimate) = self.ratio.estimate {
            let (low, high) = (at(self.ratio.low), self.ratio.high.map_or(end, at));
            scale[low..=high].fill('═');
            scale[at(1.0)] = '┼';
            scale[low] = if self.ratio.low > 1.0 / SCALE { '[' } else { '◄' };
            scale[high] = if self.ratio.high.is_some_and(|high| high < SCALE) { ']' } else { '►' };
            scale[at(estimate)] = '◆';
        }
        format!("{first}{}{last}", scale.into_iter().collect::<String>())
    }

    /// Both sides of the evidence as bars against where they convince.
    pub(super) fn bars(&self) -> Vec<Text> {
        let row = |name: &str, nats: f64, limit: Option<f64>, means: &str| {
            let nats = nats.max(0.0);
            let name = padded(name, 17);
            match limit {
                Some(limit) => Text::from(vec![
                    plain(format!("{name}{} {nats:.1} of {limit:.1} nats ", bar(nats / limit, BAR))),
                    faint(format!("({means})")),
                ]),
                None => Text::from(vec![
                    plain(format!("{name}{nats:.1} nats ")),
                    faint("(where it convinces is not told here)"),
                ]),
            }
        };
        let passed = if self.better >= self.pass_at { "shown" } else { "shown when full" };
        let failed = if self.verdict() == Verdict::Failed { "shown" } else { "shown when full" };
        vec![
            row("worse", self.worse, self.fail_at, failed),
            row("not twice as bad", self.better, Some(self.pass_at), passed),
        ]
    }

    /// A line of the sentence, with the look of what it says.
    pub(super) fn painted(&self, line: String) -> Text {
        Text::from(match self.verdict() {
            Verdict::Failed => bad(line),
            Verdict::Successful => good(line),
            Verdict::Inconclusive => plain(line),
        })
    }
}

/// All guardrails, as far as they are known.
pub(super) fn rails(found: &Found) -> Vec<Rail> {
    let state = &found.view.state;
    match &found.spec {
        Some(spec) => spec.analysis.guardrails.iter().map(|rail| judged(found, rail)).collect(),
        None => state.evidence.iter().flat_map(|evidence| unspecified(found, evidence)).collect(),
    }
}

/// Without a spec only what there is evidence of is known.
fn unspecified(found: &Found, evidence: &Evidence) -> Vec<Rail> {
    let mut rails = vec![errors_rail("errors", found, evidence, None)];
    rails.extend(evidence.slow.as_ref().map(|slow| slow_rail("slow", slow, slow_fails_at(found))));
    rails
}

fn judged(found: &Found, guardrail: &Guardrail) -> Rail {
    let (name, state) = (&*guardrail.name, &found.view.state);
    let evidence = state.evidence.as_ref();
    let nothing = || Rail {
        name: name.to_owned(),
        verdict: Verdict::Inconclusive,
        sentence: "nothing was compared yet".into(),
    };
    let mut rail = match &guardrail.watch {
        Watch::Errors(errors) => {
            let limit = Some(errors.absolute_max.share());
            evidence.map_or_else(nothing, |evidence| errors_rail(name, found, evidence, limit))
        }
        Watch::Latency(_) => {
            let slow = evidence.and_then(|evidence| evidence.slow.as_ref());
            slow.map_or_else(nothing, |slow| slow_rail(name, slow, slow_fails_at(found)))
        }
        Watch::Pods(pods) => fine(
            name,
            format!("at most {} of containers", weir_release::text::count(pods.restarts.into(), "restart")),
        ),
        Watch::Prometheus(prometheus) => {
            fine(name, format!("at most {}: {}", prometheus.max, prometheus.query))
        }
    };
    if let Some(why) = failed(state, name) {
        rail.verdict = Verdict::Failed;
        rail.sentence = why;
    }
    let does = match guardrail.action {
        OnFailure::Rollback => "",
        OnFailure::Hold => "; only holds",
    };
    rail.sentence.push_str(does);
    rail
}

/// Neither the state nor its evidence say more of it than that it has not failed.
fn fine(name: &str, sentence: String) -> Rail {
    Rail { name: name.to_owned(), verdict: Verdict::Successful, sentence }
}

/// Why a guardrail failed, if it did.
fn failed(state: &State, name: &str) -> Option<String> {
    let failure = state.failure.as_ref().filter(|failure| failure.cause == name);
    let held = state.hold.as_ref().filter(|hold| hold.reason == HoldReason::Guardrail);
    let held = held.and_then(|hold| hold.message.strip_prefix(&format!("guardrail {name}: ")));
    failure.map(|failure| failure.message.clone()).or_else(|| held.map(str::to_owned))
}

fn errors_rail(name: &str, found: &Found, evidence: &Evidence, limit: Option<f64>) -> Rail {
    let rate = |counts: Counts| {
        let Counts { requests, errors } = counts;
        format!("{errors} of {requests} ({})", words::percent(words::share(errors, requests)))
    };
    let limit = limit.map_or(String::new(), |limit| format!(", at most {}", words::percent(limit)));
    let Bucket { canary, stable } = evidence.compared;
    Rail {
        name: name.to_owned(),
        verdict: Errors::of(found).map_or(Verdict::Inconclusive, |errors| errors.verdict()),
        sentence: format!("new {}, old {}{limit}", rate(canary), rate(stable)),
    }
}

fn slow_fails_at(found: &Found) -> Option<f64> {
    found.view.thresholds.fail.map(|fail| fail.guardrail)
}

fn slow_rail(name: &str, slow: &SlowTail, fail_at: Option<f64>) -> Rail {
    let quantiles = slow.tails().iter().map(|tail| format!("p{}", tail.quantile * 100.0));
    let quantiles = quantiles.collect::<Vec<_>>().join(" ");
    let nats = slow.ln_evidence().max(0.0);
    let of = fail_at.map_or(String::new(), |fail_at| format!(" of {fail_at:.1}"));
    let (verdict, said) = match fail_at {
        _ if !slow.is_ready() => (Verdict::Inconclusive, "the old version is not known well enough yet"),
        Some(fail_at) if nats >= fail_at => (Verdict::Failed, "more of the new version's responses are slow"),
        _ => (Verdict::Successful, "not shown to be slower"),
    };
    Rail { name: name.to_owned(), verdict, sentence: format!("{quantiles}: {said}, {nats:.1}{of} nats") }
}

// === impl Rail ===

impl Rail {
    /// `ok  errors  …`.
    pub(super) fn line(&self, width: usize) -> Text {
        let word = match self.verdict {
            Verdict::Successful => good("ok      "),
            Verdict::Failed => bad("FAILED  "),
            Verdict::Inconclusive => doubtful("open    "),
        };
        let name = padded(&self.name, width + 2);
        Text::from(vec![word, plain(name), plain(self.sentence.clone())])
    }
}

#[cfg(test)]
mod tests;
