//! Where settings come from: flags before environment before `roost.toml` before `.env` before defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use crate::config::check::Problem;
use crate::config::tree::Config;

/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "roost.toml";
/// Settings under version control's radar; lines `NAME=value` with the names of the environment.
pub const DOTENV_FILE: &str = ".env";
/// Every setting has a variable: this, the section and the key in capitals, joined by `_`.
pub const PREFIX: &str = "ROOST_";
/// Port of the first listener, as hosting platforms say it.
pub const PORT: &str = "PORT";
/// Variables with our prefix that are none of these settings: the command line reads them by itself.
pub const NOT_SETTINGS: [&str; 1] = ["ROOST_SERVER"];
/// Names that servers Roost takes the place of have for settings, and what those are here.
pub const ALIASES: &[(&str, &str)] = &[
    (PORT, "server.listen"),
    ("WS_PORT", "server.listen"),
    ("NODE_ENV", "mpp.production"),
    ("SALT1", "mpp.salt1"),
    ("SALT2", "mpp.salt2"),
];

/// What was said on the command line.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--listen`: only these addresses are opened.
    pub listen: Vec<SocketAddr>,
    /// `--state`
    pub state_dir: Option<PathBuf>,
    /// `--module NAME=FILE`
    pub modules: Vec<(String, PathBuf)>,
}

/// Everything settings are made of.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// What was said on the command line.
    pub flags: Flags,
    /// The environment; only `ROOST_…` and [`ALIASES`] are looked at.
    pub environment: Vec<(String, String)>,
    /// The file, which must exist; `None` reads [`DEFAULT_FILE`] if it is there.
    pub file: Option<PathBuf>,
    /// The folder in which [`DEFAULT_FILE`] and [`DOTENV_FILE`] are looked for.
    pub folder: PathBuf,
}

/// The layers, lowest first, and what was wrong already with reading them.
pub(crate) fn layers(sources: &Sources) -> (Figment, Vec<Problem>) {
    let mut problems = Vec::new();
    let leaves = leaves(&defaults());
    let mut figment = Figment::from(Serialized::defaults(Config::default()));
    let dotenv = sources.folder.join(DOTENV_FILE);
    if dotenv.is_file() {
        match dotenvy::from_path_iter(&dotenv).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
            Ok(pairs) => {
                figment = merge_variables(figment, &pairs, &leaves, " in .env", &mut problems)
            }
            Err(error) => problems.push(Problem::of(DOTENV_FILE, error)),
        }
    }
    if let Some(file) = file(sources, &mut problems) {
        let layer = Toml::file_exact(&file);
        match layer.data() {
            Ok(_) => figment = figment.merge(layer),
            Err(error) => problems.push(Problem::of(&file.display().to_string(), error.kind)),
        }
    }
    figment = merge_variables(figment, &sources.environment, &leaves, "", &mut problems);
    (figment.merge(FlagLayer(&sources.flags)), problems)
}

fn file(sources: &Sources, problems: &mut Vec<Problem>) -> Option<PathBuf> {
    match &sources.file {
        Some(file) if file.is_file() => Some(file.clone()),
        Some(file) => {
            problems.push(Problem::of(
                &file.display().to_string(),
                "there is no such file",
            ));
            None
        }
        None => Some(sources.folder.join(DEFAULT_FILE)).filter(|file| file.is_file()),
    }
}

/// What a setting without a name in a file looks like, for its variable's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf {
    Text,
    List,
    Plain,
}

pub(crate) fn defaults() -> serde_json::Value {
    serde_json::to_value(Config::default()).unwrap_or_default()
}

/// Every setting, `section.key`, kinds aside.
pub(crate) fn leaves(tree: &serde_json::Value) -> Vec<(String, Leaf)> {
    let mut leaves = Vec::new();
    for (section, keys) in tree.as_object().into_iter().flatten() {
        for (key, value) in keys
            .as_object()
            .into_iter()
            .flatten()
            .filter(|_| section != "kinds")
        {
            let leaf = match value {
                serde_json::Value::Array(_) => Leaf::List,
                serde_json::Value::String(_) | serde_json::Value::Null => Leaf::Text,
                _ => Leaf::Plain,
            };
            leaves.push((format!("{section}.{key}"), leaf));
        }
    }
    leaves
}

