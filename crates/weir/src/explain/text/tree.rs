//! A tree of two levels.

use std::fmt::Write as _;

/// A title with branches, each with leaves.
#[derive(Debug)]
pub(super) struct Tree {
    title: String,
    branches: Vec<(String, Vec<String>)>,
}

// === impl Tree ===

impl Tree {
    pub(super) fn new(title: String) -> Self {
        Self { title, branches: Vec::new() }
    }

    /// Adds a branch. One that has neither a colon nor leaves says that there is nothing.
    pub(super) fn branch(&mut self, title: impl Into<String>, leaves: Vec<String>) {
        let mut title = title.into();
        if leaves.is_empty() && !title.contains(':') {
            title.push_str(": none");
        }
        self.branches.push((title, leaves));
    }

    pub(super) fn finish(self) -> String {
        let mut out = format!("{}\n", self.title);
        let last = self.branches.len().saturating_sub(1);
        for (index, (title, leaves)) in self.branches.iter().enumerate() {
            let (knot, rail) = if index == last { ("└─", "  ") } else { ("├─", "│ ") };
            let _infallible = writeln!(out, "{knot} {title}");
            for (number, leaf) in leaves.iter().enumerate() {
                let knot = if number + 1 == leaves.len() { "└─" } else { "├─" };
                let _infallible = writeln!(out, "{rail} {knot} {leaf}");
            }
        }
        out
    }
}
