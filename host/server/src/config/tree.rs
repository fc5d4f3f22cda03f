//! The settings: one type per section, with the defaults as named constants.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::config::admin::AdminConfig;
use crate::config::listen::Listen;
use crate::config::mpp::MppConfig;
use crate::config::units::{Secret, Size, Time};
use crate::net::outbox::OutboxConfig;
use crate::net::proxy::TrustedProxies;
use crate::net::socket::{CLOSE_GRACE, SocketConfig};
use crate::telemetry::LogFormat;

/// Where Roost listens when nobody says otherwise.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Where state is kept.
pub const DEFAULT_STATE_DIR: &str = "data/state";
/// Open sockets.
pub const DEFAULT_MAX_SOCKETS: usize = 20_000;
/// Open sockets of one address.
pub const DEFAULT_MAX_PER_ADDRESS: usize = 256;
/// Networks whose forwarding headers are believed: this machine.
pub const DEFAULT_TRUSTED: [(IpAddr, u8); 2] = [
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
];
/// Time for a TLS handshake and for a request's head.
pub const DEFAULT_HEADER_TIMEOUT: Time = Time::seconds(10);
/// Time in which a client has to take some of an HTTP answer.
pub const DEFAULT_ANSWER_TIMEOUT: Time = Time::seconds(30);
/// Silence before a ping.
pub const DEFAULT_PING_EVERY: Time = Time::seconds(30);
/// Silence before the end.
pub const DEFAULT_IDLE_TIMEOUT: Time = Time::seconds(75);
/// How long frames are collected.
pub const DEFAULT_FLUSH_WINDOW_MS: u64 = 3;
/// Longest WebSocket message.
pub const DEFAULT_MAX_MESSAGE: Size = Size::kib(128);
/// Bytes waiting for one connection.
pub const DEFAULT_OUTBOX_BYTES: Size = Size::mib(1);
/// Frames waiting for one connection.
pub const DEFAULT_OUTBOX_FRAMES: usize = 4096;
/// Longest request body.
pub const DEFAULT_MAX_BODY: Size = Size::mib(1);
/// Live rooms.
pub const DEFAULT_MAX_ROOMS: usize = 20_000;
/// Live rooms opened from one address: a twentieth of all, and four for each of its sockets.
pub const DEFAULT_MAX_ROOMS_PER_ADDRESS: usize = 1_000;
/// How long members are waited for after a restart.
pub const DEFAULT_RESTART_GRACE: Time = Time::seconds(60);
/// Time between checkpoints of a room that changes.
pub const DEFAULT_CHECKPOINT_EVERY: Time = Time::seconds(1);
/// Events between checkpoints of a room that changes.
pub const DEFAULT_CHECKPOINT_EVENTS: u32 = 1_000;
/// How long a room without members lives on.
pub const DEFAULT_KEEP_EMPTY: Time = Time::seconds(60);
/// How long going down may take.
pub const DEFAULT_STOP_TIMEOUT: Time = Time::seconds(10);
/// Most fuel that any call may use.
pub const DEFAULT_CALL_FUEL: u64 = 50_000_000;
/// Most fuel that a call of a kind that declares itself heavy may use.
pub const DEFAULT_HEAVY_FUEL: u64 = 500_000_000;
/// Memory of one room's rules.
pub const DEFAULT_ROOM_MEMORY: Size = Size::mib(64);
/// What is logged.
pub const DEFAULT_LOG_LEVEL: &str = "info";

/// All settings of a server.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses and folders.
    pub server: ServerConfig,
    /// Sockets.
    pub net: NetConfig,
    /// Pages and metrics.
    pub http: HttpConfig,
    /// Who may administer.
    pub admin: AdminConfig,
    /// The native door.
    pub play: PlayConfig,
    /// The Multiplayer Piano door.
    pub mpp: MppConfig,
    /// Rooms of all kinds.
    pub rooms: RoomsConfig,
    /// What rules may use.
    pub sandbox: SandboxConfig,
    /// Logging.
    pub log: LogConfig,
    /// What differs for single kinds.
    pub kinds: BTreeMap<String, KindConfig>,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Addresses, each with or without TLS.
    pub listen: Vec<Listen>,
    /// Folder of everything that outlives the process.
    pub state_dir: PathBuf,
    /// How long going down may take before what is left is cut off.
    pub stop_timeout: Time,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: vec![Listen {
                addr: DEFAULT_LISTEN,
                tls: None,
            }],
            state_dir: PathBuf::from(DEFAULT_STATE_DIR),
            stop_timeout: DEFAULT_STOP_TIMEOUT,
        }
    }
}

