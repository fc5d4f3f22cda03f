//! Accept loops: sockets come in here, requests go to the router and upgrades to the doors.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::Service as _;

use crate::net::answer::{Answer, Answers};
use crate::net::limits::{AddressPermit, Limits, SocketPermit};
use crate::net::paths::collapsed_uri;
use crate::net::proxy::TrustedProxies;
use crate::net::stream::Stream;
use crate::net::tls::Tls;
use crate::net::upgrade::{self, Client, Doors, Permits, refusal};
use crate::telemetry;

/// Bytes of a request's head that are buffered at most.
const MAX_HEAD: usize = 16 * 1024;
/// How long an answer that is under way when the server stops may still take.
const LAST_ANSWER: Duration = Duration::from_secs(5);
/// How long to wait when the process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What may go wrong before the first connection.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// An address cannot be listened on.
    #[error("cannot listen on {addr}: {error}")]
    Bind {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// A certificate or key cannot be used.
    #[error("cannot use {}: {reason}", file.display())]
    Certificate {
        /// The PEM file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// An open listener.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    addr: SocketAddr,
    tls: Option<Tls>,
}

impl Listener {
    /// Opens `addr`; port 0 takes a free one.
    pub async fn bind(addr: SocketAddr, tls: Option<Tls>) -> Result<Self, NetError> {
        let opened = async {
            let tcp = TcpListener::bind(addr).await?;
            let addr = tcp.local_addr()?;
            io::Result::Ok((tcp, addr))
        };
        let (tcp, bound) = opened
            .await
            .map_err(|error| NetError::Bind { addr, error })?;
        Ok(Self {
            tcp,
            addr: bound,
            tls,
        })
    }

    /// The address it listens on, with its real port.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://…` or `https://…`.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.addr)
    }

    /// Its certificate, to be reloaded.
    #[must_use]
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }
}

/// What every connection of a listener is served with.
pub struct Service {
    /// Everything that is not an upgrade.
    pub router: Router,
    /// Every WebSocket.
    pub doors: Arc<dyn Doors>,
    /// Whose `X-Forwarded-For` is believed; these addresses are not limited themselves.
    pub proxies: TrustedProxies,
    /// Bounds, shared by the listeners.
    pub limits: Arc<Limits>,
    /// How long the TLS handshake, and then each request's head, may take.
    pub header_timeout: Duration,
    /// In which time a request's body has to bring something, or the client has to take something of the answer.
    pub answer_timeout: Duration,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Accepts on all listeners until `stop` becomes true; requests under way are then finished by their own tasks
/// ([`Limits::drained`] tells when).
pub async fn serve(listeners: Vec<Listener>, service: Arc<Service>, stop: watch::Receiver<bool>) {
    let mut loops = JoinSet::new();
    for listener in listeners {
        loops.spawn(accept_loop(listener, service.clone(), stop.clone()));
    }
    while loops.join_next().await.is_some() {}
}

async fn accept_loop(listener: Listener, service: Arc<Service>, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => return,
            accepted = listener.tcp.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => admit(stream, peer, &listener, &service, &stop),
            Err(error) if is_transient(&error) => {}
            Err(error) => {
                tracing::warn!(addr = %listener.addr, %error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Waits for the word to stop; whoever would have given it may be gone, which means the same.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Errors that belong to the connection that was to be accepted.
fn is_transient(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

/// Starts the task of an accepted connection, or drops it when there is no place.
fn admit(
    stream: TcpStream,
    peer: SocketAddr,
    listener: &Listener,
    service: &Arc<Service>,
    stop: &watch::Receiver<bool>,
) {
    let Some(socket) = service.limits.socket() else {
        telemetry::net().refused.increment(1);
        return;
    };
    let mut address = None;
    if !service.proxies.contains(peer.ip()) {
        address = service.limits.address(peer.ip());
        if address.is_none() {
            telemetry::net().refused.increment(1);
            return;
        }
    }
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let connection = Connection {
        service: service.clone(),
        peer,
        secure: listener.tls.is_some(),
        socket: Arc::new(socket),
        address: address.map(Arc::new),
    };
    tokio::spawn(run(stream, listener.tls.clone(), connection, stop.clone()));
}

/// What the requests of one connection share.
#[derive(Clone)]
struct Connection {
    service: Arc<Service>,
    peer: SocketAddr,
    secure: bool,
    socket: Arc<SocketPermit>,
    address: Option<Arc<AddressPermit>>,
}

async fn run(
    stream: TcpStream,
    tls: Option<Tls>,
    connection: Connection,
    mut stop: watch::Receiver<bool>,
) {
    let header_timeout = connection.service.header_timeout;
    let stream = match tls {
        None => Stream::Tcp(stream),
        Some(tls) => match tokio::time::timeout(header_timeout, tls.accept(stream)).await {
            Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
            Ok(Err(error)) => {
                return tracing::debug!(peer = %connection.peer, %error, "TLS handshake failed");
            }
            Err(_) => return tracing::debug!(peer = %connection.peer, "TLS handshake too slow"),
        },
    };
    let (answers, answer_timeout) = (Answers::default(), connection.service.answer_timeout);
    let begun = answers.clone();
    let requests = service_fn(move |request| respond(connection.clone(), begun.begin(), request));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), requests)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    let served = tokio::select! {
        served = serving.as_mut() => Some(served),
        () = answers.stuck(answer_timeout) => None,
        () = stopped(&mut stop) => {
            serving.as_mut().graceful_shutdown();
            tokio::time::timeout(LAST_ANSWER.min(answer_timeout), serving).await.ok()
        }
    };
    match served {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::debug!(%error, "connection ended"),
        None => tracing::debug!("an answer was not taken"),
    }
}

async fn respond(
    connection: Connection,
    answer: Arc<Answer>,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible> {
    if let Some(uri) = collapsed_uri(request.uri()) {
        *request.uri_mut() = uri;
    }
    let peer = connection.peer.ip().to_canonical();
    let address = connection.service.proxies.client(peer, request.headers());
    let client = Client {
        address,
        peer,
        secure: connection.secure,
    };
    if upgrade::is_wanted(request.headers()) {
        return Ok(switch(connection, request, client).unwrap_or_else(|refused| refused));
    }
    request.extensions_mut().insert(client);
    let mut router = connection.service.router.clone();
    let response = router.call(request.map(|body| answer.watch(body))).await?;
    Ok(response.map(|body| answer.watch(body)))
}

#[allow(clippy::result_large_err)]
fn switch(
    connection: Connection,
    mut request: Request<Incoming>,
    client: Client,
) -> Result<Response, Response> {
    let on_upgrade = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let response = upgrade::handshake(&parts)?;
    connection.service.doors.admit(&parts, client)?;
    let mut address = connection.address;
    if address.is_none() && client.address != client.peer {
        let Some(permit) = connection.service.limits.address(client.address) else {
            telemetry::net().refused.increment(1);
            return Err(refusal(
                StatusCode::TOO_MANY_REQUESTS,
                "too many connections from your address",
            ));
        };
        address = Some(Arc::new(permit));
    }
    telemetry::net().upgrades.increment(1);
    let permits = Permits {
        _socket: connection.socket,
        _address: address,
    };
    tokio::spawn(upgrade::run(
        on_upgrade,
        parts,
        client,
        permits,
        connection.service.doors.clone(),
    ));
    Ok(response)
}
