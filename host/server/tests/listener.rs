//! Listeners with real sockets on the loopback address: handshakes, limits, timeouts, proxies and TLS.
// Tests may fail loudly, their set-up functions too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};
use hyper::StatusCode;
use roost_server::net::flusher::Flusher;
use roost_server::net::frame::{binary_frame, text_frame};
use roost_server::net::limits::Limits;
use roost_server::net::listener::{Listener, Service, serve};
use roost_server::net::outbox::Frame;
use roost_server::net::proxy::TrustedProxies;
use roost_server::net::socket::{Incoming, SocketConfig};
use roost_server::net::tls::Tls;
use roost_server::net::upgrade::{Client, Doors, Upgraded, refusal};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Sends everything back; the first message tells who the client is.
struct Echo;

impl Doors for Echo {
    fn admit(&self, request: &Parts, _: Client) -> Result<(), Response> {
        if request.uri.path() == "/closed" {
            Err(refusal(StatusCode::FORBIDDEN, "closed today"))
        } else {
            Ok(())
        }
    }

    fn open(self: Arc<Self>, upgraded: Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let client = upgraded.client;
            let (mut socket, outbox, request, _permits) =
                upgraded.into_socket(Arc::new(SocketConfig::default()), &Flusher::start(1));
            let hello = format!(
                "{} {} {}",
                request.uri.path(),
                client.address,
                client.secure
            );
            outbox.push(Frame::urgent(text_frame(hello.as_bytes())));
            while let Some(incoming) = socket.next().await {
                match incoming {
                    Incoming::Text(text) => outbox.push(Frame::urgent(text_frame(text.as_bytes()))),
                    Incoming::Binary(bytes) => outbox.push(Frame::urgent(binary_frame(&bytes))),
                    Incoming::Closed(_) => continue,
                };
            }
        })
    }
}

struct Server {
    addr: SocketAddr,
    limits: Arc<Limits>,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
}

async fn start(sockets: usize, per_address: usize, trusted: &str, tls: Option<Tls>) -> Server {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), tls)
        .await
        .unwrap();
    let addr = listener.addr();
    let limits = Limits::new(sockets, per_address);
    let router = Router::new()
        .route(
            "/who",
            get(|Extension(client): Extension<Client>| async move { client.address.to_string() }),
        )
        .route("/large", get(|| async { vec![b'x'; LARGE] }))
        .fallback(|uri: Uri| async move { (StatusCode::NOT_FOUND, uri.to_string()) });
    let service = Service {
        router,
        doors: Arc::new(Echo),
        proxies: TrustedProxies::new(
            trusted
                .split_whitespace()
                .map(|net| net.parse().unwrap())
                .collect(),
        ),
        limits: limits.clone(),
        header_timeout: Duration::from_millis(300),
        answer_timeout: Duration::from_millis(300),
    };
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(serve(vec![listener], Arc::new(service), stopped));
    Server {
        addr,
        limits,
        stop,
        serving,
    }
}

/// More than the kernel takes for a client that does not read.
const LARGE: usize = 32 << 20;
const LOOPBACK: &str = "127.0.0.0/8";

