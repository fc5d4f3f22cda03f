//! Who the client is when proxies stand in front.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Networks whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Believes these networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether this address is believed.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The rightmost address on the way here that is not a trusted proxy. What is left of it may be invented.
    /// An unreadable entry ends the search at the last address that is known.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
        for line in lines.into_iter().rev() {
            for hop in line.as_bytes().rsplit(|byte| *byte == b',') {
                if !self.contains(client) {
                    return client;
                }
                let Some(address) = parse_hop(hop) else {
                    return client;
                };
                client = address;
            }
        }
        client
    }
}

/// `1.2.3.4`, `1.2.3.4:5`, `::1`, `[::1]` or `[::1]:5`.
fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let bare = hop
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(hop);
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, lines: &[&str]) -> String {
        let proxies = TrustedProxies::new(
            ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "2001:db8:aaaa::/48"]
                .map(|net| net.parse().unwrap())
                .to_vec(),
        );
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(client("9.9.9.9", &["1.1.1.1"]), "9.9.9.9");
    }

    #[test]
    fn the_rightmost_untrusted_address_counts() {
        assert_eq!(client("127.0.0.1", &["6.6.6.6, 1.1.1.1"]), "1.1.1.1");
        assert_eq!(
            client("127.0.0.1", &["6.6.6.6, 1.1.1.1, 10.0.0.3"]),
            "1.1.1.1"
        );
        assert_eq!(
            client("::1", &["2001:db8::7 , 2001:db8:aaaa::1"]),
            "2001:db8::7"
        );
    }

    #[test]
    fn several_headers_are_one_list() {
        assert_eq!(
            client("127.0.0.1", &["6.6.6.6", "1.1.1.1", "10.0.0.3"]),
            "1.1.1.1"
        );
        assert_eq!(
            client("127.0.0.1", &["6.6.6.6,1.1.1.1", "10.0.0.4, 10.0.0.3"]),
            "1.1.1.1"
        );
    }

    #[test]
    fn without_a_header_the_proxy_is_the_client() {
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &["10.0.0.1, 10.0.0.2"]), "10.0.0.1");
    }

    #[test]
    fn nonsense_ends_the_search() {
        assert_eq!(client("127.0.0.1", &["1.1.1.1, unknown"]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &["1.1.1.1, , 10.0.0.3"]), "10.0.0.3");
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_read() {
        assert_eq!(client("::ffff:127.0.0.1", &["1.1.1.1:4711"]), "1.1.1.1");
        assert_eq!(client("127.0.0.1", &["[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(client("127.0.0.1", &["[2001:db8::7]"]), "2001:db8::7");
        assert_eq!(
            client("127.0.0.1", &["::ffff:1.2.3.4, ::ffff:10.0.0.1"]),
            "1.2.3.4"
        );
    }
}
