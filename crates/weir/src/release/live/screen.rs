//! What stands on the screen: a pure function of the release, the history and the size.

use jiff::Timestamp;
use ratatui::{Frame, layout::Rect, widgets::Paragraph};
use weir_model::Role;
use weir_release::{
    state::Phase,
    view::{Live, View},
};

use super::{Look, history::History};
use crate::release::{
    desk::Found,
    evidence::{Errors, rails},
    pace::Left,
    paint::{Text, bad, chart, colourless, cut, doubtful, faint, plain, strong, wrapped},
    parts,
    words::{clock, millis, rate, remedy, since},
};

/// A release on a screen.
#[derive(Debug)]
pub(super) struct Screen {
    found: Found,
    history: History,
    now: Timestamp,
    /// Since when nobody answers, and why.
    trouble: Option<(Timestamp, String)>,
    colour: bool,
}

/// How much there is room for, beside the steps around the present one: from 0, the poorest, to 5.
#[derive(Clone, Copy, Debug)]
struct Room(u8);

/// The fewest lines of steps.
const STEPS: usize = 3;

// === impl Room ===

impl Room {
    const RICHEST: u8 = 5;

    /// Versions in two lines each.
    fn wide(self) -> bool {
        self.0 == Self::RICHEST
    }

    /// Routes, and each guardrail.
    fn details(self) -> bool {
        self.0 >= 4
    }

    /// Empty lines between parts.
    fn gaps(self) -> bool {
        self.0 >= 3
    }

    fn charts(self) -> bool {
        self.0 >= 2
    }

    fn scale(self) -> bool {
        self.0 >= 1
    }

    /// Lines for what stands in the way.
    fn words(self) -> usize {
        match self.0 {
            0 => 1,
            1..=4 => 3,
            _ => 5,
        }
    }
}

// === impl Screen ===

impl Screen {
    pub(super) fn new(found: Found, now: Timestamp, colour: bool) -> Self {
        let mut screen = Self { found, history: History::default(), now, trouble: None, colour };
        screen.remember();
        screen
    }

    /// Time goes on.
    pub(super) fn at(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Takes in what came of a look. What was seen last stays where nothing is.
    pub(super) fn take(&mut self, look: Look) {
        let trouble = match look {
            Ok(Some(found)) => {
                self.found = found;
                self.trouble = None;
                self.remember();
                return;
            }
            Ok(None) => "the release is gone".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        let since = self.trouble.as_ref().map_or(self.now, |(since, _)| *since);
        self.trouble = Some((since, trouble));
    }

    fn remember(&mut self) {
        if let Some(live) = &self.found.view.live {
            self.history.push(live.clone());
        }
    }

    /// Draws everything.
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let Rect { width, height, .. } = frame.area();
        let lines = self.lines(width.into(), height.into());
        frame.render_widget(Paragraph::new(lines), frame.area());
    }

    /// As many lines as there is room for, the last one saying how to leave.
    fn lines(&self, width: usize, height: usize) -> Vec<Text> {
        let Some(room) = height.checked_sub(1) else { return Vec::new() };
        let mut lines = self.fitting(width, room);
        lines.resize(room, Text::default());
        lines.push(self.footer());
        let look = |line| if self.colour { line } else { colourless(line) };
        lines.into_iter().map(|line| look(cut(line, width))).collect()
    }

    /// The richest body that fits, and then as many steps as fit, too.
    fn fitting(&self, width: usize, height: usize) -> Vec<Text> {
        let mut bodies =
            (0..=Room::RICHEST).rev().map(|room| (Room(room), self.body(Room(room), STEPS, width)));
        let Some((room, mut body)) = bodies.find(|(_, body)| body.len() <= height) else {
            return self.body(Room(0), STEPS, width);
        };
        for steps in STEPS + 1..=self.found.view.steps.len() {
            let more = self.body(room, steps, width);
            if more.len() > height {
                break;
            }
            body = more;
        }
        body
    }

    fn body(&self, room: Room, most: usize, width: usize) -> Vec<Text> {
        let view = &self.found.view;
        let mut lines = vec![parts::header(view, self.now)];
        lines.extend(self.standing(room, width));
        let parts = [
            versions(view, room, width),
            steps(view, most),
            self.evidence(room, width),
            self.charts(room, width),
        ];
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            lines.extend(room.gaps().then(Text::default));
            lines.extend(part);
        }
        lines
    }