/// Sends `head` and gives back everything that comes.
async fn ask(addr: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

fn handshake(path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

async fn connect(addr: SocketAddr, path: &str) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(addr).await.unwrap();
    client_async(format!("ws://{addr}{path}"), stream)
        .await
        .unwrap()
        .0
}

#[tokio::test]
async fn messages_of_all_lengths_are_echoed() {
    let server = start(10, 10, LOOPBACK, None).await;
    let mut client = connect(server.addr, "//some//room").await;
    assert_eq!(
        client.next().await.unwrap().unwrap(),
        Message::text("/some/room 127.0.0.1 false")
    );
    for len in [0, 1, 125, 126, 127, 0xFFFF, 0x1_0000, 128 * 1024] {
        client.send(Message::binary(vec![7; len])).await.unwrap();
        assert_eq!(
            client.next().await.unwrap().unwrap(),
            Message::binary(vec![7; len])
        );
        client
            .send(Message::text("ä".repeat(len / 2)))
            .await
            .unwrap();
        assert_eq!(
            client.next().await.unwrap().unwrap(),
            Message::text("ä".repeat(len / 2))
        );
    }
    client.close(None).await.unwrap();
    while let Some(Ok(message)) = client.next().await {
        assert!(message.is_close());
    }
    server.limits.drained().await;
}

#[tokio::test]
async fn frames_in_the_same_packet_as_the_handshake_are_kept() {
    let server = start(10, 10, LOOPBACK, None).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let mut bytes = handshake("/", "").into_bytes();
    bytes.extend([0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    stream.write_all(&bytes).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(&[0x81, 2, b'h', b'i']) {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
}

#[tokio::test]
async fn refused_handshakes_say_why() {
    let server = start(10, 10, LOOPBACK, None).await;
    let close = "Connection: close\r\n";
    let missing_version = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let answer = ask(server.addr, missing_version).await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert!(
        answer.to_lowercase().contains("sec-websocket-version: 13"),
        "{answer}"
    );
    let answer = ask(server.addr, &handshake("/closed", close)).await;
    assert!(
        answer.starts_with("HTTP/1.1 403 ") && answer.ends_with("closed today\n"),
        "{answer}"
    );
    let plain = format!("GET //no//such?a=//b HTTP/1.1\r\nHost: x\r\n{close}\r\n");
    let answer = ask(server.addr, &plain).await;
    assert!(
        answer.starts_with("HTTP/1.1 404 ") && answer.ends_with("/no/such?a=//b"),
        "{answer}"
    );
}

#[tokio::test]
async fn who_does_not_finish_the_head_is_cut_off() {
    let server = start(10, 10, LOOPBACK, None).await;
    let answer = ask(server.addr, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
    assert!(!answer.contains("200"), "{answer}");
    assert_eq!(
        ask(server.addr, "").await,
        "",
        "not a byte is no request either"
    );
    server.limits.drained().await;
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let server = start(10, 10, LOOPBACK, None).await;
    let answer = ask(
        server.addr,
        &format!("GET / HTTP/1.1\r\nX-Long: {}\r\n\r\n", "x".repeat(100_000)),
    )
    .await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
}

#[tokio::test]
async fn sockets_are_limited_in_all_and_by_address() {
    let server = start(2, 10, LOOPBACK, None).await;
    let mut first = connect(server.addr, "/").await;
    let _second = connect(server.addr, "/").await;
    assert_eq!(
        ask(server.addr, &handshake("/", "")).await,
        "",
        "the third is dropped"
    );
    first.close(None).await.unwrap();
    while first.next().await.is_some() {}

    let server = start(10, 1, "", None).await;
    let _first = connect(server.addr, "/").await;
    assert_eq!(
        ask(server.addr, &handshake("/", "")).await,
        "",
        "the second of one address is dropped"
    );

    let server = start(10, 1, LOOPBACK, None).await;
    let _first = connect(server.addr, "/").await;
    let _second = connect(server.addr, "/").await;
    let mut third = TcpStream::connect(server.addr).await.unwrap();
    third
        .write_all(handshake("/", "X-Forwarded-For: 1.2.3.4\r\n").as_bytes())
        .await
        .unwrap();
    let mut byte = [0; 12];
    third.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"HTTP/1.1 101");
    let answer = ask(
        server.addr,
        &handshake("/", "X-Forwarded-For: 1.2.3.4\r\nConnection: close\r\n"),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
}

#[tokio::test]
async fn the_client_behind_a_proxy_is_known() {
    let server = start(10, 10, LOOPBACK, None).await;
    let who = |headers: &str| {
        format!("GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
    };
    let answer = ask(
        server.addr,
        &who("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 2001:db8::5, 127.0.0.9\r\n"),
    )
    .await;
    assert!(answer.ends_with("\r\n\r\n2001:db8::5"), "{answer}");
    let server = start(10, 10, "10.0.0.0/8", None).await;
    let answer = ask(server.addr, &who("X-Forwarded-For: 6.6.6.6\r\n")).await;
    assert!(answer.ends_with("\r\n\r\n127.0.0.1"), "{answer}");
}

#[tokio::test]
async fn who_asks_and_never_reads_is_cut_off() {
    let server = start(9, 9, LOOPBACK, None).await;
    let request = "GET /large HTTP/1.1\r\nhost: x\r\n\r\n";
    for requests in [1, 1000] {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        let requests = request.repeat(requests);
        stream.write_all(requests.as_bytes()).await.unwrap();
        // Still there, with a place, until its time is up.
        let mut head = [0; 15];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
        server.limits.drained().await;
        drop(stream);
    }
    // Who reads gets everything, however often he asks.
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let last = "GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let requests = request.repeat(2) + last;
    stream.write_all(requests.as_bytes()).await.unwrap();
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).await.unwrap();
    let letters = answers.iter().filter(|&&byte| byte == b'x').count();
    assert_eq!(letters, 3 * LARGE);
}

#[tokio::test]
async fn stopping_closes_the_listener_and_lets_requests_end() {
    let server = start(10, 10, LOOPBACK, None).await;
    let mut idle = TcpStream::connect(server.addr).await.unwrap();
    idle.write_all(b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = vec![0; 15];
    idle.read_exact(&mut answer).await.unwrap();
    server.stop.send(true).unwrap();
    server.serving.await.unwrap();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    server.limits.drained().await;
    assert!(TcpStream::connect(server.addr).await.is_err());
}

fn write_certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

async fn connect_tls(
    addr: SocketAddr,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(addr).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    let (mut client, _) = client_async("wss://localhost/tls", stream).await.unwrap();
    let hello = client.next().await.unwrap().unwrap();
    client
        .send(Message::binary(vec![1; 100_000]))
        .await
        .unwrap();
    assert_eq!(client.next().await.unwrap().unwrap().len(), 100_000);
    client.close(None).await.unwrap();
    while client.next().await.is_some() {}
    Ok(hello.into_text().unwrap().to_string())
}

#[tokio::test]
async fn tls_listeners_exchange_their_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    let old = write_certificate(folder.path());
    let tls = Tls::load(&cert, &key).unwrap();
    let server = start(10, 10, LOOPBACK, Some(tls.clone())).await;
    assert_eq!(
        connect_tls(server.addr, &old).await.unwrap(),
        "/tls 127.0.0.1 true"
    );

    let new = write_certificate(folder.path());
    tls.reload().unwrap();
    assert!(connect_tls(server.addr, &old).await.is_err());
    assert!(connect_tls(server.addr, &new).await.is_ok());

    std::fs::write(&cert, "no certificate").unwrap();
    assert!(tls.reload().is_err());
    assert!(
        connect_tls(server.addr, &new).await.is_ok(),
        "the old one stays in use"
    );
    assert!(Tls::load(&cert, &key).is_err());

    assert_eq!(
        ask(server.addr, "GET / HTTP/1.1\r\n\r\n").await.find("200"),
        None,
        "plain text on a TLS port"
    );
}
