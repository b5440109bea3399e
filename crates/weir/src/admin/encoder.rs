//! Writes metric families.

use std::fmt::{Display, Write as _};

/// The type of a family.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A text in the making.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    text: String,
    family: &'static str,
}

// === impl Encoder ===

impl Encoder {
    /// Begins a family; the samples that follow belong to it.
    pub(crate) fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        self.family = name;
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _infallible = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A sample of the family, with what stands behind its name.
    pub(crate) fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.family);
        self.text.push_str(suffix);
        for (index, (name, label)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let _infallible = write!(self.text, "{open}{name}=\"{}\"", escaped(label));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _infallible = writeln!(self.text, "{close} {value}");
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// Per the format: backslash, double quote and line feed are escaped in label values.
fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_out() {
        let mut out = Encoder::default();
        out.family("a_total", Kind::Counter, "Things.");
        out.sample("", &[("x", "q\"\\\n"), ("y", "z")], 3);
        out.sample("_sum", &[], 0.5);
        let expected = "# HELP a_total Things.\n# TYPE a_total counter\n\
                        a_total{x=\"q\\\"\\\\\\n\",y=\"z\"} 3\na_total_sum 0.5\n";
        assert_eq!(out.finish(), expected);
    }
}
