//! What a server does when it's asked to end.

use std::{fmt, num::ParseFloatError, str::FromStr, time::Duration};

/// What SIGTERM does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTerm {
    /// End at once, whatever is in flight.
    Exit,
    /// Go on for a time while asking clients to leave, then finish what is in flight.
    Drain(Duration),
    /// Go on for a time as if nothing had happened, then end at once.
    Ignore(Duration),
}

/// A text that names nothing that SIGTERM could do.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is none of exit, drain:SECONDS, ignore:SECONDS")]
pub struct InvalidOnTerm(String);

impl FromStr for OnTerm {
    type Err = InvalidOnTerm;

    fn from_str(text: &str) -> Result<Self, InvalidOnTerm> {
        let invalid = || InvalidOnTerm(text.to_owned());
        if text == "exit" {
            return Ok(Self::Exit);
        }
        let (what, time) = text.split_once(':').ok_or_else(invalid)?;
        let time = seconds(time).map_err(|_| invalid())?;
        match what {
            "drain" => Ok(Self::Drain(time)),
            "ignore" => Ok(Self::Ignore(time)),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for OnTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit => f.write_str("exit"),
            Self::Drain(time) => write!(f, "drain:{}", time.as_secs_f64()),
            Self::Ignore(time) => write!(f, "ignore:{}", time.as_secs_f64()),
        }
    }
}

/// A number of seconds that may have a fraction.
///
/// # Errors
/// When the text is no number, or no time can be that long.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|error: ParseFloatError| error.to_string())?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_back() {
        for text in ["exit", "drain:5", "drain:0.25", "ignore:60"] {
            assert_eq!(text.parse::<OnTerm>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for text in ["", "exit:1", "drain", "drain:", "drain:-1", "drain:soon", "wait:5", "ignore:inf"] {
            let error = text.parse::<OnTerm>().unwrap_err().to_string();
            assert_eq!(error, format!("{text:?} is none of exit, drain:SECONDS, ignore:SECONDS"));
        }
    }
}
