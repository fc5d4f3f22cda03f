//! Settings: which source wins, and what is said about mistakes.
// Tests may fail loudly, their set-up functions too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::path::{Path, PathBuf};

use roost_server::config::sources::variable_of;
use roost_server::config::units::{Size, Time};
use roost_server::config::{Config, Flags, Sources, load};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/roost.toml");

/// A folder with files to read settings from.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    fn sources(&self, environment: &[(&str, &str)]) -> Sources {
        let environment = environment
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Sources {
            environment: environment.collect(),
            folder: self.0.path().to_owned(),
            ..Sources::default()
        }
    }

    fn config(&self, environment: &[(&str, &str)]) -> Config {
        load(&self.sources(environment)).unwrap().config
    }

    fn problems(&self, environment: &[(&str, &str)]) -> Vec<String> {
        let error = load(&self.sources(environment)).unwrap_err();
        error.0.iter().map(ToString::to_string).collect()
    }
}

#[test]
fn without_sources_there_are_defaults() {
    assert_eq!(Folder::new(&[]).config(&[]), Config::default());
    assert_eq!(Config::default().check(), []);
}

#[test]
fn the_sample_documents_every_key_with_its_default() {
    let text = std::fs::read_to_string(SAMPLE).unwrap();
    assert_eq!(
        Folder::new(&[("roost.toml", &text)]).config(&[]),
        Config::default()
    );
    let tree = serde_json::to_value(Config::default()).unwrap();
    for (section, keys) in tree.as_object().unwrap() {
        for key in keys.as_object().unwrap().keys() {
            let said = |line: &&str| {
                line.trim_start_matches('#')
                    .starts_with(&format!("{key} = "))
            };
            assert!(
                text.lines().any(|line| said(&line)),
                "{section}.{key} is not documented"
            );
        }
    }
}

#[test]
fn the_commented_examples_of_the_sample_are_right() {
    let text = std::fs::read_to_string(SAMPLE).unwrap();
    let code = |line: &str| {
        let rest = line.strip_prefix('#').unwrap_or(line);
        let is_prose = line.starts_with("# ") || line == "#";
        if is_prose {
            String::new()
        } else {
            rest.to_owned()
        }
    };
    let text: String = text.lines().map(|line| code(line) + "\n").collect();
    let text = text
        .replace("\"static_client\"", "\".\"")
        .replace("\"admin.pem\"", &format!("{SAMPLE:?}"));
    let config = Folder::new(&[("roost.toml", &text)]).config(&[]);
    assert_eq!(config.kinds["echo"].options["slots"], 8);
    assert_eq!(config.http.metrics_listen.unwrap().port(), 9090);
}

#[test]
fn flags_beat_the_environment_beats_the_file_beats_dotenv() {
    let folder = Folder::new(&[
        (
            "roost.toml",
            "[net]\nping_every = \"20s\"\nidle_timeout = \"50s\"\n[server]\nstate_dir = \"file\"",
        ),
        (
            ".env",
            "ROOST_NET_PING_EVERY=10s\nROOST_LOG_LEVEL=debug\nOTHER=1\n",
        ),
    ]);
    let mut sources = folder.sources(&[
        ("ROOST_NET_IDLE_TIMEOUT", "60s"),
        ("ROOST_SERVER_STATE_DIR", "env"),
        ("HOME", "/"),
    ]);
    sources.flags = Flags {
        state_dir: Some(PathBuf::from("flag")),
        ..Flags::default()
    };
    let loaded = load(&sources).unwrap();
    let config = &loaded.config;
    assert_eq!(config.log.level, "debug");
    assert_eq!(config.net.ping_every, Time::seconds(20));
    assert_eq!(config.net.idle_timeout, Time::seconds(60));
    assert_eq!(config.server.state_dir, Path::new("flag"));
    assert_eq!(
        loaded.origin("log.level"),
        "variable ROOST_LOG_LEVEL in .env"
    );
    assert!(loaded.origin("net.ping_every").ends_with("roost.toml"));
    assert_eq!(
        loaded.origin("net.idle_timeout"),
        "variable ROOST_NET_IDLE_TIMEOUT"
    );
    assert_eq!(loaded.origin("server.state_dir"), "command line");
    assert_eq!(loaded.origin("net.max_sockets"), "default");
    assert!(
        loaded
            .to_text(true)
            .contains("# variable ROOST_NET_IDLE_TIMEOUT\n")
    );
}

