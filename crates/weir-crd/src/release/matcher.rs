//! Which requests: by header, cookie or query parameter.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weir_model::Role;

use crate::object::is_default;

/// What a client is recognised by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assignment {
    /// The first of these that a request has tells its client. Requests with none of them get the cookie that Weir
    /// issues, if it is in the list; otherwise they are told apart by the address that they come from.
    /// By default the cookie that Weir issues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8))]
    pub keys: Option<Vec<Key>>,
}

/// Something that tells one client from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "has(self.header) != has(self.cookie)", "message": "a key is either a header or a cookie"},
    {"rule": "!has(self.issue) || !self.issue || (has(self.cookie) && self.cookie == 'weir-cohort')",
     "message": "the cookie that Weir issues is always called weir-cohort", "fieldPath": ".issue"},
]))]
pub struct Key {
    /// A request header such as `x-user-id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub header: Option<String>,
    /// A cookie such as `uid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub cookie: Option<String>,
    /// Whether Weir issues this cookie to clients that have none of the keys: a random value that says nothing of a
    /// version. Its name is then `weir-cohort`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub issue: bool,
}

/// Requests that go to one version at every step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Override {
    /// A name for reports, such as `qa`.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Which requests: any of these has to hold.
    #[serde(rename = "match")]
    #[schemars(length(min = 1, max = 32))]
    pub matches: Vec<Matcher>,
    /// The version that they go to.
    pub to: Role,
}

/// A test of one part of a request: a header, a cookie or a query parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "[has(self.header), has(self.cookie), has(self.query)].exists_one(given, given)",
     "message": "name exactly one of header, cookie and query; of several entries any has to hold"},
]))]
pub struct Matcher {
    /// A request header. Of a header that repeats, the values count joined with a comma and a blank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<ValueMatch>,
    /// A cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<ValueMatch>,
    /// A query parameter, compared as it arrives: not decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<ValueMatch>,
}

/// A name, and what its value has to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "[has(self.exact), has(self.regex), has(self.present)].exists_one(given, given)",
     "message": "name exactly one of exact, regex and present"},
    {"rule": "!has(self.present) || self.present",
     "message": "only true can be asked for; leave requests without it to the other rules", "fieldPath": ".present"},
]))]
pub struct ValueMatch {
    /// The name. Cookies and query parameters mind upper and lower case, headers do not.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// The whole value, byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub exact: Option<String>,
    /// A regular expression for the whole value, minding upper and lower case: `alice|bob` does not match `bobby`.
    /// Look-around and back-references are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub regex: Option<String>,
    /// `true`: any value, also an empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
}
