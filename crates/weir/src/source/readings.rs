//! Reads many texts at a time.

use std::{panic::resume_unwind, sync::Arc, thread};

use super::{Broken, Reading, read};

/// A file with its text.
type Text = (Arc<str>, Result<String, Broken>);

/// What the files say, in the same order.
pub(super) fn read_all(texts: &[Text], threads: usize) -> Vec<(Arc<str>, Reading)> {
    let size = texts.len().div_ceil(threads).max(1);
    if size >= texts.len() {
        return texts.iter().map(read_one).collect();
    }
    thread::scope(|scope| {
        let read_part = |part| scope.spawn(move || read_some(part));
        let parts: Vec<_> = texts.chunks(size).map(read_part).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

fn read_some(texts: &[Text]) -> Vec<(Arc<str>, Reading)> {
    texts.iter().map(read_one).collect()
}

fn read_one((file, text): &Text) -> (Arc<str>, Reading) {
    let reading = text.as_ref().map_err(Clone::clone).and_then(|text| read(file, text));
    (Arc::clone(file), reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_change_nothing() {
        let text = |number: usize| {
            let text = if number == 5 { "[".to_owned() } else { format!("# {number}") };
            (Arc::from(format!("f{number}")), Ok(text))
        };
        for files in [0, 1, 3, 10] {
            let texts: Vec<Text> = (0..files).map(text).collect();
            let one = read_all(&texts, 1);
            assert_eq!(one, read_all(&texts, 4));
            assert_eq!(one.len(), files);
        }
    }
}
