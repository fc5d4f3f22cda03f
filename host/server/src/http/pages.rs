//! The pages: built into the binary, with an operator's folder in front of them.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use percent_encoding::percent_decode_str;
use rust_embed::RustEmbed;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use crate::net::paths::is_reserved;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../static_client"]
struct Embedded;

/// The browser piano: the page at `/`, and of every room.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../client"]
struct Piano;

/// Pages load nothing from elsewhere; WebSockets may go where the page says.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: blob:; \
                      object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";
/// What a folder's name shows.
const INDEX: &str = "index.html";
/// Bytes of an operator's file that are in memory at a time, for each who asks for it.
const PIECE: usize = 16 * 1024;

/// Finds pages by path.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    overlay: Option<Arc<Path>>,
}

/// What a page consists of.
enum Content {
    /// Built in.
    Embedded(Bytes),
    /// A file, not opened yet.
    File(PathBuf),
}

struct Page {
    content: Content,
    length: u64,
    tag: String,
    name: String,
}

impl Pages {
    pub(crate) fn new(overlay: Option<PathBuf>) -> Self {
        Self {
            overlay: overlay.map(Arc::from),
        }
    }

    /// A route of its own for each built-in file, which goes before routes with parameters (`/play/{kind}`), and a
    /// fallback for the operator's.
    pub(crate) fn routes(self) -> Router {
        let mut router = Router::new();
        for name in Embedded::iter().chain(Piano::iter()) {
            router = router.route(&format!("/{name}"), get(serve));
            let folder = name
                .strip_suffix(INDEX)
                .map(|folder| folder.trim_end_matches('/'));
            for folder in folder.into_iter().filter(|folder| !folder.is_empty()) {
                router = router
                    .route(&format!("/{folder}"), get(serve))
                    .route(&format!("/{folder}/"), get(serve));
            }
        }
        router.fallback(serve).with_state(self)
    }

    /// The file of this name, or the index of the folder of this name.
    async fn find(&self, path: &str) -> Option<Page> {
        let name = path.trim_matches('/');
        let index = if name.is_empty() {
            INDEX.to_owned()
        } else {
            format!("{name}/{INDEX}")
        };
        for name in [name.to_owned(), index] {
            if let Some(page) = self.overlaid(&name).await {
                return Some(page);
            }
            if let Some(file) = Embedded::get(&name).or_else(|| Piano::get(&name)) {
                let tag = file
                    .metadata
                    .sha256_hash()
                    .iter()
                    .take(12)
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                let length = file.data.len() as u64;
                let bytes = match file.data {
                    std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                    std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
                };
                return Some(Page {
                    content: Content::Embedded(bytes),
                    length,
                    tag,
                    name,
                });
            }
        }
        None
    }

    async fn overlaid(&self, name: &str) -> Option<Page> {
        let inside = Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        let file = self
            .overlay
            .as_ref()
            .filter(|_| inside && !name.is_empty())?
            .join(name);
        let metadata = tokio::fs::metadata(&file)
            .await
            .ok()
            .filter(std::fs::Metadata::is_file)?;
        let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let length = metadata.len();
        Some(Page {
            content: Content::File(file),
            length,
            tag: format!("{:x}-{length:x}", changed.as_nanos()),
            name: name.to_owned(),
        })
    }
}

async fn serve(
    State(pages): State<Pages>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return (
            StatusCode::METHOD_NOT_ALLOWED,
            [(header::ALLOW, "GET, HEAD")],
            "only GET here\n",
        )
            .into_response();
    }
    let Ok(path) = percent_decode_str(uri.path()).decode_utf8() else {
        return (StatusCode::BAD_REQUEST, "the path is not UTF-8\n").into_response();
    };
    let mut page = pages.find(&path).await;
    if page.is_none() && !is_reserved(&path) {
        // Links to piano rooms.
        page = pages.find("/").await;
    }
    match page {
        Some(page) => page.respond(&method, &headers).await,
        None => (StatusCode::NOT_FOUND, "there is no such page\n").into_response(),
    }
}

impl Page {
    /// Whether one of the tags that the client names is this page's.
    fn is_known(&self, asked: &HeaderMap) -> bool {
        let named = asked
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok());
        named
            .flat_map(|value| value.split(','))
            .any(|known| known.trim().trim_start_matches("W/").trim_matches('"') == self.tag)
    }

    /// Nothing of a file is read before it is wanted.
    async fn respond(self, method: &Method, asked: &HeaderMap) -> Response {
        let mut response = if self.is_known(asked) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let body = match self.content {
                _ if method == Method::HEAD => Body::empty(),
                Content::Embedded(bytes) => Body::from(bytes),
                Content::File(path) => match File::open(&path).await {
                    Ok(file) => pieces(file, self.length),
                    Err(error) => return unreadable(&path, &error),
                },
            };
            let mut response = Response::new(body);
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.length));
            response
        };
        let tag = format!("\"{}\"", self.tag);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(content_type(&self.name)),
        );
        // Names do not change with contents, so every use asks whether there is something new.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(header::ETAG, tag);
        }
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        );
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers.insert(
            header::REFERRER_POLICY,
            HeaderValue::from_static("same-origin"),
        );
        response
    }
}

/// So many bytes of a file, read when there is room for them. If it has fewer by now, the answer breaks off.
fn pieces(file: File, length: u64) -> Body {
    let start = (file.take(length), BytesMut::new());
    Body::from_stream(stream::try_unfold(start, async |(mut file, mut piece)| {
        piece.reserve(PIECE);
        let read = file.read_buf(&mut piece).await?;
        let bytes = piece.split().freeze();
        Ok::<_, std::io::Error>((read > 0).then_some((bytes, (file, piece))))
    }))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Response {
    tracing::warn!(path = %path.display(), %error, "a page cannot be read");
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "the page cannot be read\n",
    )
        .into_response()
}

fn content_type(name: &str) -> &'static str {
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| extension)
        .unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "wav" => "audio/wav",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}
