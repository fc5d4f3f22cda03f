//! `roost token`: who somebody is, signed.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use clap::Args;
use jsonwebtoken::{EncodingKey, Header};
use roost_protocol::play::{ANYWHERE, MPP_ISSUER};
use serde_json::{Map, Value};

use crate::cli::admin_token::{self, AdminArgs};
use crate::cli::sources;
use crate::config::secret::play_secret;
use crate::config::units::{Secret, Time};
use crate::config::{Flags, load};
use crate::doors::mpp_id;

/// Longest subject, in bytes.
const MAX_USER: usize = 200;
/// Most bytes of further claims, as JSON.
const MAX_CLAIMS: usize = 4096;
/// Claims that have a flag of their own.
const OWN_CLAIMS: [&str; 8] = [
    "kind", "room", "user", "exp", "iss", "name", "color", "roost",
];

/// Make a token for the native door (/play), the Multiplayer Piano door (--mpp) or the administrative interface (--admin), and
/// print it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TokenArgs {
    /// For /api/v1 and the commands that speak it, signed with the key of [admin] secret
    #[arg(long, conflicts_with_all = ["mpp", "kind", "room", "user", "iss", "name", "color", "claim", "state"])]
    admin: bool,
    #[command(flatten)]
    administrator: AdminArgs,
    /// For `hi.token` at the Multiplayer Piano door: kind piano, every room, and a new user unless one is named
    #[arg(long)]
    mpp: bool,
    /// Its bearer is staff: may manage every room of the piano
    #[arg(long, requires = "mpp")]
    staff: bool,
    /// The kind it is good for; '*' for every kind
    #[arg(long, value_name = "K", required_unless_present_any = ["mpp", "admin"])]
    kind: Option<String>,
    /// The room it is good for; '*' for every room
    #[arg(long, value_name = "R", required_unless_present_any = ["mpp", "admin"])]
    room: Option<String>,
    /// Who it is for: the user's id, 1 to 200 bytes
    #[arg(long, value_name = "U", required_unless_present_any = ["mpp", "admin"])]
    user: Option<String>,
    /// How long it is good: 30s, 5m, 1h, 7d
    #[arg(long, value_name = "TIME", default_value = "1h")]
    ttl: Time,
    /// Who vouches for the user; becomes part of the user's id
    #[arg(long, value_name = "ISSUER")]
    iss: Option<String>,
    /// A name, where none is kept yet
    #[arg(long)]
    name: Option<String>,
    /// A colour, where none is kept yet: '#rrggbb'
    #[arg(long, value_name = "#RRGGBB", value_parser = parse_color)]
    color: Option<String>,
    /// A further claim for the rules (repeatable); JSON, or else text
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_claim)]
    claim: Vec<(String, Value)>,
    /// The state folder whose key signs; the configured one without this
    #[arg(long, value_name = "DIR", conflicts_with = "secret")]
    state: Option<PathBuf>,
    /// The key that signs
    #[arg(long, value_name = "S")]
    secret: Option<String>,
    /// Read this file instead of ./roost.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  roost token --kind chess --room '*' --user ann              let Ann into every chess room for an hour
  roost token --mpp --staff                                   for hi.token of a piano's manager
  roost token --admin --scope read,publish --sub ci --ttl 7d  let a script upload versions for a week";

fn parse_claim(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE is needed")?;
    if key.is_empty() || OWN_CLAIMS.contains(&key) {
        return Err(format!("{key:?} is not a further claim"));
    }
    Ok((
        key.to_owned(),
        serde_json::from_str(value).unwrap_or_else(|_| Value::from(value)),
    ))
}

fn parse_color(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
    match digits {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(text.to_owned()),
        _ => Err("a colour is # and six hexadecimal digits".to_owned()),
    }
}

