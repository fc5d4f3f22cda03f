//! Finds all that is wrong with the settings at once.

use std::collections::BTreeSet;
use std::fmt;

use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider};

use crate::config::sources::{Sources, layers};
use crate::config::tree::Config;

/// What rules can be granted.
pub const CAPABILITIES: [&str; 3] = ["set-profile", "move", "publish"];
/// Shortest key of tokens, in bytes.
pub const MIN_SECRET: usize = 16;
/// Wrong types are looked for until this many have been found.
const MAX_PROBLEMS: usize = 100;

/// Something wrong with one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, `section.key`; or the variable or file.
    pub key: String,
    /// What is wrong, as a sentence without its full stop.
    pub reason: String,
    /// Where the value comes from, if it is known.
    pub origin: Option<String>,
}

impl Problem {
    pub(crate) fn of(key: &str, reason: impl fmt::Display) -> Self {
        Self {
            key: key.to_owned(),
            reason: reason.to_string(),
            origin: None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.reason)?;
        self.origin
            .as_ref()
            .map_or(Ok(()), |origin| write!(f, " ({origin})"))
    }
}

/// All that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(
    /// At least one.
    pub Vec<Problem>,
);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in the configuration",
            if self.0.len() == 1 {
                "one mistake"
            } else {
                "mistakes"
            }
        )?;
        self.0
            .iter()
            .try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// Settings and where each of them comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings, checked.
    pub config: Config,
    figment: Figment,
}

impl Loaded {
    /// Where a setting comes from: `default`, a file, a variable or `command line`.
    #[must_use]
    pub fn origin(&self, key: &str) -> String {
        origin(&self.figment, key).unwrap_or_else(|| "default".to_owned())
    }
}

/// Reads and checks the settings.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let (figment, mut problems) = layers(sources);
    let config = extract(&figment, &mut problems);
    if let Some(config) = &config {
        let wrong = config.check().into_iter().map(|problem| Problem {
            origin: origin(&figment, &problem.key),
            ..problem
        });
        problems.extend(wrong);
    }
    match config {
        Some(config) if problems.is_empty() => Ok(Loaded { config, figment }),
        _ => Err(ConfigError(problems)),
    }
}

