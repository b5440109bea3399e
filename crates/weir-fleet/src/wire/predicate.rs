//! Conditions on requests.

use weir_model::{Absent, Case, Condition, Cover, HeaderName, Pattern, Predicate, Subject, Test};

use super::{InvalidValue, Wire, decode_all, encode_all, required};
use crate::proto::{
    self,
    condition::{Plain, Subject as Subjects, Test as Tests},
};

impl Wire for Pattern {
    type Message = proto::Pattern;

    fn encode(&self) -> proto::Pattern {
        let cover = match self.cover() {
            Cover::Anywhere => proto::Cover::Anywhere,
            Cover::Whole => proto::Cover::Whole,
            Cover::Start => proto::Cover::Path,
        };
        proto::Pattern { text: self.as_str().to_owned(), cover: cover.into() }
    }

    fn decode(message: proto::Pattern) -> Result<Self, InvalidValue> {
        let cover = match message.cover() {
            proto::Cover::Anywhere => Cover::Anywhere,
            proto::Cover::Whole => Cover::Whole,
            proto::Cover::Path => Cover::Start,
            proto::Cover::Unspecified => return Err(InvalidValue::Missing("cover")),
        };
        Ok(Self::new(&message.text, cover)?)
    }
}

impl Wire for Subject {
    type Message = Subjects;

    fn encode(&self) -> Subjects {
        let plain = |plain: Plain| Subjects::Plain(plain.into());
        match self {
            Self::Header(name) => Subjects::Header(name.to_string()),
            Self::FirstHeader(name) => Subjects::FirstHeader(name.to_string()),
            Self::Cookie(name, case) => Subjects::Cookie(named(name, *case)),
            Self::Query(name, case) => Subjects::Query(named(name, *case)),
            Self::Method => plain(Plain::Method),
            Self::Target => plain(Plain::Target),
            Self::Authority => plain(Plain::Authority),
            Self::Scheme => plain(Plain::Scheme),
        }
    }

    fn decode(message: Subjects) -> Result<Self, InvalidValue> {
        Ok(match message {
            Subjects::Header(name) => Self::Header(HeaderName::new(&name)?),
            Subjects::FirstHeader(name) => Self::FirstHeader(HeaderName::new(&name)?),
            Subjects::Cookie(named) => Self::Cookie(named.name.as_str().into(), case(&named)),
            Subjects::Query(named) => Self::Query(named.name.as_str().into(), case(&named)),
            Subjects::Plain(plain) => match Plain::try_from(plain) {
                Ok(Plain::Method) => Self::Method,
                Ok(Plain::Target) => Self::Target,
                Ok(Plain::Authority) => Self::Authority,
                Ok(Plain::Scheme) => Self::Scheme,
                Ok(Plain::Unspecified) | Err(_) => return Err(InvalidValue::Missing("subject")),
            },
        })
    }
}

fn named(name: &str, case: Case) -> proto::Named {
    proto::Named { name: name.to_owned(), any_case: case == Case::Insensitive }
}

fn case(named: &proto::Named) -> Case {
    if named.any_case { Case::Insensitive } else { Case::Sensitive }
}

impl Wire for Test {
    type Message = Tests;

    fn encode(&self) -> Tests {
        match self {
            Self::Present => Tests::Present(true),
            Self::Equals(text) => Tests::Equals(text.to_string()),
            Self::OneOf(texts) => {
                Tests::OneOf(proto::Texts { texts: texts.iter().map(ToString::to_string).collect() })
            }
            Self::StartsWith(text) => Tests::StartsWith(text.to_string()),
            Self::Matches(pattern) => Tests::Matches(pattern.encode()),
        }
    }

    fn decode(message: Tests) -> Result<Self, InvalidValue> {
        Ok(match message {
            Tests::Present(_) => Self::Present,
            Tests::Equals(text) => Self::Equals(text.into()),
            Tests::OneOf(texts) => Self::OneOf(texts.texts.into_iter().map(Into::into).collect()),
            Tests::StartsWith(text) => Self::StartsWith(text.into()),
            Tests::Matches(pattern) => Self::Matches(Pattern::decode(pattern)?),
        })
    }
}

impl Wire for Condition {
    type Message = proto::Condition;

    fn encode(&self) -> proto::Condition {
        let (subject, test) = (Some(self.subject.encode()), Some(self.test.encode()));
        proto::Condition { subject, test, absent_is_empty: self.absent == Absent::Empty }
    }

    fn decode(message: proto::Condition) -> Result<Self, InvalidValue> {
        let subject = Subject::decode(required(message.subject, "subject")?)?;
        let test = Test::decode(required(message.test, "test")?)?;
        let absent = if message.absent_is_empty { Absent::Empty } else { Absent::Fails };
        Ok(Self { subject, test, absent })
    }
}

impl Wire for Predicate {
    type Message = proto::Predicate;

    fn encode(&self) -> proto::Predicate {
        proto::Predicate { conditions: encode_all(&self.all) }
    }

    fn decode(message: proto::Predicate) -> Result<Self, InvalidValue> {
        Ok(Self { all: decode_all(message.conditions)? })
    }
}
