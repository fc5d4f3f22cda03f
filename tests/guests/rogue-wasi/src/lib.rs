//! Kind `rogue-wasi`: rules built for WASI that try to look outside, on command.
//!
//! A message on topic `do` is one word, see [`answer`]; what came of it is delivered on `done`.

use roost_sdk::prelude::*;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::Read;
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

roost_sdk::topics! {
    /// What is talked about.
    pub enum Topic {
        /// A word.
        Do("do", Reliable),
        /// What came of it, as text.
        Done("done", Closed),
    }
}

/// Rules without state.
pub struct Rogue;

impl Rules for Rogue {
    type Topic = Topic;
    const STATE_VERSION: u32 = 1;

    fn manifest() -> Manifest {
        Manifest::of::<Self>("rogue-wasi").durability(Durability::Ephemeral)
    }

    fn init(_: &RoomConfig) -> Result<Self, String> {
        // The SDK's hook would say it on the log; here standard error shall have it.
        drop(std::panic::take_hook());
        Ok(Self)
    }

    fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(_: &RoomConfig, _: &SnapshotMeta, _: &[u8]) -> Result<Self, String> {
        Ok(Self)
    }

    fn message(&mut self, cx: &mut Cx, _: Topic, message: Message) {
        let word = match &message.payload {
            Payload::Json(text) => text.trim_matches('"').to_owned(),
            Payload::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        };
        let said = answer(&word).into_bytes();
        cx.deliver(Topic::Done)
            .payload(Payload::Binary(said))
            .to_connection(message.via)
            .reliable();
    }
}

/// Try what the word says, and tell what came of it.
#[must_use]
pub fn answer(word: &str) -> String {
    match word {
        "panic" => roost_sdk::fault("ordered to panic under WASI"),
        "exit" => std::process::exit(3),
        "sleep" => {
            std::thread::sleep(Duration::from_secs(3600));
            "slept".to_owned()
        }
        "file" => format!(
            "{:?}",
            std::fs::read("/etc/passwd").map_err(|error| error.kind())
        ),
        "write-file" => format!(
            "{:?}",
            std::fs::write("/tmp/roost-rogue", "x").map_err(|error| error.kind())
        ),
        "tcp" => format!(
            "{:?}",
            TcpStream::connect("127.0.0.1:9")
                .map(drop)
                .map_err(|error| error.kind())
        ),
        "udp" => format!(
            "{:?}",
            UdpSocket::bind("127.0.0.1:0")
                .map(drop)
                .map_err(|error| error.kind())
        ),
        "stdin" => format!(
            "{:?}",
            std::io::stdin()
                .read(&mut [0; 8])
                .map_err(|error| error.kind())
        ),
        "environment" => format!("{} {}", std::env::vars().count(), std::env::args().count()),
        "wall-clock" => format!(
            "{:?}",
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map(|time| time.as_millis())
        ),
        "clock" => {
            let before = Instant::now();
            format!("{:?}", before.elapsed())
        }
        "random" => format!("{}", RandomState::new().hash_one(1)),
        "print" => {
            println!("to standard output");
            eprint!("to standard error, without an end");
            "printed".to_owned()
        }
        "print-forever" => loop {
            println!("again");
        },
        other => other.to_owned(),
    }
}

roost_sdk::export!(Rogue);