    /// What stands in the way, or what it waits for.
    fn standing(&self, room: Room, width: usize) -> Vec<Text> {
        let view = &self.found.view;
        let mut lines = Vec::new();
        let mut say = |text: &str, paint: fn(String) -> ratatui::text::Span<'static>, most: usize| {
            lines.extend(wrapped(text, width).into_iter().take(most).map(|line| Text::from(paint(line))));
        };
        for refusal in &view.refusals {
            say(&format!("refused: {refusal}"), bad, room.words());
        }
        if let Some(failure) = &view.state.failure {
            say(&format!("went back ({}): {}", failure.cause, failure.message), bad, room.words());
        }
        match &view.state.hold {
            Some(hold) => {
                say(
                    &format!("held for {}: {}", since(hold.since, self.now), hold.message),
                    doubtful,
                    room.words(),
                );
                say(remedy(hold), plain, room.words());
            }
            None if !view.waiting_for.is_empty() => {
                say(&format!("waits for {}", view.waiting_for), plain, room.words());
                let left = Left::of(view).map(|left| format!("expected: {}", left.sentence()));
                say(&left.unwrap_or_default(), plain, room.words().min(2));
            }
            None => {}
        }
        lines.retain(|line| line.width() > 0);
        lines
    }

    fn evidence(&self, room: Room, width: usize) -> Vec<Text> {
        let mut lines = Vec::new();
        if let Some(errors) = Errors::of(&self.found) {
            if room.scale() && errors.ratio.estimate.is_some() {
                lines.push(plain(errors.scale(width.min(72))).into());
            }
            let sentence = wrapped(&errors.sentence(), width).into_iter().take(2);
            lines.extend(sentence.map(|line| errors.painted(line)));
        }
        let rails = rails(&self.found);
        let names = rails.iter().map(|rail| rail.name.len()).max().unwrap_or(0);
        let is_shown = |rail: &&crate::release::evidence::Rail| {
            room.details() || rail.verdict == weir_release::stats::Verdict::Failed
        };
        lines.extend(rails.iter().filter(is_shown).map(|rail| rail.line(names)));
        lines
    }

    fn charts(&self, room: Room, width: usize) -> Vec<Text> {
        if !room.charts() || self.history.is_empty() {
            return Vec::new();
        }
        type Chart = (&'static str, fn(&Live) -> f64, fn(f64) -> String);
        let charts: [Chart; 3] = [
            ("new rps", |live| live.canary.rps, rate),
            ("new errors/s", |live| live.canary.errors_per_second, rate),
            ("new p99", |live| live.canary.p99_millis.unwrap_or(0.0), millis),
        ];
        let line = |(name, figure, show): Chart| {
            let drawn = chart(self.history.each(figure), width.saturating_sub(26));
            let last = self.history.each(figure).next_back().unwrap_or(0.0);
            Text::from(vec![plain(format!("{name:<13} {:>9}  ", show(last))), plain(drawn)])
        };
        charts.map(line).into()
    }

    fn footer(&self) -> Text {
        let at = clock(self.now);
        match &self.trouble {
            Some((since_when, why)) => {
                let since = since(*since_when, self.now);
                Text::from(vec![strong("q quits  "), bad(format!("no answer for {since}: {why}"))])
            }
            None => Text::from(vec![strong("q quits  "), faint(format!("{at} UTC"))]),
        }
    }
}

