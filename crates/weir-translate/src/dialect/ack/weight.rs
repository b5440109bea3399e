//! The grammar of `service-weight`: `new: 20, old: 60`.

use weir_model::Code;

use super::invalid;
use crate::{
    notes::{Notes, quote},
    settings::Setting,
};

/// Above this a weight is taken for a mistake.
const MAX_WEIGHT: u32 = 1_000_000_000;

/// Why a value is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum WeightError {
    #[error("{0:?} is not of the form service: weight; entries are separated by commas")]
    Entry(String),
    #[error("{0:?} is not a whole number from 0 to {MAX_WEIGHT}")]
    Number(String),
}

/// Reads the weights. `None` if invalid; empty if all are zero, which means the same as no annotation.
pub(super) fn read<'a>(setting: Setting<'a>, notes: &mut Notes) -> Option<Vec<(&'a str, u32)>> {
    let parsed = parse(setting.value);
    if let Ok(weights) = &parsed {
        note_repeated(setting, weights, notes);
    }
    match parsed.map(last_of_each) {
        Ok(weights) if weights.iter().all(|(_, weight)| *weight == 0) && weights.len() > 1 => {
            let message = "All weights are zero, which counts as no weights. Give one service a weight.";
            notes.annotation(Code::InertAnnotation, setting.key, message);
            Some(Vec::new())
        }
        Ok(weights) => Some(weights),
        Err(error) => {
            invalid(setting, &error.to_string(), notes);
            None
        }
    }
}

fn parse(text: &str) -> Result<Vec<(&str, u32)>, WeightError> {
    text.split(',').map(parse_entry).collect()
}

/// Of repeated entries the last counts, as upstream.
fn last_of_each(entries: Vec<(&str, u32)>) -> Vec<(&str, u32)> {
    entries.into_iter().fold(Vec::new(), |mut weights, (service, weight)| {
        weights.retain(|(known, _)| *known != service);
        weights.push((service, weight));
        weights
    })
}

fn note_repeated(setting: Setting<'_>, entries: &[(&str, u32)], notes: &mut Notes) {
    let repeated = entries
        .iter()
        .enumerate()
        .find(|(index, (service, _))| entries[..*index].iter().any(|(earlier, _)| earlier == service));
    if let Some((_, (service, weight))) = repeated {
        let service = quote(service);
        let message = format!(
            "{service} is named more than once; its last weight, {weight}, counts. Remove the others."
        );
        notes.annotation(Code::InertAnnotation, setting.key, message);
    }
}

fn parse_entry(entry: &str) -> Result<(&str, u32), WeightError> {
    let bad = || WeightError::Entry(entry.trim().to_owned());
    let (service, weight) = entry.split_once(':').ok_or_else(bad)?;
    let (service, weight) = (service.trim(), weight.trim());
    if service.is_empty() || weight.contains(':') {
        return Err(bad());
    }
    let number = weight.parse().ok().filter(|number| *number <= MAX_WEIGHT);
    Ok((service, number.ok_or_else(|| WeightError::Number(weight.to_owned()))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_weights() {
        let cases: &[(&str, &[(&str, u32)])] = &[
            ("new: 20, old: 60", &[("new", 20), ("old", 60)]),
            ("new:20,old:60", &[("new", 20), ("old", 60)]),
            (" new : +20 ", &[("new", 20)]),
            ("a: 1, a: 2", &[("a", 2)]),
        ];
        for (text, expected) in cases {
            assert_eq!(last_of_each(parse(text).unwrap()), *expected, "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in ["new: 20,", "new=20", "new: 20%", "new: 1.5", "new: -1", "a: 1\nb: 2", ": 3", "a: 1: 2"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