/// Takes wrong values out one by one, so that the next one shows.
fn extract(figment: &Figment, problems: &mut Vec<Problem>) -> Option<Config> {
    let mut dict = match figment.data() {
        Ok(mut profiles) => profiles.remove(&Profile::Default).unwrap_or_default(),
        Err(error) => {
            problems.push(Problem::of("configuration", error));
            return None;
        }
    };
    while problems.len() < MAX_PROBLEMS {
        let error = match Config::deserialize_from(&dict) {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        let key = error.path.join(".");
        problems.push(Problem {
            origin: origin(figment, &key),
            ..Problem::of(&key, &error.kind)
        });
        if !remove(&mut dict, &error.path) {
            return None;
        }
    }
    None
}

impl Config {
    fn deserialize_from(dict: &Dict) -> Result<Self, Box<figment::Error>> {
        Value::from(dict.clone()).deserialize().map_err(Box::new)
    }
}

/// Removes the value at `path`, or the list it stands in.
fn remove(dict: &mut Dict, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    if !rest.is_empty()
        && let Some(Value::Dict(_, inner)) = dict.get_mut(first)
        && remove(inner, rest)
    {
        return true;
    }
    dict.remove(first).is_some()
}

fn origin(figment: &Figment, key: &str) -> Option<String> {
    // A list's items have the origin of the list.
    let mut key = key;
    loop {
        if let Some(metadata) = figment.find_metadata(key) {
            let is_default = metadata.name.contains("Config");
            return (!is_default).then(|| match &metadata.source {
                Some(source) => source.to_string(),
                None => metadata.name.to_string(),
            });
        }
        key = key.rsplit_once('.')?.0;
    }
}

/// What a check writes down.
struct Checks(Vec<Problem>);

impl Checks {
    fn want(&mut self, right: bool, key: &str, reason: impl fmt::Display) {
        if !right {
            self.0.push(Problem::of(key, reason));
        }
    }
}

impl Config {
    /// All that is wrong with values whose types are right.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut checks = Checks(Vec::new());
        self.check_server(&mut checks);
        for (key, reason) in self.admin.problems() {
            checks.want(false, key, reason);
        }
        self.check_net(&mut checks);
        self.check_limits(&mut checks);
        self.check_kinds(&mut checks);
        checks.0
    }

    fn check_server(&self, checks: &mut Checks) {
        let listen = &self.server.listen;
        checks.want(
            !listen.is_empty(),
            "server.listen",
            "at least one address is needed",
        );
        let mut seen = BTreeSet::new();
        for listener in listen {
            let fresh = listener.addr.port() == 0 || seen.insert(listener.addr);
            checks.want(
                fresh,
                "server.listen",
                format!("{} is there twice", listener.addr),
            );
            for file in listener.tls.iter().flat_map(|tls| [&tls.cert, &tls.key]) {
                checks.want(
                    file.is_file(),
                    "server.listen",
                    format!("there is no file {}", file.display()),
                );
            }
        }
        let metrics = self.http.metrics_listen;
        let free = metrics.is_none_or(|addr| addr.port() == 0 || !seen.contains(&addr));
        checks.want(free, "http.metrics_listen", "is one of server.listen");
        let folder = self.http.static_dir.as_ref();
        checks.want(
            folder.is_none_or(|folder| folder.is_dir()),
            "http.static_dir",
            "there is no such folder",
        );
        let long = self
            .play
            .secret
            .as_ref()
            .is_none_or(|secret| secret.expose().len() >= MIN_SECRET);
        checks.want(
            long,
            "play.secret",
            format!("at least {MIN_SECRET} bytes are needed"),
        );
        checks.want(
            self.mpp.is_salted(),
            "mpp.production",
            "needs salt1 and salt2 (SALT1, SALT2): without them addresses can be found by trying",
        );
        checks.want(
            is_kind_name(&self.mpp.kind),
            "mpp.kind",
            "a kind's name is 1 to 64 of a-z, 0-9 and -",
        );
        let filter = tracing_subscriber::EnvFilter::try_new(&self.log.level);
        checks.want(
            filter.is_ok(),
            "log.level",
            "is neither a level nor a filter like \"info,roost_server::net=debug\"",
        );
    }

    fn check_net(&self, checks: &mut Checks) {
        let net = &self.net;
        checks.want(net.max_sockets > 0, "net.max_sockets", "must not be 0");
        checks.want(
            net.max_sockets_per_address > 0,
            "net.max_sockets_per_address",
            "must not be 0",
        );
        checks.want(
            net.flush_window_ms <= 10,
            "net.flush_window_ms",
            "must be 0 to 10",
        );
        checks.want(
            net.ping_every.get().as_secs() >= 1,
            "net.ping_every",
            "must be at least 1s",
        );
        checks.want(
            net.ping_every < net.idle_timeout,
            "net.idle_timeout",
            "must be longer than net.ping_every",
        );
        checks.want(
            net.header_timeout.get().as_millis() >= 100,
            "net.header_timeout",
            "must be at least 100ms",
        );
        checks.want(
            net.answer_timeout.get().as_millis() >= 100,
            "net.answer_timeout",
            "must be at least 100ms",
        );
        let message = net.max_message.get();
        checks.want(
            (1 << 10..=16 << 20).contains(&message),
            "net.max_message",
            "must be 1KiB to 16MiB",
        );
        checks.want(
            net.outbox_bytes.get() >= 64 << 10,
            "net.outbox_bytes",
            "must be at least 64KiB",
        );
        checks.want(
            net.outbox_frames >= 16,
            "net.outbox_frames",
            "must be at least 16",
        );
    }

    fn check_limits(&self, checks: &mut Checks) {
        checks.want(self.rooms.max > 0, "rooms.max", "must not be 0");
        checks.want(
            self.rooms.checkpoint_events > 0,
            "rooms.checkpoint_events",
            "must not be 0",
        );
        checks.want(
            self.sandbox.call_fuel >= 1_000_000,
            "sandbox.call_fuel",
            "must be at least 1000000",
        );
        let heavier = self.sandbox.heavy_fuel >= self.sandbox.call_fuel;
        checks.want(
            heavier,
            "sandbox.heavy_fuel",
            "must not be less than sandbox.call_fuel",
        );
        checks.want(
            self.sandbox.memory.get() >= 1 << 20,
            "sandbox.memory",
            "must be at least 1MiB",
        );
    }

    fn check_kinds(&self, checks: &mut Checks) {
        for (name, kind) in &self.kinds {
            let key = format!("kinds.{name}");
            checks.want(
                is_kind_name(name),
                &key,
                "a kind's name is 1 to 64 of a-z, 0-9 and -",
            );
            for capability in kind.capabilities.iter().flatten() {
                let known = CAPABILITIES.contains(&capability.as_str());
                let reason = format!("{capability:?} is none of {}", CAPABILITIES.join(", "));
                checks.want(known, &format!("{key}.capabilities"), reason);
            }
            let there = kind.module.as_ref().is_none_or(|file| file.is_file());
            checks.want(there, &format!("{key}.module"), "there is no such file");
            checks.want(
                kind.members != Some(0),
                &format!("{key}.members"),
                "must not be 0",
            );
            let heavy = self.sandbox.heavy_fuel;
            checks.want(
                kind.fuel.is_none_or(|fuel| fuel <= heavy),
                &format!("{key}.fuel"),
                "must not exceed sandbox.heavy_fuel",
            );
            let options = serde_json::to_vec(&kind.options).map_or(0, |options| options.len());
            checks.want(
                options <= 64 << 10,
                &format!("{key}.options"),
                "must be at most 64 KiB as JSON",
            );
        }
    }
}

pub(crate) fn is_kind_name(name: &str) -> bool {
    let right = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(right)
}
