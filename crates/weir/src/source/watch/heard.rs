//! What events say about files: that they changed, and who is not done yet.

use std::{collections::BTreeSet, path::PathBuf};

use notify::{
    Event, EventKind,
    event::{AccessKind, AccessMode, ModifyKind},
};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Something is written; more may follow.
    Writing(Vec<PathBuf>),
    /// These are done, renamed or gone.
    Done(Vec<PathBuf>),
    /// Something else changed, or events were lost.
    Changed,
}

/// Files that somebody is in the middle of writing.
#[derive(Debug, Default)]
pub(super) struct Writers(BTreeSet<PathBuf>);

// === impl Heard ===

impl Heard {
    /// `None` for events that change nothing, such as reading.
    pub(super) fn of(event: notify::Result<Event>) -> Option<Self> {
        let Ok(event) = event else { return Some(Self::Changed) };
        Some(match event.kind {
            _ if event.need_rescan() => Self::Changed,
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Remove(_)
            | EventKind::Modify(ModifyKind::Name(_)) => Self::Done(event.paths),
            EventKind::Access(_) => return None,
            // Only inotify says when writing has ended.
            EventKind::Modify(ModifyKind::Data(_)) if cfg!(target_os = "linux") => Self::Writing(event.paths),
            _ => Self::Changed,
        })
    }
}

// === impl Writers ===

impl Writers {
    pub(super) fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Writing(paths) => self.0.extend(paths),
            Heard::Done(paths) => self.0.retain(|path| !paths.contains(path)),
            // After lost events nobody knows who still writes.
            Heard::Changed => {}
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{DataChange, RemoveKind};

    use super::*;

    fn heard(kind: EventKind, path: &str) -> Option<Heard> {
        Heard::of(Ok(Event::new(kind).add_path(path.into())))
    }

    #[test]
    fn a_file_is_being_written_until_it_is_closed_or_gone() {
        let writing = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let mut writers = Writers::default();
        for path in ["a", "b", "a"] {
            writers.take(heard(writing, path).unwrap());
        }
        assert!(!writers.is_empty());
        writers.take(heard(EventKind::Access(AccessKind::Close(AccessMode::Write)), "a").unwrap());
        assert!(!writers.is_empty());
        writers.take(heard(EventKind::Remove(RemoveKind::File), "b").unwrap());
        assert!(writers.is_empty());
    }

    #[test]
    fn reading_changes_nothing_and_errors_may_mean_anything() {
        assert_eq!(heard(EventKind::Access(AccessKind::Close(AccessMode::Read)), "a"), None);
        assert_eq!(Heard::of(Err(notify::Error::generic("lost"))), Some(Heard::Changed));
    }
}
