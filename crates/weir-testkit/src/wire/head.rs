//! Message heads: fields in their order, as they were spelt.

use super::WireError;

/// The longest head that is read.
pub(super) const LIMIT: usize = 256 * 1024;
const MAX_FIELDS: usize = 1024;

/// Fields in their order and spelling. Values that are not UTF-8 are shown with replacement characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// The first value of a name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// Every value of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether a comma-separated field holds a token.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name).flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
    }

    /// The body length that the fields announce.
    pub(super) fn content_length(&self) -> Result<Option<u64>, WireError> {
        let parse = |value: &str| {
            value.trim().parse().map_err(|_| WireError::Malformed(format!("content-length {value:?}")))
        };
        self.get("content-length").map(parse).transpose()
    }

    fn from_parsed(fields: &[httparse::Header<'_>]) -> Self {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        Self(fields.iter().map(|field| (field.name.to_owned(), text(field.value))).collect())
    }

    /// Fields alone, as they stand behind a chunked body, with the blank line.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut fields = vec![httparse::EMPTY_HEADER; MAX_FIELDS];
        match httparse::parse_headers(bytes, &mut fields).map_err(malformed)? {
            httparse::Status::Complete((_, parsed)) => Ok(Self::from_parsed(parsed)),
            httparse::Status::Partial => Err(WireError::Truncated),
        }
    }
}

/// The head of a request.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The method as sent.
    pub method: String,
    /// The target as sent.
    pub target: String,
    /// The minor version: 0 or 1.
    pub minor: u8,
    /// The fields in order.
    pub headers: Headers,
}

impl RequestHead {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut fields = [httparse::EMPTY_HEADER; 256];
        let mut request = httparse::Request::new(&mut fields);
        if request.parse(bytes).map_err(malformed)?.is_partial() {
            return Err(WireError::Truncated);
        }
        Ok(Self {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            minor: request.version.unwrap_or(1),
            headers: Headers::from_parsed(request.headers),
        })
    }

    /// Whether the client wants the connection kept.
    pub fn keeps_alive(&self) -> bool {
        match self.minor {
            0 => self.headers.has_token("connection", "keep-alive"),
            _ => !self.headers.has_token("connection", "close"),
        }
    }
}

/// The head of a response.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// The status.
    pub status: u16,
    /// The minor version: 0 or 1.
    pub minor: u8,
    /// The fields in order.
    pub headers: Headers,
}

impl ResponseHead {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut fields = [httparse::EMPTY_HEADER; 256];
        let mut response = httparse::Response::new(&mut fields);
        if response.parse(bytes).map_err(malformed)?.is_partial() {
            return Err(WireError::Truncated);
        }
        Ok(Self {
            status: response.code.unwrap_or_default(),
            minor: response.version.unwrap_or(1),
            headers: Headers::from_parsed(response.headers),
        })
    }

    /// Whether another head follows for the same request.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }
}

/// Fields as they stand in a head, each with its CRLF.
pub(crate) fn field_lines(fields: &[(&str, &str)]) -> String {
    fields.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect()
}

fn malformed(error: httparse::Error) -> WireError {
    WireError::Malformed(error.to_string())
}
