//! A client of the administrative interface, `/api/v1` (`protocol/docs/api.md`): what the command line speaks.

mod address;
mod error;
mod sse;

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use address::Address;
pub use error::{ClientError, Refusal};
pub use sse::{Event, Parser, TooLong};

/// Time for a connection to be there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for an answer, streams and uploads aside.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// Time for an upload and the answer to it.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(900);
/// Time for each piece of a download.
const PIECE_TIMEOUT: Duration = Duration::from_secs(60);

/// Speaks to one server, as one person.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    server: String,
    token: Option<String>,
}

/// What the server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status; one of success.
    pub status: u16,
    /// Where the answer to a long request will be.
    pub location: Option<String>,
    /// The body as it came.
    pub body: Bytes,
    server: String,
}

impl Answer {
    /// The body, understood.
    ///
    /// # Errors
    /// [`ClientError::Foreign`] if it is not what was asked for.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| ClientError::foreign(&self.server, format!("in its answer, {error}")))
    }

    /// It is not what was promised.
    pub(crate) fn foreign(&self, reason: &str) -> ClientError {
        ClientError::foreign(&self.server, reason)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim_end().to_owned()
    }
}

/// Whether an address names this machine.
#[must_use]
pub fn is_loopback(server: &Url) -> bool {
    let host = server.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|addr| addr.is_loopback())
}

