//! Opens everything, serves until the end is asked for, and closes it in order.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::config::Config;
use crate::http::api::Api;
use crate::http::health::Readiness;
use crate::net::limits::Limits;
use crate::net::listener::{self, Listener, NetError, Service};
use crate::net::tls::Tls;
use crate::net::upgrade::{Client, Doors, Upgraded, refusal};
use crate::services::{Services, StartError};
use crate::shutdown::Shutdown;
use crate::telemetry::{self, TelemetryError};
use roost_room::Program;

/// How often histograms are folded, so that they stay small when nobody asks for metrics.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Why the server could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address or a certificate.
    #[error(transparent)]
    Net(#[from] NetError),
    /// Logging or metrics.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// State, modules, rooms.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A file, or standard output.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system says.
        error: io::Error,
    },
}

/// Serves until `shutdown` says stop. Prints one line to standard output when it is ready.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), ServeError> {
    run_with(config, shutdown, Vec::new()).await
}

/// The same with rules that are no components, in front of modules of their kind: for measuring what those cost.
pub async fn run_with(
    config: Config,
    shutdown: Shutdown,
    programs: Vec<Arc<dyn Program>>,
) -> Result<(), ServeError> {
    let metrics = telemetry::start_metrics()?;
    let readiness = Readiness::default();
    let listeners = open(&config).await?;
    let monitor = open_monitor(&config).await?;
    let services = Services::start(&config, programs).await?;
    let limits = Limits::new(config.net.max_sockets, config.net.max_sockets_per_address);
    let api = Api::new(
        Arc::clone(&services.deployer),
        Arc::clone(&services.admin),
        limits.clone(),
    );
    let router = crate::http::router(&config.http, readiness.clone(), metrics.clone())
        .merge(crate::http::rooms::routes(Arc::clone(&services.kinds)))
        .merge(api.routes());
    let reload = reload_certificates(&listeners, &shutdown);
    announce(&config, &listeners, monitor.as_ref().map(Listener::addr))?;

    let doors: Arc<dyn Doors> = Arc::clone(&services.reception) as _;
    let service = Arc::new(service(&config, router, doors, limits.clone()));
    let monitoring = Arc::new(service_for_monitor(&config, metrics.clone()));
    tokio::join!(
        listener::serve(listeners, service, shutdown.stop()),
        listener::serve(monitor.into_iter().collect(), monitoring, shutdown.stop()),
        until_stopped(&shutdown, reload),
        until_stopped(&shutdown, upkeep(metrics)),
        until_stopped(&shutdown, services.watch(readiness)),
    );
    stop(&config, &shutdown, services, &limits).await
}

/// Rooms put everything away and let go of their connections, which then close by themselves.
async fn stop(
    config: &Config,
    shutdown: &Shutdown,
    services: Services,
    limits: &Arc<Limits>,
) -> Result<(), ServeError> {
    tracing::info!(
        sockets = limits.sockets(),
        rooms = services.registry.len(),
        "stopping"
    );
    let put_away = async {
        let stopped = services.stop().await;
        limits.drained().await;
        stopped
    };
    tokio::select! {
        stopped = put_away => Ok(stopped?),
        () = tokio::time::sleep(config.server.stop_timeout.get()) => {
            tracing::warn!(sockets = limits.sockets(), "not everybody left in time");
            Ok(())
        }
        () = shutdown.forced() => {
            tracing::warn!("forced");
            Ok(())
        }
    }
}

async fn until_stopped(shutdown: &Shutdown, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        () = shutdown.stopped() => {}
    }
}

async fn open(config: &Config) -> Result<Vec<Listener>, ServeError> {
    let mut listeners = Vec::new();
    for listen in &config.server.listen {
        let tls = listen
            .tls
            .as_ref()
            .map(|files| Tls::load(&files.cert, &files.key))
            .transpose()?;
        listeners.push(Listener::bind(listen.addr, tls).await?);
    }
    Ok(listeners)
}

async fn open_monitor(config: &Config) -> Result<Option<Listener>, ServeError> {
    match config.http.metrics_listen {
        Some(addr) => Ok(Some(Listener::bind(addr, None).await?)),
        None => Ok(None),
    }
}

fn service(config: &Config, router: Router, doors: Arc<dyn Doors>, limits: Arc<Limits>) -> Service {
    Service {
        router,
        doors,
        proxies: config.net.proxies(),
        limits,
        header_timeout: config.net.header_timeout.get(),
        answer_timeout: config.net.answer_timeout.get(),
    }
}

fn service_for_monitor(config: &Config, metrics: PrometheusHandle) -> Service {
    let router = crate::http::metrics::open_routes(metrics);
    service(config, router, Arc::new(NoDoors), Limits::new(64, 64))
}

/// The one line on standard output by which others see that Roost answers, and where.
fn announce(
    config: &Config,
    listeners: &[Listener],
    monitor: Option<SocketAddr>,
) -> Result<(), ServeError> {
    let mut line = String::from("roost ready:");
    for listener in listeners {
        let _ = write!(line, " {}", listener.url());
    }
    if let Some(addr) = monitor {
        let _ = write!(line, " metrics=http://{addr}/metrics");
    }
    let _ = write!(line, " state={}", config.server.state_dir.display());
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    written.map_err(|error| ServeError::Io {
        what: "standard output".to_owned(),
        error,
    })
}

fn reload_certificates(
    listeners: &[Listener],
    shutdown: &Shutdown,
) -> impl Future<Output = ()> + use<> {
    let certificates: Vec<Tls> = listeners
        .iter()
        .filter_map(|listener| listener.tls().cloned())
        .collect();
    let mut reloads = shutdown.reloads();
    async move {
        while reloads.changed().await.is_ok() {
            for tls in &certificates {
                match tls.reload() {
                    Ok(()) => tracing::info!(?tls, "certificate reloaded"),
                    Err(error) => tracing::error!(%error, "the old certificate stays"),
                }
            }
        }
    }
}

async fn upkeep(metrics: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    loop {
        ticks.tick().await;
        metrics.run_upkeep();
    }
}

/// For listeners without WebSockets.
struct NoDoors;

impl Doors for NoDoors {
    fn admit(&self, _: &Parts, _: Client) -> Result<(), Response> {
        Err(refusal(StatusCode::NOT_FOUND, "no WebSockets here"))
    }

    fn open(self: Arc<Self>, _: Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::ready(()))
    }
}
