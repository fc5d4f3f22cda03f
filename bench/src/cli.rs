//! The command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::play::Frames;
use crate::traffic::Audience;

const ABOUT: &str = "\
Puts load on a Roost server and says how it bore it.

Messages are sent on a fixed schedule, whatever the server does (open loop), and each carries the time when it was due, so a \
server that stalls is charged for everything that waited meanwhile. Every receiver counts what is missing, came twice or came \
in the wrong order. With --pid you also get the server's CPU per delivery and its memory per connection.";

const EXAMPLES: &str = "\
Examples:
  One room of ten, one of them sends 10 messages a second, for ten seconds:
      roost-load play

  Fan-out: 50 rooms of 40, together 5,000 messages a second, so 195,000 deliveries a second:
      roost-load play --rooms 50 --peers 40 --total-rate 5000 --pid $(pidof roost)

  What an idle connection costs (raise `ulimit -Hn` first, on both sides):
      roost-load play --idle --rooms 190 --peers 100 --duration 30s --pid $(pidof roost)

  A room where five of fifty stopped reading: the others must not notice, the five must be closed:
      roost-load play --peers 50 --rate 500 --payload 1000 --slow-readers 5

  500 people who come, leave and come again as fast as they can:
      roost-load play --join-flood --rooms 10 --peers 50

  A kind that answers everybody, in JSON, with a signed identity, as a check in a script:
      ROOST_PLAY_SECRET=... roost-load play --kind counter --topic add --frames text \\
          --audience everyone --strict --json

Reading the result: `delivery` is from when a message was due to when a receiver had read it; `of it, generator` is how late
the generator itself sent. When the second comes near the first, or `generator CPU` near all your cores, you are measuring
the generator.";

const MPP_ABOUT: &str = "\
Puts load on a Multiplayer Piano server, Roost or any other, and says how it bore it.

Everybody says hi, enters a room, and then some of them play notes on a fixed schedule, whatever the server does (open loop). \
Each message carries the time when it was due in its field t, and its sender and number in the name of its first note. What is \
reported is the same as for the native door.";

const MPP_EXAMPLES: &str = "\
Examples:
  One room of 200, 50 of them play 50 messages a second each: 497,500 deliveries a second
      roost-load mpp --peers 200 --senders 50 --rate 2500 --pid $(pidof roost)

  The same on a server that echoes notes to their player, and takes WebSockets on /ws only:
      roost-load mpp --path /ws --audience everyone --peers 200 --senders 50 --rate 2500 --pid $(pidof mpp)

  What an idle connection costs (raise `ulimit -Hn` first, on both sides):
      roost-load mpp --idle --rooms 190 --peers 100 --duration 30s --pid $(pidof roost)

Servers limit what one user may play. Roost takes 50 messages and 200 notes a second from each (300 from whoever has the crown): more are
reported as lost. Every connection has a source address of its own, so that servers that know users by address see as many users.";

/// Load generator for Roost.
#[derive(Debug, Parser)]
#[command(name = "roost-load", version, about = "Load generator for Roost", long_about = ABOUT)]
pub(crate) struct Cli {
    /// Which wire.
    #[command(subcommand)]
    pub(crate) dialect: Wire,
}

/// The wires the generator speaks.
#[derive(Debug, Subcommand)]
pub(crate) enum Wire {
    /// The native door, /play/{kind}/{room}
    #[command(long_about = ABOUT, after_long_help = EXAMPLES)]
    Play(PlayArgs),
    /// Multiplayer Piano, on any server that speaks it
    #[command(long_about = MPP_ABOUT, after_long_help = MPP_EXAMPLES)]
    Mpp(MppArgs),
}

/// Options of `mpp`.
#[derive(Debug, Args)]
pub(crate) struct MppArgs {
    /// Path of the server's WebSocket: `/`, or `/ws`
    #[arg(long, default_value = "/", value_parser = path)]
    pub(crate) path: String,

    /// Rooms are called this and a number
    #[arg(long, default_value = "load-", value_parser = plain_name)]
    pub(crate) room_prefix: String,

    /// Notes in each message
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) events: u32,

    /// What any wire has.
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Options of `play`.
#[derive(Debug, Args)]
pub(crate) struct PlayArgs {
    /// Kind of the rooms
    #[arg(long, default_value = "relay", value_parser = plain_name)]
    pub(crate) kind: String,

