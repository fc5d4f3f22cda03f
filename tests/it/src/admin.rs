//! The administrative interface, as a script uses it.

use crate::Server;
use anyhow::{Context, Result, ensure};
use reqwest::{Method, Response};
use serde_json::Value;

/// The token that servers of these tests have.
pub const TOKEN: &str = "an admin token of the tests";

/// Somebody who administers a server.
#[derive(Clone, Debug)]
pub struct Admin {
    http: reqwest::Client,
    base: String,
    /// The bearer token; nobody's when empty.
    pub token: String,
}

impl Admin {
    /// With the token of these tests.
    #[must_use]
    pub fn of(server: &Server) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: format!("http://{}/api/v1", server.addr()),
            token: TOKEN.to_owned(),
        }
    }

    /// Any request with any body.
    ///
    /// # Errors
    /// No answer.
    pub async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Response> {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = if self.token.is_empty() {
            request
        } else {
            request.bearer_auth(&self.token)
        };
        Ok(request.body(body).send().await?)
    }

    /// The same, with the answer's JSON; `null` if it is none.
    ///
    /// # Errors
    /// No answer.
    pub async fn call(&self, method: Method, path: &str, body: Vec<u8>) -> Result<(u16, Value)> {
        let response = self.send(method, path, body).await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or_default()))
    }

    /// `GET`, which has to succeed.
    ///
    /// # Errors
    /// It does not.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let (status, answer) = self.call(Method::GET, path, Vec::new()).await?;
        ensure!(status == 200, "GET {path}: {status} {answer}");
        Ok(answer)
    }

    /// `POST` of JSON.
    ///
    /// # Errors
    /// No answer.
    pub async fn post(&self, path: &str, body: Value) -> Result<(u16, Value)> {
        self.call(Method::POST, path, body.to_string().into_bytes())
            .await
    }

    /// Upload a component. `query` begins with a question mark, or is empty.
    ///
    /// # Errors
    /// No answer.
    pub async fn upload(&self, name: &str, query: &str, wasm: &[u8]) -> Result<(u16, Value)> {
        let path = format!("/modules/{name}{query}");
        self.call(Method::PUT, &path, wasm.to_vec()).await
    }

    /// Upload and make live; gives the number of the version.
    ///
    /// # Errors
    /// It is refused.
    pub async fn publish(&self, name: &str, wasm: &[u8]) -> Result<u64> {
        let (status, answer) = self.upload(name, "?activate=true&allow=move", wasm).await?;
        ensure!(status == 201, "upload of {name}: {status} {answer}");
        answer
            .get("version")
            .and_then(Value::as_u64)
            .context("a version")
    }
}

/// The same rules with other bytes: a custom section, which nothing reads, behind a component.
#[must_use]
pub fn with_section(wasm: &[u8], text: &str) -> Vec<u8> {
    let mut bytes = wasm.to_vec();
    let name = b"note";
    let size = 1 + name.len() + text.len();
    bytes.push(0);
    // Sizes are LEB128: seven bits a byte.
    let mut left = size;
    loop {
        let byte = (left & 0x7f) as u8;
        left >>= 7;
        bytes.push(if left > 0 { byte | 0x80 } else { byte });
        if left == 0 {
            break;
        }
    }
    bytes.push(name.len() as u8);
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// A version of the guest `rogue` that misbehaves as these words say.
///
/// # Errors
/// The guest has no place for them.
pub fn rogue(wasm: &[u8], words: &str) -> Result<Vec<u8>> {
    const MARK: &[u8] = b"rogue-version:";
    const ROOM: usize = 64 - MARK.len();
    ensure!(words.len() <= ROOM, "{words} is too long");
    let mut found = wasm.windows(MARK.len()).enumerate();
    let at = found.find(|(_, window)| *window == MARK);
    let (at, _) = at.context("the guest has no place for words")?;
    let mut bytes = wasm.to_vec();
    let place = at + MARK.len()..at + MARK.len() + ROOM;
    let place = bytes.get_mut(place).context("the place is cut off")?;
    place.fill(b' ');
    place
        .iter_mut()
        .zip(words.bytes())
        .for_each(|(byte, word)| *byte = word);
    Ok(bytes)
}
