//! Filters, header edits and timeouts.

use std::time::Duration;

use weir_model::{
    Authentication, BodyLimit, Filters, HeaderEdit, HeaderName, HttpsRedirect, Redirect, Rewrite, Template,
    Timeouts, UpstreamProtocol,
};

use super::{InvalidValue, Wire, milliseconds, required};
use crate::proto::{self, Protocol, header_edit::Edit};

impl Wire for Filters {
    type Message = proto::Filters;

    fn encode(&self) -> proto::Filters {
        let sources = self.allow_sources.as_ref();
        let texts = |networks: &Vec<_>| networks.iter().map(ToString::to_string).collect();
        proto::Filters {
            https_redirect: encode_https(self.https_redirect).into(),
            allow_sources: sources.map(|networks| proto::Texts { texts: texts(networks) }),
            unsupported_authentication: self.authentication == Authentication::Unsupported,
            redirect: self.redirect.as_ref().map(Redirect::encode),
            rewrite: self.rewrite.as_ref().map(|rewrite| rewrite.target.to_string()),
            upstream_host: self.upstream_host.as_deref().map(str::to_owned),
            body_limit: match self.body_limit {
                BodyLimit::Unlimited => None,
                BodyLimit::Bytes(bytes) => Some(bytes),
            },
            protocol: encode_protocol(self.protocol).into(),
        }
    }

    fn decode(message: proto::Filters) -> Result<Self, InvalidValue> {
        let (https_redirect, protocol) = (message.https_redirect(), message.protocol());
        let networks = |texts: proto::Texts| texts.texts.iter().map(|text| text.parse()).collect();
        let rewrite = message.rewrite.as_deref().map(Template::parse).transpose()?;
        Ok(Self {
            https_redirect: decode_https(https_redirect)?,
            allow_sources: message.allow_sources.map(networks).transpose()?,
            authentication: if message.unsupported_authentication {
                Authentication::Unsupported
            } else {
                Authentication::NotAsked
            },
            redirect: message.redirect.map(Redirect::decode).transpose()?,
            rewrite: rewrite.map(|target| Rewrite { target }),
            upstream_host: message.upstream_host.map(Into::into),
            body_limit: message.body_limit.map_or(BodyLimit::Unlimited, BodyLimit::Bytes),
            protocol: decode_protocol(protocol)?,
        })
    }
}

fn encode_https(redirect: HttpsRedirect) -> proto::HttpsRedirect {
    match redirect {
        HttpsRedirect::Never => proto::HttpsRedirect::Never,
        HttpsRedirect::WithCertificate => proto::HttpsRedirect::WithCertificate,
        HttpsRedirect::Always => proto::HttpsRedirect::Always,
    }
}

fn decode_https(redirect: proto::HttpsRedirect) -> Result<HttpsRedirect, InvalidValue> {
    Ok(match redirect {
        proto::HttpsRedirect::Never => HttpsRedirect::Never,
        proto::HttpsRedirect::WithCertificate => HttpsRedirect::WithCertificate,
        proto::HttpsRedirect::Always => HttpsRedirect::Always,
        proto::HttpsRedirect::Unspecified => return Err(InvalidValue::Missing("HTTPS redirect")),
    })
}

fn encode_protocol(protocol: UpstreamProtocol) -> Protocol {
    match protocol {
        UpstreamProtocol::Http1 => Protocol::Http1,
        UpstreamProtocol::Https1 => Protocol::Https1,
        UpstreamProtocol::Http2 => Protocol::Http2,
        UpstreamProtocol::Https2 => Protocol::Https2,
    }
}

fn decode_protocol(protocol: Protocol) -> Result<UpstreamProtocol, InvalidValue> {
    Ok(match protocol {
        Protocol::Http1 => UpstreamProtocol::Http1,
        Protocol::Https1 => UpstreamProtocol::Https1,
        Protocol::Http2 => UpstreamProtocol::Http2,
        Protocol::Https2 => UpstreamProtocol::Https2,
        Protocol::Unspecified => return Err(InvalidValue::Missing("protocol")),
    })
}

impl Wire for Redirect {
    type Message = proto::Redirect;

    fn encode(&self) -> proto::Redirect {
        proto::Redirect { status: u32::from(self.status), location: self.location.to_string() }
    }

    fn decode(message: proto::Redirect) -> Result<Self, InvalidValue> {
        let status = u16::try_from(message.status).ok().filter(|status| (300..=308).contains(status));
        let status = status.ok_or(InvalidValue::Range("redirect status"))?;
        Ok(Self { status, location: Template::parse(&message.location)? })
    }
}

impl Wire for Timeouts {
    type Message = proto::Timeouts;

    fn encode(&self) -> proto::Timeouts {
        proto::Timeouts {
            connect: self.connect.map(milliseconds),
            read: self.read.map(milliseconds),
            send: self.send.map(milliseconds),
        }
    }

    fn decode(message: proto::Timeouts) -> Result<Self, InvalidValue> {
        Ok(Self {
            connect: message.connect.map(Duration::from_millis),
            read: message.read.map(Duration::from_millis),
            send: message.send.map(Duration::from_millis),
        })
    }
}

impl Wire for HeaderEdit {
    type Message = proto::HeaderEdit;

    fn encode(&self) -> proto::HeaderEdit {
        let (name, edit) = match self {
            Self::Add(name, value) => (name, Edit::Add(value.to_string())),
            Self::Set(name, value) => (name, Edit::Set(value.to_string())),
            Self::Remove(name) => (name, Edit::Remove(true)),
        };
        proto::HeaderEdit { name: name.to_string(), edit: Some(edit) }
    }

    fn decode(message: proto::HeaderEdit) -> Result<Self, InvalidValue> {
        let name = HeaderName::new(&message.name)?;
        Ok(match required(message.edit, "header edit")? {
            Edit::Add(value) => Self::Add(name, value.into()),
            Edit::Set(value) => Self::Set(name, value.into()),
            Edit::Remove(_) => Self::Remove(name),
        })
    }
}