#[test]
fn every_setting_has_a_variable_of_its_own() {
    let tree = serde_json::to_value(Config::default()).unwrap();
    let mut variables = std::collections::BTreeSet::new();
    for (section, keys) in tree.as_object().unwrap() {
        for key in keys.as_object().unwrap().keys() {
            assert!(
                variables.insert(variable_of(&format!("{section}.{key}"))),
                "{section}.{key}"
            );
        }
    }
    let config = Folder::new(&[]).config(&[
        ("ROOST_PLAY_SECRET", "0012345678901234567890"),
        ("ROOST_PLAY_ANONYMOUS", "false"),
        ("ROOST_NET_MAX_SOCKETS", "7"),
        ("ROOST_NET__MAX_MESSAGE", "64KiB"),
        ("ROOST_NET_TRUSTED_PROXIES", "10.0.0.0/8, ::1/128"),
        ("ROOST_HTTP_METRICS_LISTEN", "127.0.0.1:9000"),
        ("ROOST_ADMIN_TOKEN", "token-of-the-administrator"),
        ("ROOST_ADMIN_SECRET", "secret-of-the-administrator"),
        ("ROOST_SERVER", "http://127.0.0.1:8080"),
        ("ROOST_LOG_FORMAT", "json"),
        ("ROOST_LOG_LEVEL", ""),
    ]);
    assert_eq!(
        config.play.secret.unwrap().expose(),
        "0012345678901234567890"
    );
    assert_eq!(
        config.admin.token.unwrap().expose(),
        "token-of-the-administrator"
    );
    assert!(config.admin.secret.is_some() && config.admin.public_key.is_none());
    assert!(!config.play.anonymous);
    assert_eq!(config.net.max_sockets, 7);
    assert_eq!(config.net.max_message, Size::kib(64));
    assert_eq!(config.net.trusted_proxies.len(), 2);
    assert_eq!(config.log.level, "info");
}

#[test]
fn port_is_the_first_listener() {
    let config = Folder::new(&[]).config(&[("PORT", "5000")]);
    assert_eq!(config.server.listen[0].addr.to_string(), "127.0.0.1:5000");
    let named = [
        ("PORT", "5000"),
        ("ROOST_SERVER_LISTEN", "[::1]:1,127.0.0.1:2"),
    ];
    let config = Folder::new(&[]).config(&named);
    assert_eq!(config.server.listen.len(), 2);
    let problems = Folder::new(&[]).problems(&[("PORT", "http")]);
    assert!(
        problems[0].contains("server.listen") && problems[0].ends_with("(variable PORT)"),
        "{problems:?}"
    );
}

#[test]
fn the_names_of_the_piano_server_before_this_one_are_understood() {
    let environment = [
        ("WS_PORT", "8443"),
        ("NODE_ENV", "Production"),
        ("SALT1", "a"),
        ("SALT2", "b"),
    ];
    let config = Folder::new(&[]).config(&environment);
    assert_eq!(config.server.listen[0].addr.to_string(), "127.0.0.1:8443");
    assert_eq!(config.mpp.salts(), Some(("a", "b")));
    let dotenv = "WS_PORT=8080\nNODE_ENV=prod\nSALT1=c\nSALT2=d\n";
    let config = Folder::new(&[(".env", dotenv)]).config(&[("SALT2", "e")]);
    assert_eq!(config.mpp.salts(), Some(("c", "e")));
    let config = Folder::new(&[]).config(&[("NODE_ENV", "development")]);
    assert_eq!(config.mpp.salts(), None);
    let problems = Folder::new(&[]).problems(&[("NODE_ENV", "production"), ("SALT1", "a")]);
    assert!(problems[0].contains("mpp.production"), "{problems:?}");
    let named = [
        ("NODE_ENV", "production"),
        ("ROOST_MPP_PRODUCTION", "false"),
    ];
    assert_eq!(Folder::new(&[]).config(&named).mpp.salts(), None);
}