/// `net.ping_every` → `ROOST_NET_PING_EVERY`.
#[must_use]
pub fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

fn merge_variables(
    mut figment: Figment,
    pairs: &[(String, String)],
    leaves: &[(String, Leaf)],
    place: &str,
    problems: &mut Vec<Problem>,
) -> Figment {
    // In the order of the table, so that the last of two names for one thing counts.
    for (alias, key) in ALIASES {
        let said = pairs.iter().find(|(name, _)| name == alias);
        if let Some((name, text)) = said.filter(|(_, text)| !text.is_empty()) {
            let value = match *key {
                "server.listen" => Value::from(vec![format!("127.0.0.1:{text}")]),
                "mpp.production" => Value::from(is_production(text)),
                _ => Value::from(text.as_str()),
            };
            figment = figment.merge(Variable::new(name, place, key, value));
        }
    }
    let ours = |name: &str| name.starts_with(PREFIX) && !NOT_SETTINGS.contains(&name);
    for (name, text) in pairs.iter().filter(|(name, _)| ours(name)) {
        // `ROOST_NET__PING_EVERY` is understood as well.
        let plain = name.replace("__", "_");
        let Some((key, leaf)) = leaves.iter().find(|(key, _)| variable_of(key) == plain) else {
            problems.push(Problem::of(
                name,
                format!("there is no such setting{place}"),
            ));
            continue;
        };
        if !text.is_empty() {
            figment = figment.merge(Variable::new(name, place, key, leaf.read(text)));
        }
    }
    figment
}

/// `NODE_ENV`.
fn is_production(text: &str) -> bool {
    ["production", "prod"]
        .iter()
        .any(|name| text.eq_ignore_ascii_case(name))
}

impl Leaf {
    fn read(self, text: &str) -> Value {
        match self {
            Self::Text => Value::from(text),
            Self::List => Value::from(
                text.split(',')
                    .map(|item| item.trim().to_owned())
                    .collect::<Vec<_>>(),
            ),
            // Numbers and booleans; what is neither stays text, which the type then refuses.
            Self::Plain => serde_json::from_str::<serde_json::Value>(text)
                .ok()
                .and_then(|value| Value::serialize(value).ok())
                .unwrap_or_else(|| Value::from(text)),
        }
    }
}

/// One variable is one layer, so that its name can be told as the origin.
struct Variable {
    name: String,
    dict: Dict,
}

impl Variable {
    fn new(name: &str, place: &str, key: &str, value: Value) -> Self {
        Self {
            name: format!("variable {name}{place}"),
            dict: nested(key, value),
        }
    }
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

fn nested(key: &str, value: Value) -> Dict {
    match key.split_once('.') {
        None => Dict::from([(key.to_owned(), value)]),
        Some((section, rest)) => {
            Dict::from([(section.to_owned(), Value::from(nested(rest, value)))])
        }
    }
}

struct FlagLayer<'a>(&'a Flags);

impl Provider for FlagLayer<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named("command line")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let text = |path: &Path| Value::from(path.to_string_lossy().into_owned());
        let mut server = Dict::new();
        if !self.0.listen.is_empty() {
            let addresses: Vec<String> = self.0.listen.iter().map(SocketAddr::to_string).collect();
            server.insert("listen".to_owned(), Value::from(addresses));
        }
        if let Some(folder) = &self.0.state_dir {
            server.insert("state_dir".to_owned(), text(folder));
        }
        let mut kinds = Dict::new();
        for (name, file) in &self.0.modules {
            kinds.insert(
                name.clone(),
                Value::from(Dict::from([("module".to_owned(), text(file))])),
            );
        }
        let layers = [("server", server), ("kinds", kinds)];
        let dict = layers.into_iter().filter(|(_, dict)| !dict.is_empty());
        Ok(Profile::Default.collect(
            dict.map(|(name, dict)| (name.to_owned(), Value::from(dict)))
                .collect(),
        ))
    }
}