/// Reads the address of a server: `http://host:port`, without a path.
///
/// # Errors
/// [`ClientError::Address`] if it is none.
pub fn parse_server(text: &str) -> Result<Url, ClientError> {
    let wrong = |reason: &str| ClientError::Address {
        address: text.to_owned(),
        reason: reason.to_owned(),
    };
    if !["http://", "https://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
    {
        return Err(wrong("it begins with http:// or https://"));
    }
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if url.path() != "/" || url.query().is_some() {
        return Err(wrong("it has no path"));
    }
    Ok(url)
}

impl Client {
    /// Speaks to `server`, and shows `token`.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn new(server: &Url, token: Option<String>) -> Result<Self, ClientError> {
        let name = server.as_str().trim_end_matches('/').to_owned();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("roost/", env!("CARGO_PKG_VERSION")))
            // A redirect would carry the token to somebody else.
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(server) {
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| ClientError::of(&name, &error))?;
        Ok(Self {
            http,
            server: name,
            token,
        })
    }

    /// The same server, with another token, or with none.
    #[must_use]
    pub fn with_token(&self, token: Option<String>) -> Self {
        Self {
            token,
            ..self.clone()
        }
    }

    /// The address of the server, without a slash at its end.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Asks for something.
    pub async fn get(&self, address: &Address) -> Result<Answer, ClientError> {
        let request = self.request(Method::GET, &address.to_string());
        self.answer(request.timeout(ANSWER_TIMEOUT)).await
    }

    /// Asks for something, and understands it.
    pub async fn fetch<T: DeserializeOwned>(&self, address: &Address) -> Result<T, ClientError> {
        self.get(address).await?.read()
    }

    /// Sends `body`.
    pub async fn post(
        &self,
        address: &Address,
        body: &impl Serialize,
    ) -> Result<Answer, ClientError> {
        let request = self.request(Method::POST, &address.to_string()).json(body);
        self.answer(request.timeout(ANSWER_TIMEOUT)).await
    }

    /// Sends `body`, if there is one, and does not wait for what takes long: the answer may be 202.
    pub async fn start(
        &self,
        address: &Address,
        body: Option<&impl Serialize>,
    ) -> Result<Answer, ClientError> {
        let mut request = self.request(Method::POST, &address.to_string());
        if let Some(body) = body {
            request = request.json(body);
        }
        let request = request.header("prefer", "respond-async");
        self.answer(request.timeout(ANSWER_TIMEOUT)).await
    }

    /// Uploads a component, and does not wait for what takes long: the answer may be 202.
    pub async fn upload(&self, address: &Address, wasm: Bytes) -> Result<Answer, ClientError> {
        let request = self
            .request(Method::PUT, &address.to_string())
            .header("content-type", "application/wasm")
            .header("prefer", "respond-async")
            .body(wasm);
        self.answer(request.timeout(UPLOAD_TIMEOUT)).await
    }

    /// Takes something away.
    pub async fn delete(&self, address: &Address) -> Result<Answer, ClientError> {
        let request = self.request(Method::DELETE, &address.to_string());
        self.answer(request.timeout(ANSWER_TIMEOUT)).await
    }

    /// Opens a stream of bytes.
    pub async fn download(&self, address: &Address) -> Result<Download, ClientError> {
        let request = self.request(Method::GET, &address.to_string());
        let response = self.succeeded(request).await?;
        Ok(Download {
            response,
            server: self.server.clone(),
        })
    }

    /// Opens a stream of events; `path` begins with `/`.
    pub async fn events(&self, path: &str) -> Result<Events, ClientError> {
        let request = self
            .request(Method::GET, path)
            .header("accept", "text/event-stream");
        let response = self.succeeded(request).await?;
        Ok(Events {
            response,
            parser: Parser::default(),
            server: self.server.clone(),
        })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.server));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn succeeded(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request
            .send()
            .await
            .map_err(|error| ClientError::of(&self.server, &error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        // Why not is the better half of a refusal; if it breaks off, the status alone has to do.
        let body = response.bytes().await.unwrap_or_default();
        Err(ClientError::of_answer(&self.server, status, &body))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Answer, ClientError> {
        let response = self.succeeded(request).await?;
        let status = response.status().as_u16();
        let location = location(response.headers());
        let body = response
            .bytes()
            .await
            .map_err(|error| ClientError::of(&self.server, &error))?;
        Ok(Answer {
            status,
            location,
            body,
            server: self.server.clone(),
        })
    }
}

fn location(headers: &HeaderMap) -> Option<String> {
    Some(headers.get(LOCATION)?.to_str().ok()?.to_owned())
}

/// Bytes on their way.
#[derive(Debug)]
pub struct Download {
    response: Response,
    server: String,
}

impl Download {
    /// Bytes there will be, if the server says so.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next piece; `None` at the end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, ClientError> {
        let piece = tokio::time::timeout(PIECE_TIMEOUT, self.response.chunk()).await;
        match piece {
            Ok(piece) => piece.map_err(|error| ClientError::of(&self.server, &error)),
            Err(_) => Err(ClientError::Broken {
                server: self.server.clone(),
                reason: "nothing came for a minute".to_owned(),
            }),
        }
    }
}

/// Events on their way.
#[derive(Debug)]
pub struct Events {
    response: Response,
    parser: Parser,
    server: String,
}

impl Events {
    /// The next event; `None` at the end.
    pub async fn next_event(&mut self) -> Result<Option<Event>, ClientError> {
        loop {
            if let Some(event) = self.parser.next_event() {
                return Ok(Some(event));
            }
            let piece = self.response.chunk().await;
            let Some(piece) = piece.map_err(|error| ClientError::of(&self.server, &error))? else {
                return Ok(None);
            };
            self.parser
                .feed(&piece)
                .map_err(|error| ClientError::foreign(&self.server, error))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_addresses_without_a_path() {
        let url = parse_server("http://127.0.0.1:8080/").unwrap();
        assert_eq!(
            Client::new(&url, None).unwrap().server(),
            "http://127.0.0.1:8080"
        );
        for text in [
            "127.0.0.1:8080",
            "localhost:8080",
            "ws://a",
            "http://a/b",
            "",
        ] {
            assert!(parse_server(text).is_err(), "{text}");
        }
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (server, loopback) in [
            ("http://localhost:1", true),
            ("http://127.0.0.2", true),
            ("http://[::1]:8080", true),
            ("https://10.0.0.1", false),
            ("https://localhost.example.org", false),
        ] {
            assert_eq!(
                is_loopback(&parse_server(server).unwrap()),
                loopback,
                "{server}"
            );
        }
    }
}