    /// Topic of every message
    #[arg(long, default_value = "note", value_parser = plain_name)]
    pub(crate) topic: String,

    /// Rooms are called this and a number
    #[arg(long, default_value = "load-", value_parser = plain_name)]
    pub(crate) room_prefix: String,

    /// Form of the messages
    #[arg(long, value_enum, default_value = "binary")]
    pub(crate) frames: Frames,

    /// Bytes of a message's payload; at least 28, or 58 in text
    #[arg(long, default_value_t = 32)]
    pub(crate) payload: usize,

    /// Key that signs a token for every connection (`secret` in the section `play` of the server); without it everybody is anonymous
    #[arg(long, env = "ROOST_PLAY_SECRET", hide_env_values = true)]
    pub(crate) token_secret: Option<String>,

    /// What any wire has.
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Options that do not depend on the wire.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The server
    #[arg(long, default_value = "ws://127.0.0.1:8080")]
    pub(crate) url: String,

    /// Let the target be another machine than this one
    #[arg(long)]
    pub(crate) allow_remote: bool,

    /// Number of rooms
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rooms: u32,

    /// Connections in each room
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) peers: u32,

    /// How many of them send
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) senders: u32,

    /// Messages per second in each room, its senders together
    #[arg(long, default_value_t = 10.0, value_parser = rate)]
    pub(crate) rate: f64,

    /// Messages per second, all rooms together
    #[arg(long, conflicts_with = "rate", value_parser = rate)]
    pub(crate) total_rate: Option<f64>,

    /// Who is expected to get a message
    #[arg(long, value_enum, default_value = "others")]
    pub(crate) audience: Audience,

    /// How long is measured: 500ms, 10s, 2m
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub(crate) duration: Duration,

    /// How long is sent before that
    #[arg(long, default_value = "2s", value_parser = duration)]
    pub(crate) warmup: Duration,

    /// After so long without a delivery, at the end, what is missing is lost
    #[arg(long, default_value = "2s", value_parser = duration)]
    pub(crate) drain: Duration,

    /// Send nothing: open the connections and hold them for the duration
    #[arg(long, conflicts_with_all = ["join_flood", "slow_readers"])]
    pub(crate) idle: bool,

    /// Send nothing: come, leave and come again for the duration, everybody at once
    #[arg(long, conflicts_with = "slow_readers")]
    pub(crate) join_flood: bool,

    /// How many connections, over all rooms, never read
    #[arg(long, default_value_t = 0)]
    pub(crate) slow_readers: u32,

    /// The server's process, for its CPU and memory
    #[arg(long)]
    pub(crate) pid: Option<u32>,

    /// Connections that share a source address (127.0.0.2, 127.0.0.3, …) when the target is 127.0.0.0/8 [default: 50; mpp: 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) per_address: Option<u32>,

    /// Connections being opened at a time
    #[arg(long, default_value_t = 64)]
    pub(crate) connecting: usize,

    /// Threads of the generator [default: one per core]
    #[arg(long)]
    pub(crate) threads: Option<usize>,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Exit with 1 when anything was lost, doubled, reordered or refused (2 is always an error of the run itself)
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Only what needs no escaping, neither in a URL nor in JSON.
fn plain_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    if (1..=64).contains(&text.len()) && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("1 to 64 letters, digits and - . _ ~".to_owned())
    }
}

/// A path that needs no escaping.
fn path(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-._~?=&".contains(c);
    if text.starts_with('/') && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("a path like /ws".to_owned())
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.001..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("a number of messages per second, from 0.001 to 10000000".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (number, unit) = text.split_at(digits.len());
    let unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err("a number and ms, s or m".to_owned()),
    };
    let seconds = number
        .parse::<f64>()
        .map_err(|_| "not a number".to_owned())?
        * unit;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if duration <= Duration::from_secs(24 * 3600) => Ok(duration),
        _ => Err("from 0 to a day".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory, Parser};

    use super::{Cli, duration, plain_name};

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        for wrong in ["10", "s", "-1s", "2d", "99999999s", ""] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for wrong in [
            "--idle --join-flood",
            "--rate 1 --total-rate 2",
            "--rooms 0",
            "--kind a/b",
        ] {
            let words = ["roost-load", "play"].into_iter().chain(wrong.split(' '));
            assert!(Cli::try_parse_from(words).is_err(), "{wrong}");
        }
        assert!(plain_name("a\"b").is_err());
    }
}
