//! Pieces of lines: what they mean decides how they look. Without colour everything is still told by words and
//! symbols.

use ratatui::{
    style::{Color, Modifier, Style},
    text::{Line, Span},
};

/// A line that nothing is borrowed for.
pub(super) type Text = Line<'static>;

/// Parts of a bar.
const FULL: &str = "█";
const EMPTY: &str = "░";
/// Heights of a chart.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub(super) fn plain(text: impl Into<String>) -> Span<'static> {
    Span::raw(text.into())
}

pub(super) fn strong(text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), Modifier::BOLD)
}

pub(super) fn faint(text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), Modifier::DIM)
}

pub(super) fn good(text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), Color::Green)
}

pub(super) fn doubtful(text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD))
}

pub(super) fn bad(text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), Style::new().fg(Color::Red).add_modifier(Modifier::BOLD))
}

/// `██████░░░░`, so many characters wide.
pub(super) fn bar(share: f64, width: usize) -> String {
    let full = cells(share, width).min(width);
    FULL.repeat(full) + &EMPTY.repeat(width - full)
}

/// `▁▂▅█`, the latest last, between 0 and the highest.
pub(super) fn chart(values: impl DoubleEndedIterator<Item = f64>, width: usize) -> String {
    let mut values: Vec<f64> = values.rev().take(width).collect();
    values.reverse();
    let highest = values.iter().copied().fold(0.0, f64::max);
    let height = |value: &f64| {
        let share = if highest > 0.0 { value / highest } else { 0.0 };
        HEIGHTS[cells(share, HEIGHTS.len() - 1)]
    };
    values.iter().map(height).collect()
}

/// A share of a number of cells, rounded.
#[expect(clippy::cast_precision_loss, reason = "screens are small")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the width")]
pub(super) fn cells(share: f64, width: usize) -> usize {
    (share.clamp(0.0, 1.0) * width as f64).round() as usize
}

/// Fills up with spaces behind a text.
pub(super) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(plain(text).width())))
}

/// Lines as a text for pipes and files.
pub(super) fn unpainted(lines: &[Text]) -> String {
    let lines = lines.iter().map(|line| line.to_string().trim_end().to_owned() + "\n");
    lines.collect()
}

/// Without colours; what is bold stays bold.
pub(super) fn colourless(mut line: Text) -> Text {
    for span in &mut line.spans {
        span.style.fg = None;
    }
    line
}

/// Cuts a line that is too long, and says so.
pub(super) fn cut(line: Text, width: usize) -> Text {
    if line.width() <= width {
        return line;
    }
    let mut left = width.saturating_sub(1);
    let mut spans = Vec::new();
    for span in line.spans {
        let text = head(&span.content, left);
        left -= plain(text).width();
        let is_cut = text.len() < span.content.len();
        spans.push(Span::styled(text.to_owned(), span.style));
        if is_cut {
            break;
        }
    }
    spans.push(faint("…"));
    Line::from(spans)
}

/// As much of a text as fits.
fn head(text: &str, width: usize) -> &str {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let fits = |end: &usize| plain(&text[..*end]).width() <= width;
    &text[..ends.take_while(fits).last().unwrap_or(0)]
}

/// Breaks a sentence between words; a word that is too long is cut off at the edge.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        let length = plain(line.as_str()).width() + usize::from(!line.is_empty()) + plain(word).width();
        if length > width && !line.is_empty() {
            lines.push(word.to_owned());
        } else {
            let space = if line.is_empty() { "" } else { " " };
            line.push_str(space);
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_wide_as_they_are_asked_to_be() {
        for (share, expected) in
            [(0.0, "░░░░"), (0.5, "██░░"), (1.0, "████"), (7.0, "████"), (f64::NAN, "░░░░")]
        {
            assert_eq!(bar(share, 4), expected, "{share}");
        }
    }

    #[test]
    fn charts_show_the_latest() {
        assert_eq!(chart([9.0, 0.0, 4.0, 8.0].into_iter(), 3), "▁▅█");
        assert_eq!(chart([0.0, 0.0].into_iter(), 3), "▁▁");
        assert_eq!(chart([].into_iter(), 3), "");
    }

    #[test]
    fn lines_are_cut_at_the_edge() {
        let line = || Line::from(vec![plain("abc"), strong("défg")]);
        assert_eq!(cut(line(), 7).to_string(), "abcdéfg");
        assert_eq!(cut(line(), 5).to_string(), "abcd…");
        assert_eq!(cut(line(), 0).to_string(), "…");
    }

    #[test]
    fn sentences_break_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable a", 4), ["unbreakable", "a"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
