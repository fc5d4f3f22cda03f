//! Paths of requests: which belong to Roost, and how they are cleaned.

use hyper::Uri;
use hyper::http::uri::PathAndQuery;

/// First path segments that are never the name of a piano room.
pub const RESERVED: &[&str] = &[
    "api",
    "arena",
    "assets",
    "call",
    "chat",
    "chess",
    "console",
    "docs",
    "foundry",
    "healthz",
    "hocuspocus",
    "metrics",
    "play",
    "readyz",
    "rooms",
    "shooter",
    "slides",
    "token",
    "ws",
    "yjs",
];

/// Whether the first segment of this path is Roost's own.
#[must_use]
pub fn is_reserved(path: &str) -> bool {
    let first = path
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    RESERVED.contains(&first)
}

/// The path with every run of slashes made one; `None` when there is nothing to do.
#[must_use]
pub fn collapse_slashes(path: &str) -> Option<String> {
    if !path.contains("//") {
        return None;
    }
    let mut collapsed = String::with_capacity(path.len());
    for character in path.chars() {
        if character != '/' || !collapsed.ends_with('/') {
            collapsed.push(character);
        }
    }
    Some(collapsed)
}

/// The same address with its slashes collapsed; the query stays as it is.
pub(crate) fn collapsed_uri(uri: &Uri) -> Option<Uri> {
    let mut path = collapse_slashes(uri.path())?;
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserved_list_is_what_clients_rely_on() {
        for path in [
            "/api/v1/modules",
            "/docs",
            "/metrics",
            "/healthz",
            "/readyz",
            "/play/echo/a",
            "/ws",
            "/yjs/a/b",
            "/hocuspocus",
            "/foundry/x",
            "/token",
            "/console",
            "//api",
        ] {
            assert!(is_reserved(path), "{path}");
        }
        for path in ["/", "/lobby", "/apis", "/Test/Awkward", "/my%20room"] {
            assert!(!is_reserved(path), "{path}");
        }
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn slashes_collapse_in_the_path_only() {
        assert_eq!(collapse_slashes("/a/b"), None);
        assert_eq!(collapse_slashes("//a///b//").unwrap(), "/a/b/");
        let uri = collapsed_uri(&Uri::from_static("http://h//a//b?x=//y")).unwrap();
        assert_eq!(uri, Uri::from_static("http://h/a/b?x=//y"));
        assert!(collapsed_uri(&Uri::from_static("/a?x=//y")).is_none());
    }
}
