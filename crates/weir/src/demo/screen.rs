//! Progress: live bars on a terminal, plain lines elsewhere.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    load::Leg,
    scenario::Route,
    tally::{Tally, as_f64},
};
use crate::output;

/// How wide a bar is.
const WIDTH: f64 = 30.0;

/// Where progress is shown.
#[derive(Debug)]
pub(super) struct Screen {
    bars: MultiProgress,
    /// Lines go to standard error, because standard output is for the result.
    quiet: bool,
}

/// The bars of a phase, one for each route.
#[derive(Debug)]
pub(super) struct Bars<'s> {
    screen: &'s Screen,
    bars: Vec<ProgressBar>,
}

// === impl Screen ===

impl Screen {
    pub(super) fn new(quiet: bool) -> Self {
        Self { bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()), quiet }
    }

    pub(super) fn title(&self, title: &str) {
        self.line(&format!("\n{title}"));
    }

    pub(super) fn phase(&self, title: &str, leg: &Leg) -> Bars<'_> {
        self.line(&format!("  {title}"));
        let style =
            ProgressStyle::with_template("    {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = |_| self.bars.add(ProgressBar::new_spinner().with_style(style.clone()));
        let bars = if self.bars.is_hidden() { Vec::new() } else { leg.routes.iter().map(bar).collect() };
        Bars { screen: self, bars }
    }

    fn line(&self, line: &str) {
        if self.quiet {
            output::note(line);
        } else {
            // Who cannot read the progress can still be told the result.
            let _ = output::print(&format!("{line}\n"));
        }
    }
}

// === impl Bars ===

impl Bars<'_> {
    pub(super) fn draw(&self, leg: &Leg) {
        for ((bar, route), tally) in self.bars.iter().zip(&leg.routes).zip(&leg.tallies) {
            bar.set_message(describe(route, tally));
        }
    }

    /// Leaves the last figures as plain lines.
    pub(super) fn end(self, leg: &Leg) {
        self.bars.iter().for_each(ProgressBar::finish_and_clear);
        for (route, tally) in leg.routes.iter().zip(&leg.tallies) {
            self.screen.line(&format!("    {}", describe(route, tally)));
        }
    }
}

fn describe(route: &Route, tally: &Tally) -> String {
    let reading = tally.read();
    let share = reading.share();
    format!(
        "{:<22} {} old {:>5.1} %  new {:>5.1} %  {:>7} requests  {} misrouted  {} failed  \
         p50 {:.1?}  p99 {:.1?}",
        route.title,
        bar(share),
        100.0 - share * 100.0,
        share * 100.0,
        reading.answered(),
        reading.misrouted,
        reading.failed,
        tally.latency(0.5),
        tally.latency(0.99),
    )
}

/// The part of the new version, drawn.
fn bar(share: f64) -> String {
    let cell = |cell: u64| if as_f64(cell) < (share * WIDTH).round() { '█' } else { '░' };
    (0..).take_while(|cell| as_f64(*cell) < WIDTH).map(cell).collect()
}
