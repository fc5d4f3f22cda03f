//! A client of the native door.

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longer than anything a test waits for; a test that runs into it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// One frame from the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A text frame.
    Json(Value),
    /// A binary frame.
    Bytes(Vec<u8>),
    /// The end.
    Ended(Ended),
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Close code; 1006 when the line broke, 1005 when there was none.
    pub code: u16,
    /// Close reason.
    pub reason: String,
}

/// A connection.
#[derive(Debug)]
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The `welcome` frame.
    pub welcome: Value,
}

impl Client {
    /// Connect and enter.
    ///
    /// # Errors
    /// No connection, or no welcome: the first frame is in the error.
    pub async fn enter(url: &str) -> Result<Self> {
        let mut client = Self::connect(url).await?;
        match client.hear().await? {
            Heard::Json(welcome) if has(&welcome, "roost", "welcome") => client.welcome = welcome,
            other => bail!("no welcome at {url}: {other:?}"),
        }
        Ok(client)
    }

    /// Connect, and leave the first frame to be heard.
    ///
    /// # Errors
    /// No connection.
    pub async fn connect(url: &str) -> Result<Self> {
        let (socket, _) = tokio::time::timeout(PATIENCE, connect_async(url)).await??;
        Ok(Self {
            socket,
            welcome: Value::Null,
        })
    }

    /// Say something.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn say(&mut self, topic: &str, data: Value) -> Result<()> {
        self.send(Message::text(
            json!({"topic": topic, "data": data}).to_string(),
        ))
        .await
    }

    /// Send any frame.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn send(&mut self, message: Message) -> Result<()> {
        Ok(tokio::time::timeout(PATIENCE, self.socket.send(message)).await??)
    }

    /// The next frame.
    ///
    /// # Errors
    /// None came in time.
    pub async fn hear(&mut self) -> Result<Heard> {
        // Pings do not make it last longer.
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let next = tokio::time::timeout_at(until, self.socket.next())
                .await
                .context("nothing came")?;
            return Ok(match next {
                Some(Ok(Message::Text(text))) => Heard::Json(serde_json::from_str(&text)?),
                Some(Ok(Message::Binary(bytes))) => Heard::Bytes(bytes.to_vec()),
                Some(Ok(Message::Close(frame))) => {
                    let (code, reason) = frame
                        .map_or((CloseCode::from(1005), String::new()), |f| {
                            (f.code, f.reason.to_string())
                        });
                    Heard::Ended(Ended {
                        code: code.into(),
                        reason,
                    })
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => Heard::Ended(Ended {
                    code: 1006,
                    reason: String::new(),
                }),
            });
        }
    }

    /// The data of the next delivery on a topic; others are passed over.
    ///
    /// # Errors
    /// The connection ended, or nothing came in time.
    pub async fn expect(&mut self, topic: &str) -> Result<Value> {
        loop {
            match self.hear().await? {
                Heard::Json(frame) if has(&frame, "topic", topic) => {
                    return Ok(frame.get("data").cloned().unwrap_or_default());
                }
                Heard::Ended(ended) => {
                    bail!("the connection ended while {topic:?} was waited for: {ended:?}")
                }
                _ => {}
            }
        }
    }

    /// How the connection ends; whatever comes before is passed over.
    ///
    /// # Errors
    /// It does not end in time.
    pub async fn ended(&mut self) -> Result<Ended> {
        loop {
            if let Heard::Ended(ended) = self.hear().await? {
                return Ok(ended);
            }
        }
    }

    /// Say good-bye.
    ///
    /// # Errors
    /// The connection is gone already.
    pub async fn leave(mut self) -> Result<()> {
        self.socket.close(None).await?;
        while let Some(Ok(_)) = self.socket.next().await {}
        Ok(())
    }
}

fn has(frame: &Value, key: &str, value: &str) -> bool {
    frame.get(key).and_then(Value::as_str) == Some(value)
}
