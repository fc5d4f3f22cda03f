//! A small server for the tests of the generator: a relay like the native door's, with faults on request, and the tests.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use crate::cli::Cli;
use crate::report::Report;

/// What the stand-in does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Every tenth message of a room reaches nobody.
    Lose,
    /// Every tenth message reaches everybody twice.
    Double,
    /// Nobody gets in.
    Refuse,
}

/// A message and the connection it came from.
type Said = (u64, Vec<u8>);

#[derive(Clone)]
struct Standin {
    fault: Fault,
    rooms: Arc<Mutex<BTreeMap<String, broadcast::Sender<Said>>>>,
}

impl Standin {
    async fn start(fault: Fault) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let standin = Self {
            fault,
            rooms: Arc::default(),
        };
        tokio::spawn(async move {
            for connection in 0_u64.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(standin.clone().serve(stream, connection));
            }
        });
        address
    }

    async fn serve(self, stream: TcpStream, connection: u64) {
        let mut path = String::new();
        #[expect(clippy::result_large_err, reason = "the callback's type is given")]
        let callback = |request: &Request, response: Response| {
            request.uri().path().clone_into(&mut path);
            Ok(response)
        };
        let socket = accept_hdr_async(stream, callback).await.unwrap();
        let (mut write, mut read) = socket.split();
        if self.fault == Fault::Refuse {
            let refused = r#"{"roost":"refused","reason":"full","text":"no"}"#;
            let _ = write.send(Message::text(refused)).await;
            return;
        }
        let room = self.room(path);
        let mut hears = room.subscribe();
        let welcome = Message::text(r#"{"roost":"welcome","kind":"relay"}"#);
        write.send(welcome).await.unwrap();
        let mut count = 0;
        loop {
            tokio::select! {
                frame = read.next() => match frame {
                    Some(Ok(Message::Binary(frame))) => {
                        count += 1;
                        self.say(&room, connection, count, &frame);
                    }
                    Some(Ok(_)) => {}
                    _ => return,
                },
                said = hears.recv() => match said {
                    Ok((from, delivery)) if from != connection => {
                        if write.send(Message::binary(delivery)).await.is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(_) => return,
                },
            }
        }
    }

    fn room(&self, path: String) -> broadcast::Sender<Said> {
        let mut rooms = self.rooms.lock().unwrap();
        let room = rooms
            .entry(path)
            .or_insert_with(|| broadcast::channel(1024).0);
        room.clone()
    }

    fn say(&self, room: &broadcast::Sender<Said>, from: u64, count: u32, frame: &[u8]) {
        let (topic, payload) = frame.split_at(1 + usize::from(frame[0]));
        let delivery = [topic, b"\0\0\0\0\0\0\0\x01\x03\x00bob", payload].concat();
        let copies = match self.fault {
            Fault::Lose if count.is_multiple_of(10) => 0,
            Fault::Double if count.is_multiple_of(10) => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let _ = room.send((from, delivery.clone()));
        }
    }
}

async fn load(fault: Fault, options: &str) -> anyhow::Result<Report> {
    let address = Standin::start(fault).await;
    let url = format!("ws://{address}");
    let options = format!(
        "--rooms 2 --peers 3 --senders 2 --rate 200 --duration 300ms --warmup 100ms --drain 300ms {options}"
    );
    let words = ["roost-load", "play", "--url", &url].into_iter();
    let cli: Cli = clap::Parser::parse_from(words.chain(options.split_whitespace()));
    let run = crate::run_number()?;
    let (dialect, args, per_address) = crate::dialect(cli.dialect, run)?;
    let measuring = crate::measure(&args, dialect, run, per_address, 2);
    tokio::time::timeout(Duration::from_secs(30), measuring).await?
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives_at_everybody_else() {
    let pid = std::process::id();
    let report = load(Fault::None, &format!("--pid {pid} --payload 200"))
        .await
        .unwrap();
    let traffic = report.traffic.as_ref().unwrap();
    assert_eq!(traffic.sent, 160, "two rooms, 200 a second, 0.4 s");
    assert_eq!(traffic.expected, 160 * 2);
    assert_eq!(traffic.received, traffic.expected);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(traffic.latency.unwrap().count, 120 * 2);
    assert!(report.server.as_ref().unwrap().connected.resident > 0);
    let text = crate::table::render(&report);
    assert!(text.contains("deliveries received"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_or_doubled_is_noticed() {
    let report = load(Fault::Lose, "").await.unwrap();
    let traffic = report.traffic.as_ref().unwrap();
    assert_eq!(traffic.lost, 16 * 2, "every tenth of 160, two receivers");
    assert!(!report.is_clean());

    let report = load(Fault::Double, "").await.unwrap();
    let traffic = report.traffic.as_ref().unwrap();
    assert_eq!((traffic.lost, traffic.doubled), (0, 16 * 2));
    assert!(!report.is_clean());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_audience_is_noticed() {
    let report = load(Fault::None, "--audience sender").await.unwrap();
    let traffic = report.traffic.unwrap();
    assert_eq!((traffic.received, traffic.lost), (0, 160));
    assert_eq!(traffic.unexpected, 320);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn being_refused_is_an_error_with_the_reason() {
    let error = load(Fault::Refuse, "").await.unwrap_err();
    assert!(error.to_string().contains("refused (full): no"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_and_flood_send_nothing() {
    let report = load(Fault::None, "--idle").await.unwrap();
    assert_eq!(report.joins.entered, 6);
    assert!(report.is_clean() && report.traffic.is_none());

    let report = load(Fault::None, "--join-flood").await.unwrap();
    assert!(report.joins.entered > 6, "{report:?}");
    assert!(report.traffic.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_readers_are_not_counted_as_losses() {
    let report = load(Fault::None, "--slow-readers 1").await.unwrap();
    let traffic = report.traffic.as_ref().unwrap();
    assert_eq!(traffic.lost, 0);
    assert_eq!(traffic.expected, 80 * 2 + 80);
    assert_eq!(traffic.latency.unwrap().count, 60 * 2 + 60);
    assert_eq!(report.slow_readers.values().sum::<u64>(), 1);
    assert!(load(Fault::None, "--slow-readers 3").await.is_err());
}
