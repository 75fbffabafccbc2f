//! The web console: the files that `console/` is built to, and the headers they are served with.
//!
//! A release build carries the files; any other build reads them where they were built when the
//! server starts, so that building the console compiles no Rust.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};

use crate::api::health::no_such_path;

/// Files of the console, and bytes of one of them.
#[cfg(debug_assertions)]
const FILES_MAX: usize = 200;
#[cfg(debug_assertions)]
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What the page may do: load what this server serves, and ask this server. No inline script, no
/// inline style, no frame around it, no string that becomes code.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
    form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Files whose name holds the hash of their content never change.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Shown in the place of the console where it was not built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Interlock</title></head>\
<body><h1>Interlock is running</h1><p>The web console is not part of this build. With Node.js 20 and npm, \
<code>make console</code> builds it; start the server again afterwards. \
The API works without it: <a href=\"/openapi.json\">/openapi.json</a>.</p></body></html>";

include!(concat!(env!("OUT_DIR"), "/console_files.rs"));

/// The files, by their path below `/`.
type Files = BTreeMap<String, Bytes>;

fn embedded() -> Files {
    EMBEDDED
        .iter()
        .map(|(path, content)| ((*path).to_owned(), Bytes::from_static(content)))
        .collect()
}

#[cfg(not(debug_assertions))]
fn files() -> Files {
    embedded()
}

#[cfg(debug_assertions)]
fn files() -> Files {
    let embedded = embedded();
    if !embedded.is_empty() {
        return embedded;
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../console/dist");
    let mut files = Files::new();
    for (directory, prefix) in [(root.clone(), ""), (root.join("assets"), "assets/")] {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let small = entry
                .metadata()
                .is_ok_and(|m| m.is_file() && m.len() <= FILE_BYTES_MAX);
            if small
                && files.len() < FILES_MAX
                && let Ok(content) = std::fs::read(entry.path())
            {
                files.insert(format!("{prefix}{name}"), Bytes::from(content));
            }
        }
    }
    files
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn answer(path: &str, content: Bytes) -> Response {
    let mut response = content.into_response();
    let mut set = |name: HeaderName, value: &'static str| {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_TYPE, kind(path));
    set(
        header::CACHE_CONTROL,
        if path.starts_with("assets/") {
            FOR_EVER
        } else {
            "no-cache"
        },
    );
    set(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    set(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    set(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    );
    response
}

/// Whether a person's browser asks for a page here. What programs ask for keeps its JSON errors.
fn is_page(request: &Request) -> bool {
    let path = request.uri().path();
    let of_a_program = ["/api", "/v1", "/mcp", "/vaultak.com", "/assets", "/metrics"]
        .iter()
        .any(|prefix| path == *prefix || path.starts_with(&format!("{prefix}/")));
    let wants_page = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("text/html"));
    !of_a_program && wants_page
}

async fn serve(files: Arc<Files>, request: Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return no_such_path().await.into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    if let Some(content) = files.get(path) {
        return answer(path, content.clone());
    }
    // Every screen has an address of its own, and all are one page.
    match files.get("index.html") {
        Some(page) if path.is_empty() || is_page(&request) => answer("index.html", page.clone()),
        None if path.is_empty() => answer("index.html", Bytes::from_static(NOT_BUILT.as_bytes())),
        _ => no_such_path().await.into_response(),
    }
}

/// Whether there is a console at `/`, or only a page that says how to build it.
#[must_use]
pub fn is_built() -> bool {
    files().contains_key("index.html")
}

/// Serves the console where nothing else answers.
pub(crate) fn route<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    over(router, files())
}

fn over<S: Clone + Send + Sync + 'static>(router: Router<S>, files: Files) -> Router<S> {
    let files = Arc::new(files);
    router.fallback(move |request: Request| serve(Arc::clone(&files), request))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built() -> Files {
        [
            ("index.html", "<html>the page"),
            ("assets/index-abc123.js", "run()"),
        ]
        .into_iter()
        .map(|(path, content)| (path.to_owned(), Bytes::from_static(content.as_bytes())))
        .collect()
    }

    async fn ask(files: Files, method: &str, path: &str, accept: &str) -> (u16, Response) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("accept", accept)
            .body(axum::body::Body::empty())
            .expect("a request");
        let response = serve(Arc::new(files), request).await;
        (response.status().as_u16(), response)
    }

    fn head(response: &Response, name: &str) -> String {
        response
            .headers()
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    }

    #[tokio::test]
    async fn pages_are_pages_and_errors_stay_errors() {
        const PAGE: &str = "text/html,application/xhtml+xml,*/*;q=0.8";
        for (method, path, accept, status, content) in [
            ("GET", "/", PAGE, 200, "text/html"),
            ("GET", "/", "*/*", 200, "text/html"),
            ("HEAD", "/approvals/0198", PAGE, 200, "text/html"),
            ("GET", "/runs/a%2Fb?frame=3", PAGE, 200, "text/html"),
            ("GET", "/runs/a", "*/*", 404, "application/json"),
            ("GET", "/api/nothing", PAGE, 404, "application/json"),
            ("GET", "/v1/models", PAGE, 404, "application/json"),
            ("GET", "/assets/gone.js", PAGE, 404, "application/json"),
            ("POST", "/approvals", PAGE, 404, "application/json"),
            (
                "GET",
                "/assets/index-abc123.js",
                "*/*",
                200,
                "text/javascript",
            ),
            ("GET", "/../etc/passwd", "*/*", 404, "application/json"),
        ] {
            let (got, response) = ask(built(), method, path, accept).await;
            assert_eq!(got, status, "{method} {path}");
            let kind = head(&response, "content-type");
            assert!(kind.starts_with(content), "{method} {path}: {kind}");
        }
    }

    #[tokio::test]
    async fn nothing_inline_runs_and_only_hashed_names_are_kept() {
        let (_, page) = ask(built(), "GET", "/", "text/html").await;
        let policy = head(&page, "content-security-policy");
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(head(&page, "x-content-type-options"), "nosniff");
        assert_eq!(head(&page, "referrer-policy"), "no-referrer");
        assert_eq!(head(&page, "cache-control"), "no-cache");
        let (_, asset) = ask(built(), "GET", "/assets/index-abc123.js", "*/*").await;
        assert!(head(&asset, "cache-control").contains("immutable"));
        assert_eq!(head(&asset, "x-content-type-options"), "nosniff");
    }

    #[tokio::test]
    async fn without_the_files_the_first_page_says_how_to_build_them() {
        let (status, page) = ask(Files::new(), "GET", "/", "text/html").await;
        assert_eq!(status, 200);
        let body = axum::body::to_bytes(page.into_body(), 10_000).await;
        let body = String::from_utf8_lossy(&body.expect("a body")).into_owned();
        assert!(body.contains("make console"), "{body}");
        let (status, _) = ask(Files::new(), "GET", "/runs", "text/html").await;
        assert_eq!(status, 404);
    }
}
