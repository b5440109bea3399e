//! Backends, endpoints and certificates.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use weir_model::{BackendKey, Certificate, CertificateKey, Endpoint, EndpointCondition, Endpoints, PortRef};

use super::{InvalidValue, Wire, decode_all, encode_all, required};
use crate::proto::{self, backend_key::Port};

impl Wire for BackendKey {
    type Message = proto::BackendKey;

    fn encode(&self) -> proto::BackendKey {
        let port = match &self.port {
            PortRef::Number(number) => Port::Number(u32::from(*number)),
            PortRef::Name(name) => Port::PortName(name.to_string()),
        };
        let (namespace, service) = (self.namespace.to_string(), self.service.to_string());
        proto::BackendKey { namespace, service, port: Some(port) }
    }

    fn decode(message: proto::BackendKey) -> Result<Self, InvalidValue> {
        let port = match required(message.port, "port")? {
            Port::Number(number) => {
                PortRef::Number(u16::try_from(number).map_err(|_| InvalidValue::Range("port"))?)
            }
            Port::PortName(name) => PortRef::Name(name.into()),
        };
        Ok(Self { namespace: message.namespace.into(), service: message.service.into(), port })
    }
}

impl Wire for CertificateKey {
    type Message = proto::ObjectName;

    fn encode(&self) -> proto::ObjectName {
        proto::ObjectName { namespace: self.namespace.to_string(), name: self.name.to_string() }
    }

    fn decode(message: proto::ObjectName) -> Result<Self, InvalidValue> {
        Ok(Self { namespace: message.namespace.into(), name: message.name.into() })
    }
}

impl Wire for Endpoint {
    type Message = proto::Endpoint;

    fn encode(&self) -> proto::Endpoint {
        let address = match self.address.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let terminating = self.condition == EndpointCondition::Terminating;
        proto::Endpoint { address, port: u32::from(self.address.port()), terminating }
    }

    fn decode(message: proto::Endpoint) -> Result<Self, InvalidValue> {
        let ip = address(&message.address).ok_or(InvalidValue::Range("address"))?;
        let port = u16::try_from(message.port).map_err(|_| InvalidValue::Range("port"))?;
        let condition =
            if message.terminating { EndpointCondition::Terminating } else { EndpointCondition::Ready };
        Ok(Self { address: SocketAddr::new(ip, port), condition })
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(octets).map(IpAddr::from).ok();
    v4().or_else(|| <[u8; 16]>::try_from(octets).map(IpAddr::from).ok())
}

impl Wire for Endpoints {
    type Message = proto::Endpoints;

    fn encode(&self) -> proto::Endpoints {
        match self {
            Self::Unknown => proto::Endpoints { known: false, endpoints: Vec::new() },
            Self::Known(list) => proto::Endpoints { known: true, endpoints: encode_all(list) },
        }
    }

    fn decode(message: proto::Endpoints) -> Result<Self, InvalidValue> {
        if !message.known {
            return Ok(Self::Unknown);
        }
        decode_all(message.endpoints).map(Self::Known)
    }
}

/// A certificate without its key, which its resource has.
pub(crate) fn encode_certificate(certificate: &Certificate) -> proto::Certificate {
    let chain = certificate.chain.iter().map(|der| Bytes::copy_from_slice(der).into()).collect();
    proto::Certificate { chain, private_key: certificate.private_key.clone() }
}

/// The certificate of a key.
pub(crate) fn decode_certificate(key: CertificateKey, message: proto::Certificate) -> Certificate {
    Certificate { key, chain: message.chain, private_key: message.private_key }
}
