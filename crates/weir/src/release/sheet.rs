//! Sections with their names in a column of their own.

use super::paint::{Text, faint, padded, plain, strong};

/// The width of the names.
const NAMES: usize = 12;

/// Lines under construction.
#[derive(Debug, Default)]
pub(super) struct Sheet(Vec<Text>);

// === impl Sheet ===

impl Sheet {
    /// A line without a name.
    pub(super) fn line(&mut self, line: impl Into<Text>) {
        self.0.push(line.into());
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.0.push(Text::default());
    }

    /// A section of any number of lines; nothing if there is none.
    pub(super) fn section(&mut self, name: &str, lines: impl IntoIterator<Item = Text>) {
        for (index, mut line) in lines.into_iter().enumerate() {
            let name = if index == 0 { strong(padded(name, NAMES)) } else { faint(" ".repeat(NAMES)) };
            line.spans.insert(0, name);
            self.0.push(line);
        }
    }

    /// A section of one line.
    pub(super) fn row(&mut self, name: &str, line: impl Into<Text>) {
        self.section(name, [line.into()]);
    }

    /// A section of one text, where there is one.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.row(name, plain(text));
        }
    }

    /// What was written.
    pub(super) fn lines(self) -> Vec<Text> {
        self.0
    }
}
