//! A tree in text.

/// A line with what hangs below it.
#[derive(Debug)]
pub(super) struct Node {
    text: String,
    below: Vec<Self>,
}

// === impl Node ===

impl Node {
    pub(super) fn new(text: impl Into<String>, below: Vec<Self>) -> Self {
        Self { text: text.into(), below }
    }

    pub(super) fn leaf(text: impl Into<String>) -> Self {
        Self::new(text, Vec::new())
    }

    /// A title with its list; an empty one says so.
    pub(super) fn list(title: &str, below: Vec<Self>) -> Self {
        if below.is_empty() { Self::leaf(format!("{title}: none")) } else { Self::new(title, below) }
    }

    /// This line and all below it.
    pub(super) fn render(&self) -> String {
        let mut out = format!("{}\n", self.text);
        self.render_below("", &mut out);
        out
    }

    fn render_below(&self, indent: &str, out: &mut String) {
        let last = self.below.len().saturating_sub(1);
        for (index, node) in self.below.iter().enumerate() {
            let (knot, rail) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            out.extend([indent, knot, &node.text, "\n"]);
            node.render_below(&format!("{indent}{rail}"), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hang_together() {
        let inner = Node::list("a", vec![Node::leaf("b"), Node::leaf("c")]);
        let tree = Node::new("t", vec![inner, Node::list("d", Vec::new())]);
        assert_eq!(tree.render(), "t\n├─ a\n│  ├─ b\n│  └─ c\n└─ d: none\n");
    }
}
