//! The WebSocket handshake, by hand on hyper's upgrades.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, Version};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::net::flusher::Flusher;
use crate::net::limits::{AddressPermit, SocketPermit};
use crate::net::outbox::Outbox;
use crate::net::socket::{Socket, SocketConfig};
use crate::net::stream::Stream;

/// Who sent a request; in the extensions of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// The client's address, behind trusted proxies.
    pub address: IpAddr,
    /// The address the connection comes from.
    pub peer: IpAddr,
    /// Whether the listener speaks TLS.
    pub secure: bool,
}

/// What upgraded connections are given to.
pub trait Doors: Send + Sync + 'static {
    /// Asked before the handshake is answered; an `Err` is the answer instead. Must not block.
    // The answer is made once per refused connection; boxing it would only move the cost.
    #[allow(clippy::result_large_err)]
    fn admit(&self, request: &Parts, client: Client) -> Result<(), Response> {
        let _ = (request, client);
        Ok(())
    }

    /// Runs the connection to its end, in a task of its own. Drop `request` early: headers are memory.
    fn open(self: Arc<Self>, upgraded: Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// A connection whose handshake is done.
#[derive(Debug)]
pub struct Upgraded {
    /// The request that asked for it, without a body.
    pub request: Parts,
    /// Who asked.
    pub client: Client,
    stream: Stream,
    early: Bytes,
    permits: Permits,
}

/// Places of a connection in the limits, given back when dropped.
#[derive(Debug)]
pub struct Permits {
    pub(crate) _socket: Arc<SocketPermit>,
    pub(crate) _address: Option<Arc<AddressPermit>>,
}

impl Upgraded {
    /// The WebSocket, the handle for writing to it, the request, and what must live as long as the connection.
    #[must_use]
    pub fn into_socket(
        self,
        config: Arc<SocketConfig>,
        flusher: &Flusher,
    ) -> (Socket, Outbox, Parts, Permits) {
        let (line, direct) = self.stream.into_line();
        let (socket, outbox) = Socket::with_early(line, direct, &self.early, config, flusher);
        (socket, outbox, self.request, self.permits)
    }
}

/// Waits for hyper to let go of the stream, then runs the connection.
pub(crate) async fn run(
    upgrade: hyper::upgrade::OnUpgrade,
    request: Parts,
    client: Client,
    permits: Permits,
    doors: Arc<dyn Doors>,
) {
    let upgraded = match upgrade.await {
        Ok(upgraded) => upgraded,
        Err(error) => {
            tracing::debug!(%error, "upgrade failed");
            return;
        }
    };
    let Ok(parts) = upgraded.downcast::<TokioIo<Stream>>() else {
        tracing::error!("upgraded stream is not ours");
        return;
    };
    let (stream, early) = (parts.io.into_inner(), parts.read_buf);
    doors
        .open(Upgraded {
            request,
            client,
            stream,
            early,
            permits,
        })
        .await;
}

/// Whether a request asks for a WebSocket.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    has_token(headers, &UPGRADE, "websocket")
}

/// The answer to a right handshake, or to a wrong one.
#[allow(clippy::result_large_err)]
pub(crate) fn handshake(request: &Parts) -> Result<Response, Response> {
    let headers = &request.headers;
    if request.method != Method::GET || request.version != Version::HTTP_11 {
        return Err(refusal(
            StatusCode::BAD_REQUEST,
            "a WebSocket handshake is an HTTP/1.1 GET",
        ));
    }
    if !has_token(headers, &CONNECTION, "upgrade") {
        return Err(refusal(
            StatusCode::BAD_REQUEST,
            "the header Connection must contain Upgrade",
        ));
    }
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .map(HeaderValue::as_bytes)
        != Some(b"13")
    {
        let mut response = refusal(
            StatusCode::UPGRADE_REQUIRED,
            "the header Sec-WebSocket-Version must be 13",
        );
        response
            .headers_mut()
            .insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(response);
    }
    let Some(key) = headers
        .get(SEC_WEBSOCKET_KEY)
        .map(HeaderValue::as_bytes)
        .filter(|key| is_key(key))
    else {
        return Err(refusal(
            StatusCode::BAD_REQUEST,
            "the header Sec-WebSocket-Key must be 16 bytes in base64",
        ));
    };
    Ok(switching(&derive_accept_key(key)))
}

fn switching(accept: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// A plain-text answer; 426 names the protocol to upgrade to.
#[must_use]
pub fn refusal(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    if status == StatusCode::UPGRADE_REQUIRED {
        response
            .headers_mut()
            .insert(UPGRADE, HeaderValue::from_static("websocket"));
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    }
    response
}

/// 16 bytes in base64 are 22 characters and two signs of equality.
fn is_key(key: &[u8]) -> bool {
    key.strip_suffix(b"==").is_some_and(|digits| {
        digits.len() == 22
            && digits
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
    })
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|word| word.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    const GOOD: &[(&str, &str)] = &[
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn answer(headers: &[(&str, &str)], method: Method) -> (StatusCode, HeaderMap) {
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let response = handshake(&parts).unwrap_or_else(|refused| refused);
        (response.status(), response.headers().clone())
    }

    fn without(name: &str, value: Option<&'static str>) -> Vec<(&'static str, &'static str)> {
        let mut headers: Vec<_> = GOOD
            .iter()
            .copied()
            .filter(|header| header.0 != name)
            .collect();
        headers.extend(value.map(|value| {
            (
                GOOD.iter().find(|header| header.0 == name).unwrap().0,
                value,
            )
        }));
        headers
    }

    #[test]
    fn the_example_of_the_rfc_is_answered() {
        let (status, headers) = answer(GOOD, Method::GET);
        assert_eq!(status, StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(
            headers[SEC_WEBSOCKET_ACCEPT],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn wrong_handshakes_are_told_why() {
        assert_eq!(answer(GOOD, Method::POST).0, StatusCode::BAD_REQUEST);
        for (name, value, status) in [
            ("connection", None, StatusCode::BAD_REQUEST),
            ("connection", Some("close"), StatusCode::BAD_REQUEST),
            ("sec-websocket-version", None, StatusCode::UPGRADE_REQUIRED),
            (
                "sec-websocket-version",
                Some("8"),
                StatusCode::UPGRADE_REQUIRED,
            ),
            ("sec-websocket-key", None, StatusCode::BAD_REQUEST),
            ("sec-websocket-key", Some("short"), StatusCode::BAD_REQUEST),
            (
                "sec-websocket-key",
                Some("dGhlIHNhbXBsZSBub25jZ!=="),
                StatusCode::BAD_REQUEST,
            ),
        ] {
            let (got, headers) = answer(&without(name, value), Method::GET);
            assert_eq!(got, status, "{name}: {value:?}");
            assert_eq!(
                headers.contains_key(UPGRADE),
                status == StatusCode::UPGRADE_REQUIRED
            );
        }
    }

    #[test]
    fn only_websockets_are_wanted() {
        let mut headers = HeaderMap::new();
        assert!(!is_wanted(&headers));
        headers.insert(UPGRADE, "h2c".parse().unwrap());
        assert!(!is_wanted(&headers));
        headers.append(UPGRADE, "foo, WEBSOCKET".parse().unwrap());
        assert!(is_wanted(&headers));
    }
}