fn versions(view: &View, room: Room, width: usize) -> Vec<Text> {
    let mut lines: Vec<Text> = Vec::new();
    if room.details() {
        lines.extend(view.routes.iter().map(|route| plain(format!("route {route}")).into()));
    }
    for role in Role::ALL {
        if room.wide() {
            let [who, mut does] = parts::version(view, role);
            does.spans.insert(0, plain(" ".repeat(16)));
            lines.extend([who, does]);
        } else {
            lines.push(parts::short_version(view, role, width));
        }
    }
    if let Some(mut proxies) = parts::proxies(view).filter(|_| room.details()) {
        proxies.spans.insert(0, plain("proxies "));
        lines.push(proxies);
    }
    lines
}

fn steps(view: &View, most: usize) -> Vec<Text> {
    let mut lines = parts::steps(view, most);
    if let Phase::Offlining { offline } = &view.state.phase {
        lines.push(parts::offline(offline));
    }
    lines
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};

    use super::{super::super::samples, *};

    fn screen(found: Found) -> Screen {
        let mut screen = Screen::new(found, samples::now(), true);
        for second in 0..120_u32 {
            let mut live = screen.found.view.live.clone().unwrap_or_default();
            live.canary.rps += 10.0 * f64::from(second).sin();
            live.canary.errors_per_second = f64::from(second % 7) / 10.0;
            screen.history.push(live);
        }
        screen
    }

    fn drawn(screen: &Screen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn a_baking_step() {
        let screen = screen(samples::baking());
        insta::assert_snapshot!("baking-120x40", drawn(&screen, 120, 40));
        insta::assert_snapshot!("baking-80x24", drawn(&screen, 80, 24));
        insta::assert_snapshot!("baking-60x15", drawn(&screen, 60, 15));
    }

    #[test]
    fn what_stands_in_the_way() {
        insta::assert_snapshot!("held-80x24", drawn(&screen(samples::held()), 80, 24));
        insta::assert_snapshot!("refused-60x15", drawn(&screen(samples::refused()), 60, 15));
    }

    #[test]
    fn the_ends() {
        insta::assert_snapshot!("offlining-80x24", drawn(&screen(samples::offlining()), 80, 24));
        insta::assert_snapshot!("rolled-back-60x15", drawn(&screen(samples::rolled_back()), 60, 15));
    }

    #[test]
    fn any_size_will_do() {
        let all = [samples::baking(), samples::held(), samples::refused(), samples::offlining()];
        for screen in all.map(screen) {
            for (width, height) in [(1, 1), (10, 2), (20, 5), (40, 10), (300, 100)] {
                let lines = screen.lines(width.into(), height.into());
                assert_eq!(lines.len(), usize::from(height));
                assert!(lines.iter().all(|line| line.width() <= usize::from(width)), "{width}x{height}");
                drawn(&screen, width, height);
            }
        }
    }

    #[test]
    fn without_colour_the_words_are_the_same() {
        let colourful = screen(samples::held());
        let grey = Screen { colour: false, ..screen(samples::held()) };
        assert_eq!(drawn(&colourful, 80, 24), drawn(&grey, 80, 24));
        let has_colour = |screen: &Screen| {
            screen.lines(80, 24).iter().flat_map(|line| &line.spans).any(|span| span.style.fg.is_some())
        };
        assert!(has_colour(&colourful) && !has_colour(&grey));
    }

    #[test]
    fn who_does_not_answer_is_told_and_what_was_seen_stays() {
        let mut screen = screen(samples::baking());
        screen.take(Err(anyhow::anyhow!("connection refused")));
        screen.at("2026-03-01T12:00:30Z".parse().unwrap());
        screen.take(Ok(None));
        let drawn = drawn(&screen, 80, 24);
        assert!(drawn.contains("no answer for 30s: the release is gone"), "{drawn}");
        assert!(drawn.contains("fifth"), "{drawn}");
        screen.take(Ok(Some(samples::held())));
        assert!(screen.trouble.is_none());
    }
}
