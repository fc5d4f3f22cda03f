//! Where the connections go and where they come from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, bail, ensure};
use tokio::net::{TcpSocket, TcpStream, lookup_host};

/// Buffer a slow reader asks its kernel for, so that the server notices soon.
const SMALL_BUFFER: u32 = 4096;

/// A server.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// As in the URL, for the `Host` header.
    pub(crate) host: String,
    address: SocketAddr,
    per_address: u32,
}

impl Target {
    /// Resolves `ws://host[:port]`. `per_address` connections share a source address when the target is 127.0.0.0/8.
    ///
    /// # Errors
    /// When the URL is anything else, or names something beyond this machine and that was not allowed.
    pub(crate) async fn resolve(url: &str, per_address: u32, allow_remote: bool) -> Result<Self> {
        let host = match url.split_once("://") {
            Some(("ws", rest)) => rest.trim_end_matches('/'),
            Some(("wss", _)) => {
                bail!("no TLS here: the generator would measure its own encryption")
            }
            _ => bail!("the URL has to look like ws://127.0.0.1:8080, not {url:?}"),
        };
        ensure!(
            !host.is_empty() && !host.contains(['/', '?', '#', '@']),
            "only a host and a port: the kind and the rooms have options of their own"
        );
        let has_port = host
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let with_port = if has_port {
            host.to_owned()
        } else {
            format!("{host}:80")
        };
        let mut addresses = lookup_host(&with_port)
            .await
            .with_context(|| format!("cannot resolve {with_port}"))?;
        let address = addresses
            .next()
            .with_context(|| format!("{host} has no address"))?;
        if !address.ip().is_loopback() && !allow_remote {
            bail!(
                "{address} is not this machine. Load on somebody else's server is an attack; \
                 if it is yours, say --allow-remote"
            );
        }
        Ok(Self {
            host: host.to_owned(),
            address,
            per_address: per_address.max(1),
        })
    }

    /// The source address of a connection: all of 127.0.0.0/8 is ours, so limits per address and the 28,000 ephemeral ports of
    /// one do not end a run. Other targets are reached from wherever the kernel says.
    fn source(&self, index: u32) -> Option<IpAddr> {
        let IpAddr::V4(address) = self.address.ip() else {
            return None;
        };
        let first = u32::from(Ipv4Addr::new(127, 0, 0, 2));
        let last = u32::from(Ipv4Addr::new(127, 255, 255, 254));
        let source = first + (index / self.per_address) % (last - first);
        address.is_loopback().then(|| IpAddr::V4(source.into()))
    }

    /// Opens the socket of connection number `index`.
    ///
    /// # Errors
    /// When the server does not take it, or this machine has no more descriptors or ports.
    pub(crate) async fn connect(&self, index: u32, slow: bool) -> Result<TcpStream> {
        let socket = match self.address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }
        .context("cannot open a socket")?;
        if slow {
            socket.set_recv_buffer_size(SMALL_BUFFER)?;
        }
        if let Some(source) = self.source(index) {
            socket
                .bind(SocketAddr::new(source, 0))
                .with_context(|| format!("cannot bind to {source}"))?;
        }
        let stream = socket
            .connect(self.address)
            .await
            .context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[tokio::test]
    async fn only_this_machine_unless_allowed() {
        assert!(Target::resolve("ws://127.0.0.1:1/", 1, false).await.is_ok());
        assert!(Target::resolve("ws://[::1]:1", 1, false).await.is_ok());
        let remote = Target::resolve("ws://192.0.2.1:80", 1, false).await;
        assert!(remote.unwrap_err().to_string().contains("--allow-remote"));
        assert!(Target::resolve("ws://192.0.2.1:80", 1, true).await.is_ok());
        for wrong in [
            "http://127.0.0.1",
            "ws://",
            "wss://127.0.0.1",
            "ws://127.0.0.1/x",
        ] {
            assert!(Target::resolve(wrong, 1, true).await.is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn sources_change_after_so_many_connections() {
        let target = Target::resolve("ws://127.0.0.1:1", 100, false)
            .await
            .unwrap();
        assert_eq!(target.source(99).unwrap().to_string(), "127.0.0.2");
        assert_eq!(target.source(100).unwrap().to_string(), "127.0.0.3");
        assert_eq!(target.source(25_400).unwrap().to_string(), "127.0.1.0");
        let six = Target::resolve("ws://[::1]:1", 100, false).await.unwrap();
        assert_eq!(six.source(0), None);
    }
}
