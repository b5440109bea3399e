//! Who sends the requests: many clients, each with what its browser would send along.

use super::manifests::HOST;

/// How many clients there are.
pub(super) const CLIENTS: usize = 20_000;

/// Clients of one kind.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) title: &'static str,
    /// Whether the Release sends them to the new version at every step.
    pub(super) insider: bool,
    /// So many of all clients' parts.
    parts: usize,
    /// What they send along, in turn: a header line, and a cookie.
    fields: &'static [Fields],
}

#[derive(Debug)]
struct Fields {
    header: &'static str,
    cookie: &'static str,
}

/// One client.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) index: usize,
    fields: &'static Fields,
    /// The cookie that Weir has issued, as a browser keeps it.
    cohort: Option<String>,
}

const PLAIN: Fields = Fields { header: "", cookie: "" };

/// Clients of scenario 1. Some of the others send what looks like foo=bar, and is not.
pub(super) const TESTERS: &[Group] = &[
    Group {
        title: "header foo: bar",
        insider: true,
        parts: 1,
        fields: &[Fields { header: "foo: bar", cookie: "" }, Fields { header: "FOO: bar", cookie: "a=b" }],
    },
    Group {
        title: "cookie foo=bar",
        insider: true,
        parts: 1,
        fields: &[
            Fields { header: "", cookie: "foo=bar" },
            Fields { header: "", cookie: "a=b; foo=bar" },
            Fields { header: "foo: baz", cookie: "foo=bar; c=d" },
        ],
    },
    Group {
        title: "everybody else",
        insider: false,
        parts: 8,
        fields: &[
            PLAIN,
            Fields { header: "foo: barr", cookie: "" },
            PLAIN,
            Fields { header: "", cookie: "foo=ba" },
            PLAIN,
            Fields { header: "food: bar", cookie: "xfoo=bar" },
        ],
    },
];

/// Clients of scenario 2.
pub(super) const EVERYBODY: &[Group] =
    &[Group { title: "everybody", insider: false, parts: 1, fields: &[PLAIN] }];

/// The group of a client.
pub(super) fn group_of(groups: &'static [Group], client: usize) -> usize {
    let part = client % parts(groups);
    let ends = groups.iter().scan(0, |end, group| {
        *end += group.parts;
        Some(*end)
    });
    ends.take_while(|end| *end <= part).count()
}

fn parts(groups: &[Group]) -> usize {
    groups.iter().map(|group| group.parts).sum()
}

// === impl Visitor ===

impl Visitor {
    pub(super) fn new(groups: &'static [Group], index: usize) -> Self {
        let fields = groups[group_of(groups, index)].fields;
        let fields = &fields[index / parts(groups) % fields.len()];
        Self { index, fields, cohort: None }
    }

    /// Its next request.
    pub(super) fn request(&self) -> String {
        let header = match self.fields.header {
            "" => String::new(),
            header => format!("{header}\r\n"),
        };
        let cookies: Vec<&str> = [self.fields.cookie]
            .into_iter()
            .filter(|cookie| !cookie.is_empty())
            .chain(self.cohort.as_deref())
            .collect();
        let cookie = match &*cookies {
            [] => String::new(),
            cookies => format!("cookie: {}\r\n", cookies.join("; ")),
        };
        format!("GET / HTTP/1.1\r\nhost: {HOST}\r\n{header}{cookie}\r\n")
    }

    /// Keeps a cookie as a browser does.
    pub(super) fn keep(&mut self, set_cookie: &str) {
        self.cohort = set_cookie.split(';').next().map(|pair| pair.trim().to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_has_the_header_and_a_tenth_the_cookie() {
        let groups: Vec<usize> = (0..20).map(|client| group_of(TESTERS, client)).collect();
        assert_eq!(groups.iter().filter(|group| **group == 0).count(), 2);
        assert_eq!(groups.iter().filter(|group| **group == 1).count(), 2);
        assert_eq!(groups[..3], [0, 1, 2]);
        assert_eq!(group_of(EVERYBODY, 7), 0);
    }

    #[test]
    fn a_client_keeps_its_cookie() {
        let mut visitor = Visitor::new(TESTERS, 1);
        visitor.keep("weir-cohort=1f; Path=/; HttpOnly");
        let expected = format!("GET / HTTP/1.1\r\nhost: {HOST}\r\ncookie: foo=bar; weir-cohort=1f\r\n\r\n");
        assert_eq!(visitor.request(), expected);
    }
}
