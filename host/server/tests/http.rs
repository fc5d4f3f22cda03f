//! Pages, health and metrics, as the router answers them.
// Tests may fail loudly, their set-up functions too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::net::IpAddr;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use roost_server::config::tree::HttpConfig;
use roost_server::http::health::Readiness;
use roost_server::http::router;
use roost_server::net::upgrade::Client;
use roost_server::telemetry;
use tower::ServiceExt;

fn site(config: &HttpConfig) -> (Router, Readiness) {
    let readiness = Readiness::default();
    (
        router(
            config,
            readiness.clone(),
            telemetry::start_metrics().unwrap(),
        ),
        readiness,
    )
}

async fn ask(
    router: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, HeaderMap, String) {
    ask_from("127.0.0.1", router, method, path, headers).await
}

async fn ask_from(
    address: &str,
    router: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, HeaderMap, String) {
    let address: IpAddr = address.parse().unwrap();
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .extension(Client {
            address,
            peer: address,
            secure: false,
        });
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (
        parts.status,
        parts.headers,
        String::from_utf8_lossy(&body).into_owned(),
    )
}

#[tokio::test]
async fn the_built_in_pages_have_types_tags_and_a_policy() {
    let (router, _) = site(&HttpConfig::default());
    for (path, kind) in [
        ("/play", "text/html"),
        ("/play/", "text/html"),
        ("/play/play.js", "text/javascript"),
        ("/play/play.css", "text/css"),
    ] {
        let (status, headers, body) = ask(&router, "GET", path, &[]).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(
            headers[header::CONTENT_TYPE]
                .to_str()
                .unwrap()
                .starts_with(kind),
            "{path}"
        );
        assert!(
            headers[header::CONTENT_SECURITY_POLICY]
                .to_str()
                .unwrap()
                .starts_with("default-src 'self'")
        );
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(!body.is_empty());
        let tag = headers[header::ETAG].to_str().unwrap().to_owned();
        let (status, _, body) = ask(
            &router,
            "GET",
            path,
            &[("if-none-match", &format!("\"x\", W/{tag}"))],
        )
        .await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""));
        let (status, headers, body) = ask(&router, "HEAD", path, &[]).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, ""));
        assert_eq!(headers[header::ETAG].to_str().unwrap(), tag);
    }
}

#[tokio::test]
async fn routes_with_parameters_do_not_hide_pages() {
    let (router, _) = site(&HttpConfig::default());
    let router =
        router.merge(Router::new().route("/play/{kind}", axum::routing::get(async || "rooms")));
    assert_eq!(ask(&router, "GET", "/play/echo", &[]).await.2, "rooms");
    assert_ne!(ask(&router, "GET", "/play/play.js", &[]).await.2, "rooms");
}

#[tokio::test]
async fn what_is_unknown_is_told_in_the_language_of_its_readers() {
    let (router, _) = site(&HttpConfig::default());
    for path in ["/api", "/api/v9/nothing"] {
        let (status, headers, body) = ask(&router, "POST", path, &[]).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(headers[header::CONTENT_TYPE], "application/json");
        assert!(body.contains("not_found"), "{body}");
    }
    assert_eq!(
        ask(&router, "GET", "/console/none", &[]).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        ask(&router, "POST", "/play/play.js", &[]).await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(
        ask(&router, "GET", "/%FF", &[]).await.0,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn an_operators_folder_stands_in_front() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("site")).unwrap();
    std::fs::write(folder.path().join("secret.txt"), "secret").unwrap();
    std::fs::write(folder.path().join("site/index.html"), "our own").unwrap();
    std::fs::create_dir(folder.path().join("site/play")).unwrap();
    std::fs::write(folder.path().join("site/play/play.css"), "body {}").unwrap();
    let config = HttpConfig {
        static_dir: Some(folder.path().join("site")),
        ..HttpConfig::default()
    };
    let (router, _) = site(&config);
    assert_eq!(ask(&router, "GET", "/", &[]).await.2, "our own");
    assert_eq!(
        ask(&router, "GET", "/some%20room", &[]).await.2,
        "our own",
        "links to rooms"
    );
    assert_eq!(
        ask(&router, "GET", "/play/play.css", &[]).await.2,
        "body {}"
    );
    assert!(
        ask(&router, "GET", "/play", &[]).await.2.contains("Roost"),
        "the rest stays"
    );
    for path in [
        "/../secret.txt",
        "/play/%2e%2e/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/play%00",
    ] {
        assert!(
            !ask(&router, "GET", path, &[]).await.2.contains("secret"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_operators_file_is_sent_whole_and_only_when_it_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..50_000).map(|n| format!("line {n}\n")).collect();
    std::fs::write(folder.path().join("long.txt"), &text).unwrap();
    let config = HttpConfig {
        static_dir: Some(folder.path().to_owned()),
        ..HttpConfig::default()
    };
    let (router, _) = site(&config);
    let (status, headers, body) = ask(&router, "GET", "/long.txt", &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body == text);
    let length = headers[header::CONTENT_LENGTH].to_str().unwrap();
    assert_eq!(length, text.len().to_string());
    let tag = headers[header::ETAG].to_str().unwrap();
    let (status, head, body) = ask(&router, "HEAD", "/long.txt", &[]).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, ""));
    assert_eq!(head[header::ETAG], tag);
    assert_eq!(head[header::CONTENT_LENGTH], length);
    let known = [("if-none-match", tag)];
    let (status, _, body) = ask(&router, "GET", "/long.txt", &known).await;
    assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    std::fs::write(folder.path().join("long.txt"), "new").unwrap();
    assert_eq!(ask(&router, "GET", "/long.txt", &known).await.2, "new");
}

#[tokio::test]
async fn health_and_readiness_differ() {
    let (router, readiness) = site(&HttpConfig::default());
    let store = readiness.check("store");
    assert_eq!(ask(&router, "GET", "/healthz", &[]).await.0, StatusCode::OK);
    let (status, _, body) = ask(&router, "GET", "/readyz", &[]).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("starting"), "{body}");
    store.green();
    assert_eq!(ask(&router, "GET", "/readyz", &[]).await.0, StatusCode::OK);
}

#[tokio::test]
async fn metrics_stay_on_this_machine() {
    let (router, _) = site(&HttpConfig::default());
    let (status, headers, _) = ask(&router, "GET", "/metrics", &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        headers[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    assert_eq!(
        ask_from("9.9.9.9", &router, "GET", "/metrics", &[]).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        ask(
            &router,
            "GET",
            "/metrics",
            &[("x-forwarded-for", "127.0.0.1")]
        )
        .await
        .0,
        StatusCode::NOT_FOUND
    );
    let config = HttpConfig {
        metrics_listen: Some("127.0.0.1:9090".parse().unwrap()),
        ..HttpConfig::default()
    };
    let (router, _) = site(&config);
    assert_eq!(
        ask(&router, "GET", "/metrics", &[]).await.0,
        StatusCode::NOT_FOUND
    );
}
