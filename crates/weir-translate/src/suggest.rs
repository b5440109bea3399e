//! "Did you mean …?"

/// The known name that is most like a misspelt one, if any is like it.
pub(crate) fn closest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let likeness = |candidate: &'k str| (strsim::damerau_levenshtein(name, candidate), candidate);
    let (distance, candidate) = known.map(likeness).min()?;
    (distance <= name.len().max(3) / 3).then_some(candidate)
}