/// `[net]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetConfig {
    /// Open sockets in all.
    pub max_sockets: usize,
    /// Open sockets of one client address.
    pub max_sockets_per_address: usize,
    /// Networks whose `X-Forwarded-For` is believed, and which are not limited themselves.
    pub trusted_proxies: Vec<IpNet>,
    /// Time for a TLS handshake, and for each request's head.
    pub header_timeout: Time,
    /// Time in which a request's body, or its answer, has to make progress.
    pub answer_timeout: Time,
    /// Silence of a WebSocket before it is pinged.
    pub ping_every: Time,
    /// Silence of a WebSocket before it is closed.
    pub idle_timeout: Time,
    /// How long frames are collected, 0 to 10 ms.
    pub flush_window_ms: u64,
    /// Longest WebSocket frame and message.
    pub max_message: Size,
    /// Bytes that may wait for one connection.
    pub outbox_bytes: Size,
    /// Frames that may wait for one connection.
    pub outbox_frames: usize,
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            max_sockets: DEFAULT_MAX_SOCKETS,
            max_sockets_per_address: DEFAULT_MAX_PER_ADDRESS,
            trusted_proxies: DEFAULT_TRUSTED
                .iter()
                .filter_map(|(addr, bits)| IpNet::new(*addr, *bits).ok())
                .collect(),
            header_timeout: DEFAULT_HEADER_TIMEOUT,
            answer_timeout: DEFAULT_ANSWER_TIMEOUT,
            ping_every: DEFAULT_PING_EVERY,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            flush_window_ms: DEFAULT_FLUSH_WINDOW_MS,
            max_message: DEFAULT_MAX_MESSAGE,
            outbox_bytes: DEFAULT_OUTBOX_BYTES,
            outbox_frames: DEFAULT_OUTBOX_FRAMES,
        }
    }
}

impl NetConfig {
    /// The limits of WebSockets; `slow_code` closes those who read too slowly or are silent for too long.
    #[must_use]
    pub fn socket(&self, slow_code: u16) -> Arc<SocketConfig> {
        Arc::new(SocketConfig {
            outbox: OutboxConfig {
                max_bytes: self.outbox_bytes.get(),
                max_frames: self.outbox_frames,
                slow_code,
            },
            max_message: self.max_message.get(),
            flush_window: Duration::from_millis(self.flush_window_ms),
            ping_every: self.ping_every.get(),
            idle_timeout: self.idle_timeout.get(),
            idle_code: slow_code,
            close_grace: CLOSE_GRACE,
        })
    }

    /// Whose forwarding headers are believed.
    #[must_use]
    pub fn proxies(&self) -> TrustedProxies {
        TrustedProxies::new(self.trusted_proxies.clone())
    }
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Folder whose files stand in front of the built-in pages.
    pub static_dir: Option<PathBuf>,
    /// A listener of its own for `/metrics`; without it they are served to loopback clients.
    pub metrics_listen: Option<SocketAddr>,
    /// Longest request body, uploads aside.
    pub max_body: Size,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            static_dir: None,
            metrics_listen: None,
            max_body: DEFAULT_MAX_BODY,
        }
    }
}

/// `[play]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlayConfig {
    /// Key of the tokens (HS256); without it one is made at the first start and kept in the state folder.
    pub secret: Option<Secret>,
    /// Whether users without a token are let in.
    pub anonymous: bool,
}

impl Default for PlayConfig {
    fn default() -> Self {
        Self {
            secret: None,
            anonymous: true,
        }
    }
}

/// `[rooms]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoomsConfig {
    /// Live rooms of all kinds.
    pub max: usize,
    /// Live rooms that were opened from one client address; 0 for any number.
    pub max_per_address: usize,
    /// How long members are waited for after a restart, at least.
    pub restart_grace: Time,
    /// Time between checkpoints of a room that changes.
    pub checkpoint_every: Time,
    /// Events between checkpoints of a room that changes.
    pub checkpoint_events: u32,
    /// How long a room without members stays in memory.
    pub keep_empty: Time,
}

impl Default for RoomsConfig {
    fn default() -> Self {
        Self {
            max: DEFAULT_MAX_ROOMS,
            max_per_address: DEFAULT_MAX_ROOMS_PER_ADDRESS,
            restart_grace: DEFAULT_RESTART_GRACE,
            checkpoint_every: DEFAULT_CHECKPOINT_EVERY,
            checkpoint_events: DEFAULT_CHECKPOINT_EVENTS,
            keep_empty: DEFAULT_KEEP_EMPTY,
        }
    }
}

/// `[sandbox]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    /// Most fuel of a call; 10 to 20 million are about a millisecond.
    pub call_fuel: u64,
    /// Most fuel of a call of a kind that declares itself heavy.
    pub heavy_fuel: u64,
    /// Most memory of one room's rules.
    pub memory: Size,
    /// Folder of compiled programs; without it `cache` in the state folder.
    pub cache_dir: Option<PathBuf>,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            call_fuel: DEFAULT_CALL_FUEL,
            heavy_fuel: DEFAULT_HEAVY_FUEL,
            memory: DEFAULT_ROOM_MEMORY,
            cache_dir: None,
        }
    }
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// A level, or a filter like `info,roost_server::net=debug`.
    pub level: String,
    /// Lines for people, or JSON.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: DEFAULT_LOG_LEVEL.to_owned(),
            format: LogFormat::Text,
        }
    }
}

/// `[kinds.<name>]`: what differs for one kind. Absent keys leave what the program asks for, or the host's default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KindConfig {
    /// The rules, from a file instead of an upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<PathBuf>,
    /// Options for the rules, given to them as JSON.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub options: serde_json::Map<String, serde_json::Value>,
    /// Capabilities granted; see [`crate::config::check::CAPABILITIES`]. Absent grants what the program asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Vec<String>>,
    /// Most members of a room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<u32>,
    /// Most fuel of a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// How long a room without members stays in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_empty: Option<Time>,
}