#[test]
fn only_the_named_listeners_open() {
    let folder = Folder::new(&[(
        "roost.toml",
        "[server]\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:2\"]",
    )]);
    let mut sources = folder.sources(&[("PORT", "3")]);
    sources.flags.listen = vec!["127.0.0.1:0".parse().unwrap()];
    sources.flags.modules = vec![("echo".to_owned(), PathBuf::from(SAMPLE))];
    let config = load(&sources).unwrap().config;
    assert_eq!(config.server.listen.len(), 1);
    assert_eq!(
        config.kinds["echo"].module.as_deref(),
        Some(Path::new(SAMPLE))
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let file = r#"
        [net]
        ping_every = 30
        max_sockets = "many"
        flush_window_ms = 11
        surprise = true
        [server]
        listen = ["127.0.0.1:80", "nowhere"]
        [play]
        secret = "short"
        [admin]
        secret = "short"
        public_key = "/no/such/key.pem"
        [kinds.Echo]
        capabilities = ["fly"]
        wings = 2
        [plya]
    "#;
    let problems = Folder::new(&[("roost.toml", file)])
        .problems(&[("ROOST_NET_PING", "1s"), ("ROOST_LOG_LEVEL", "=loud=")]);
    for (key, reason) in [
        ("net.ping_every", "expected a string"),
        ("net.max_sockets", "expected usize"),
        ("net.flush_window_ms", "must be 0 to 10"),
        ("net.surprise", "unknown field"),
        ("server.listen", "\"nowhere\" is not an address"),
        ("play.secret", "at least 16 bytes are needed"),
        ("admin.secret", "at least 16 bytes are needed"),
        ("admin.public_key", "there is no file /no/such/key.pem"),
        ("kinds.Echo", "a kind's name is"),
        ("kinds.Echo.capabilities", "\"fly\" is none of set-profile"),
        ("kinds.Echo.wings", "unknown field"),
        ("plya", "unknown field"),
        ("ROOST_NET_PING", "there is no such setting"),
        ("log.level", "is neither a level nor a filter"),
    ] {
        let found = problems
            .iter()
            .any(|problem| problem.starts_with(key) && problem.contains(reason));
        assert!(found, "{key}: {reason}\nis not among\n{problems:#?}");
    }
    assert_eq!(problems.len(), 14, "{problems:#?}");
}

#[test]
fn broken_files_are_named() {
    let problems = Folder::new(&[("roost.toml", "[net\n")]).problems(&[]);
    assert!(problems[0].contains("roost.toml"), "{problems:?}");
    let mut sources = Folder::new(&[]).sources(&[]);
    sources.file = Some(PathBuf::from("/no/such/roost.toml"));
    let error = load(&sources).unwrap_err().to_string();
    assert!(
        error.contains("/no/such/roost.toml: there is no such file"),
        "{error}"
    );
}

#[test]
fn listeners_may_have_certificates() {
    let file = "[server]\nlisten = [{ addr = \"127.0.0.1:1\", tls = { cert = \"a.pem\", key = \"b.pem\" } }]";
    let problems = Folder::new(&[("roost.toml", file)]).problems(&[]);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("there is no file a.pem"));
    let problems = Folder::new(&[("roost.toml", &file.replace("tls", "tsl"))]).problems(&[]);
    assert!(
        problems[0].contains("unknown field: found `tsl`"),
        "{problems:?}"
    );
}

#[test]
fn secrets_are_masked_when_shown() {
    let folder = Folder::new(&[]);
    let secrets = [
        "ROOST_PLAY_SECRET",
        "ROOST_ADMIN_SECRET",
        "ROOST_ADMIN_TOKEN",
    ];
    let secrets = secrets.map(|name| (name, "very-secret-indeed"));
    let loaded = load(&folder.sources(&secrets)).unwrap();
    for text in [
        loaded.to_text(true),
        loaded.to_json(false).to_string(),
        loaded.to_json(true).to_string(),
    ] {
        assert!(text.contains("***") && !text.contains("indeed"), "{text}");
    }
}
