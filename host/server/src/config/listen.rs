//! An address to listen on: `"127.0.0.1:8080"`, or a table with a certificate.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Address and port; port 0 takes a free one.
    pub addr: SocketAddr,
    /// TLS, if it is spoken there.
    pub tls: Option<TlsFiles>,
}

/// PEM files of a listener; read again on SIGHUP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate chain.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    addr: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<TlsFiles>,
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.tls {
            None => serializer.collect_str(&self.addr),
            tls => Table {
                addr: self.addr,
                tls: tls.clone(),
            }
            .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListenVisitor)
    }
}

struct ListenVisitor;

impl<'de> Visitor<'de> for ListenVisitor {
    type Value = Listen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address like \"127.0.0.1:8080\" or a table { addr, tls = { cert, key } }")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Listen, E> {
        let addr = text.parse().map_err(|_| {
            E::custom(format!(
                "{text:?} is not an address like \"127.0.0.1:8080\""
            ))
        })?;
        Ok(Listen { addr, tls: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Listen, A::Error> {
        let Table { addr, tls } = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Listen { addr, tls })
    }
}
