//! A client of the Multiplayer Piano door: arrays of messages, each with its type in `m`.

use crate::{Client, Ended, Heard};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio_tungstenite::tungstenite::Message;

/// Somebody at a piano.
#[derive(Debug)]
pub struct Pianist {
    client: Client,
    heard: VecDeque<Value>,
    /// What `hi` was answered with.
    pub hi: Value,
}

impl Pianist {
    /// Connect and say nothing.
    ///
    /// # Errors
    /// No connection.
    pub async fn connect(url: &str) -> Result<Self> {
        Ok(Self {
            client: Client::connect(url).await?,
            heard: VecDeque::new(),
            hi: Value::Null,
        })
    }

    /// Connect and say hi, with a token or without.
    ///
    /// # Errors
    /// No connection, or no answer.
    pub async fn greet(url: &str, token: Option<&str>) -> Result<Self> {
        let mut pianist = Self::connect(url).await?;
        pianist.say(json!({"m": "hi", "token": token})).await?;
        pianist.hi = pianist.expect("hi").await?;
        Ok(pianist)
    }

    /// The same, and enter a room. Gives its `ch`, too.
    ///
    /// # Errors
    /// No connection, or it is not let in.
    pub async fn enter(url: &str, room: &str) -> Result<(Self, Value)> {
        let mut pianist = Self::greet(url, None).await?;
        let ch = pianist.go(room).await?;
        Ok((pianist, ch))
    }

    /// Enter a room. Gives its `ch`.
    ///
    /// # Errors
    /// It is not let in.
    pub async fn go(&mut self, room: &str) -> Result<Value> {
        self.say(json!({"m": "ch", "_id": room})).await?;
        self.expect_where("ch", |ch| ch.get("p").is_some()).await
    }

    /// Its user's id.
    ///
    /// # Errors
    /// It has not said hi.
    pub fn id(&self) -> Result<String> {
        let id = self.hi.pointer("/u/_id").and_then(Value::as_str);
        Ok(id.context("no hi")?.to_owned())
    }

    /// Say one thing.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn say(&mut self, message: Value) -> Result<()> {
        self.send(Message::text(json!([message]).to_string())).await
    }

    /// Send any frame.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn send(&mut self, message: Message) -> Result<()> {
        self.client.send(message).await
    }

    /// The next message of any type.
    ///
    /// # Errors
    /// The connection ended, or nothing came in time.
    pub async fn hear(&mut self) -> Result<Value> {
        loop {
            if let Some(message) = self.heard.pop_front() {
                return Ok(message);
            }
            match self.client.hear().await? {
                Heard::Json(Value::Array(messages)) => self.heard.extend(messages),
                Heard::Ended(ended) => bail!("the connection ended: {ended:?}"),
                other => bail!("not an array: {other:?}"),
            }
        }
    }

    /// The next message of a type; others are passed over.
    ///
    /// # Errors
    /// The connection ended, or nothing came in time.
    pub async fn expect(&mut self, name: &str) -> Result<Value> {
        self.expect_where(name, |_| true).await
    }

    /// The next message of a type of which something holds; others are passed over.
    ///
    /// # Errors
    /// The connection ended, or nothing came in time.
    pub async fn expect_where(
        &mut self,
        name: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        loop {
            let message = self.hear().await.with_context(|| format!("no {name:?}"))?;
            if message.get("m").is_some_and(|m| m == name) && wanted(&message) {
                return Ok(message);
            }
        }
    }

    /// Everything up to the answer to a question asked now: what was said before has been heard by then.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn all(&mut self) -> Result<Vec<Value>> {
        self.say(json!({"m": "t", "e": 4711})).await?;
        let mut all = Vec::new();
        loop {
            let message = self.hear().await?;
            if message.get("e").is_some_and(|echo| echo == 4711) {
                return Ok(all);
            }
            all.push(message);
        }
    }

    /// How the connection ends.
    ///
    /// # Errors
    /// It does not end in time.
    pub async fn ended(&mut self) -> Result<Ended> {
        self.client.ended().await
    }

    /// Say good-bye as a browser does that is closed.
    ///
    /// # Errors
    /// The connection is gone already.
    pub async fn leave(self) -> Result<()> {
        self.client.leave().await
    }
}