impl TokenArgs {
    pub(crate) fn run(mut self) -> anyhow::Result<String> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("the clock is before 1970")?;
        let end = now.as_secs().saturating_add(self.ttl.get().as_secs());
        let claims = if self.admin {
            self.administrator.claims(end)?
        } else {
            Value::Object(self.claims(end)?)
        };
        let secret = self.key()?;
        let key = EncodingKey::from_secret(secret.expose().as_bytes());
        let token =
            jsonwebtoken::encode(&Header::default(), &claims, &key).context("cannot sign")?;
        Ok(token + "\n")
    }

    fn key(&mut self) -> anyhow::Result<Secret> {
        if self.admin {
            let file = self.config.take();
            let config = || Ok(load(&sources(file, Flags::default()))?.config);
            return admin_token::key(self.secret.take(), config);
        }
        if let Some(secret) = self.secret.take() {
            ensure!(!secret.is_empty(), "the key is empty");
            return Ok(Secret::new(secret));
        }
        let by_folder = self.state.is_some();
        let flags = Flags {
            state_dir: self.state.take(),
            ..Flags::default()
        };
        let mut config = load(&sources(self.config.take(), flags))?.config;
        if by_folder {
            config.play.secret = None;
        }
        play_secret(&config)
            .with_context(|| format!("no key in {}", config.server.state_dir.display()))
    }

    fn claims(&self, end: u64) -> anyhow::Result<Map<String, Value>> {
        let user = self.user.clone().unwrap_or_else(|| mpp_id(None));
        ensure!(
            (1..=MAX_USER).contains(&user.len()),
            "a user is 1 to {MAX_USER} bytes"
        );
        // Only with --mpp they may be absent.
        let kind = self.kind.as_deref().unwrap_or("piano");
        let room = self.room.as_deref().unwrap_or(ANYWHERE);
        ensure!(
            !kind.is_empty() && !room.is_empty(),
            "kind and room must not be empty"
        );
        let mut claims: Map<String, Value> = self.claim.iter().cloned().collect();
        if serde_json::to_vec(&claims)?.len() > MAX_CLAIMS {
            bail!("further claims are at most {MAX_CLAIMS} bytes");
        }
        let named = [
            ("iss", &self.iss),
            ("name", &self.name),
            ("color", &self.color),
        ];
        for (key, value) in named
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.as_deref()?)))
        {
            claims.insert(key.to_owned(), Value::from(value));
        }
        for (key, value) in [("kind", kind), ("room", room), ("user", &user)] {
            claims.insert(key.to_owned(), Value::from(value));
        }
        if self.mpp {
            claims.insert("roost".to_owned(), Value::from(MPP_ISSUER));
            claims.insert("staff".to_owned(), Value::from(self.staff));
        }
        claims.insert("exp".to_owned(), Value::from(end));
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

    use super::*;
    use crate::admin::AUDIENCE;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        token: TokenArgs,
    }

    fn run(line: &str) -> anyhow::Result<String> {
        let line = Line::try_parse_from(line.split(' '))?;
        line.token.run()
    }

    #[test]
    fn administrators_get_what_they_may_signed() {
        let secret = "sixteen-bytes-at-least";
        let token = run(&format!(
            "token --admin --scope publish,read,read --sub ci --ttl 1h --secret {secret}"
        ));
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        let key = DecodingKey::from_secret(secret.as_bytes());
        let claims = decode::<Value>(token.unwrap().trim(), &key, &validation);
        let claims = claims.unwrap().claims;
        assert_eq!(claims["scopes"], serde_json::json!(["read", "publish"]));
        assert_eq!(claims["sub"], "ci");
    }

    #[test]
    fn administrators_are_nobody_of_a_room() {
        for line in [
            "token --admin --secret short",
            "token --admin --user ann --secret sixteen-bytes-at-least",
            "token --scope read --kind a --room b --user c --secret sixteen-bytes-at-least",
            "token --admin --scope fly --secret sixteen-bytes-at-least",
            "token --kind a --room b",
        ] {
            assert!(run(line).is_err(), "{line}");
        }
        assert!(run("token --kind a --room b --user c --secret abc").is_ok());
    }
}
