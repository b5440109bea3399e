//! What became of each `ReleaseAction`, for as long as its Release is there: the objects themselves are cleaned
//! up.
//!
//! An action is known by its name. The object may be deleted and made again, by a tool that keeps it in Git or from a
//! backup, with another uid and as if nobody had looked at it; it is done once all the same.

use weir_crd::action::Handled;
use weir_release::state::Acted;

/// How many are kept: more than there are objects, so that one that is gone is still known.
const KEPT: usize = 50;
/// How long what people wrote may be, in bytes.
const LONGEST: usize = 300;

/// A `ReleaseAction` in one word: `namespace/name/uid`.
pub(super) fn id(namespace: &str, name: &str, uid: &str) -> String {
    format!("{namespace}/{name}/{uid}")
}

/// Namespace, name and uid of an id.
pub(super) fn parts(id: &str) -> Option<(&str, &str, &str)> {
    let (namespace, rest) = id.split_once('/')?;
    let (name, uid) = rest.split_once('/')?;
    Some((namespace, name, uid))
}

/// What became of the actions of a release, the latest last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Record(Vec<Handled>);

// === impl Record ===

impl Record {
    pub(super) fn new(stored: Vec<Handled>) -> Self {
        Self(stored)
    }

    /// The same with an action that was looked at.
    #[must_use]
    pub(super) fn with(&self, acted: &Acted) -> Self {
        let mut record = self.clone();
        let Some((_, name, uid)) = parts(&acted.id) else { return record };
        record.0.push(Handled {
            name: name.to_owned(),
            uid: uid.to_owned(),
            verb: acted.verb.clone(),
            by: acted.by.as_deref().map(short),
            at: acted.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            refused: acted.refused.as_deref().map(short),
        });
        let surplus = record.0.len().saturating_sub(KEPT);
        record.0.drain(..surplus);
        record
    }

    /// What to answer to an action that was looked at already: the same again, or, if it is another object of that
    /// name, why it is not done.
    pub(super) fn answer(&self, name: &str, uid: &str) -> Option<Result<(), String>> {
        let of_name = || self.0.iter().rev().filter(|handled| handled.name == name);
        if let Some(same) = of_name().find(|handled| handled.uid == uid) {
            return Some(same.refused.clone().map_or(Ok(()), Err));
        }
        let Handled { verb, at, .. } = of_name().next()?;
        Some(Err(format!(
            "a ReleaseAction {name} ({verb}) was looked at already, at {at}, and each is done once: give another one \
             another name, as generateName does"
        )))
    }

    /// Keeps the name of an action that came back as another object for as long as if it were new. Returns whether
    /// anything has to be stored for that.
    pub(super) fn renew(&mut self, name: &str, uid: &str) -> bool {
        let of_name = |handled: &Handled| handled.name == name;
        if self.0.iter().any(|handled| of_name(handled) && handled.uid == uid) {
            return false;
        }
        let Some(at) = self.0.iter().rposition(of_name) else { return false };
        self.0[at..].rotate_left(1);
        true
    }

    /// As it is stored.
    pub(super) fn handled(&self) -> &[Handled] {
        &self.0
    }
}

fn short(text: &str) -> String {
    text[..text.floor_char_boundary(LONGEST)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acted(number: usize) -> Acted {
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let refused = (number % 2 == 1).then(|| "it is not held".to_owned());
        Acted { id: id("shop", &format!("a{number}"), "u"), verb: "resume".into(), by: None, at, refused }
    }

    #[test]
    fn the_same_action_gets_the_same_answer_and_another_of_its_name_none() {
        let record = Record::default().with(&acted(0)).with(&acted(1));
        assert_eq!(record.answer("a0", "u"), Some(Ok(())));
        assert_eq!(record.answer("a1", "u"), Some(Err("it is not held".into())));
        let refused = record.answer("a0", "u2").unwrap().unwrap_err();
        assert!(refused.contains("a0 (resume) was looked at already, at 2026-01-01T00:00:00Z"), "{refused}");
        assert_eq!(record.answer("a2", "u"), None);
    }

    #[test]
    fn a_name_that_keeps_coming_back_is_never_forgotten() {
        let mut record = Record::default().with(&acted(0));
        for number in 1..10 * KEPT {
            record = record.with(&acted(number));
            if number % 20 == 0 {
                assert!(record.answer("a0", "u2").is_some(), "{number}");
                assert!(record.renew("a0", "u2") && !record.renew("a0", "u"));
            }
        }
        assert_eq!(record.handled().len(), KEPT);
        assert_eq!(record.answer("a1", "u2"), None, "there is no end to it otherwise");
    }
}
