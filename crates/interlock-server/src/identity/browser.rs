//! What a browser sends with a request: the cookie of a session, and where the request comes from.
//!
//! A cookie goes with every request that a browser makes, whoever made it ask. So a request that
//! counts by its cookie must come from the console itself: a change names the same origin, says that
//! it is `same-origin`, and has a header that no form and no other page can add; a read must not say
//! that it comes from elsewhere. Keys are sent by programs on purpose, and are not looked at here.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::error::{ApiError, ApiResult};

/// The cookie where the console is reached over TLS: the prefix has browsers refuse one without
/// `Secure`, with a `Domain`, or set by another host.
const SECURE_COOKIE: &str = "__Host-interlock";
/// The cookie on this machine without TLS, where browsers take neither the prefix nor `Secure`.
/// Cookies do not know ports: whoever serves another port of this machine can read what a browser
/// sends there, so that its name says where it is good.
const LOOPBACK_COOKIE: &str = "interlock-loopback";
/// The cookies of a sign-in that is underway at a provider, as those of a session.
const ATTEMPT_COOKIES: [&str; 2] = ["__Host-interlock-sign-in", "interlock-loopback-sign-in"];
/// The header that only a script of the same origin can add.
pub(crate) const HEADER: &str = "x-interlock-request";
/// The header that says whose session a page takes itself to have, by its id.
pub(crate) const SESSION_HEADER: &str = "x-interlock-session";
/// Characters of a session's secret at most.
const TOKEN_MAX: usize = 64;

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The host without its port.
fn host_name(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    authority.split(':').next().unwrap_or_default()
}

pub(crate) fn is_loopback(authority: &str) -> bool {
    let name = host_name(authority);
    name == "localhost"
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// The value of a cookie, by its name over TLS and on this machine; `None` also when one name is there
/// twice, since only one of them is the server's.
fn cookie<'a>(headers: &'a HeaderMap, names: [&str; 2]) -> Option<&'a str> {
    let host = text(headers, header::HOST).unwrap_or_default();
    let mut found = [None; 2];
    let mut twice = false;
    for line in headers.get_all(header::COOKIE) {
        for pair in line.to_str().ok()?.split(';') {
            let Some((name, value)) = pair.trim().split_once('=') else {
                continue;
            };
            let Some(place) = names.iter().position(|known| *known == name) else {
                continue;
            };
            twice |= found[place].replace(value).is_some();
        }
    }
    let [secure, loopback] = found;
    secure
        .or(loopback.filter(|_| is_loopback(host)))
        .filter(|value| !twice && !value.is_empty())
}

/// The secret of a session in the cookies.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, [SECURE_COOKIE, LOOPBACK_COOKIE]).filter(|token| token.len() <= TOKEN_MAX)
}

/// What a browser keeps of a sign-in that is underway at a provider.
pub(crate) fn attempt_cookie(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, ATTEMPT_COOKIES)
}

/// From where a browser reaches this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Over TLS, which a proxy ends.
    Tls,
    /// On the same machine.
    Loopback,
}

fn elsewhere(message: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "session.elsewhere", message)
}

/// Refuses a change that does not come from this server's own page, and says how the browser reaches
/// it. `public_url` is where people reach the server, if that is configured.
///
/// # Errors
/// `403`.
pub(crate) fn own_page(headers: &HeaderMap, public_url: Option<&str>) -> ApiResult<Reached> {
    let origin = text(headers, header::ORIGIN).ok_or_else(|| {
        elsewhere("the request names no `Origin`: sign in with a browser, or use a key")
    })?;
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if site != Some(b"same-origin") || !headers.contains_key(HEADER) {
        return Err(elsewhere(
            "the request does not come from this server's own page",
        ));
    }
    let host = text(headers, header::HOST).unwrap_or_default();
    let (scheme, authority) = origin.split_once("://").unwrap_or_default();
    let own = authority.eq_ignore_ascii_case(host)
        || public_url.is_some_and(|url| origin.eq_ignore_ascii_case(url));
    match scheme {
        _ if authority.is_empty() || !own => {
            Err(elsewhere("the request comes from a page of another server"))
        }
        "https" => Ok(Reached::Tls),
        // A name that leads here may be somebody else's: the page it names as its origin would be too.
        "http" if is_loopback(authority) => Ok(Reached::Loopback),
        _ => Err(elsewhere(
            "people sign in over TLS, or on the same machine: reach the server by https",
        )),
    }
}

/// Refuses a request that counts by its cookie and does not come from this server's own page.
///
/// # Errors
/// `403`.
pub(crate) fn check(
    method: &Method,
    headers: &HeaderMap,
    public_url: Option<&str>,
) -> ApiResult<()> {
    if method != Method::GET && method != Method::HEAD {
        return own_page(headers, public_url).map(|_| ());
    }
    // `none` is a person who typed the address.
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(elsewhere("the request comes from a page of another server")),
    }
}

/// The header that gives a browser its session for `seconds`, or takes it away at 0.
pub(crate) fn set_cookie(reached: Reached, token: &str, seconds: u64) -> String {
    let (name, secure) = match reached {
        Reached::Tls => (SECURE_COOKIE, "; Secure"),
        Reached::Loopback => (LOOPBACK_COOKIE, ""),
    };
    format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
}

/// The header that has a browser keep a sign-in that is underway, or forget it at 0. The browser comes
/// back from another site, so that it must be `Lax`.
pub(crate) fn set_attempt_cookie(reached: Reached, sealed: &str, seconds: u64) -> String {
    let [tls, loopback] = ATTEMPT_COOKIES;
    let (name, secure) = match reached {
        Reached::Tls => (tls, "; Secure"),
        Reached::Loopback => (loopback, ""),
    };
    format!("{name}={sealed}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}")
}

/// Refuses a request of a page that takes itself to have another session: another tab of the browser
/// has signed somebody else in, and what this one asks for is not theirs.
///
/// # Errors
/// `409`.
pub(crate) fn check_session(headers: &HeaderMap, id: &str) -> ApiResult<()> {
    match headers.get(SESSION_HEADER) {
        Some(thought) if thought.as_bytes() != id.as_bytes() => Err(ApiError::conflict(
            "session.other",
            "another session has begun in this browser since this page was loaded; nothing was done: load it again",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect()
    }

    #[test]
    fn changes_come_from_the_own_page_alone() {
        let own = [
            ("host", "127.0.0.1:8088"),
            ("origin", "http://127.0.0.1:8088"),
            ("sec-fetch-site", "same-origin"),
            (HEADER, "1"),
        ];
        let without = |name: &str| {
            let left: Vec<_> = own.into_iter().filter(|(n, _)| *n != name).collect();
            headers(&left)
        };
        let with = |name: &str, value: &'static str| {
            let mut all = without(name);
            all.insert(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_static(value),
            );
            all
        };
        assert_eq!(own_page(&headers(&own), None).unwrap(), Reached::Loopback);
        for refused in [
            without("origin"),
            without(HEADER),
            without("host"),
            without("sec-fetch-site"),
            with("origin", "null"),
            with("origin", "https://evil.example"),
            with("origin", "http://127.0.0.1:9999"),
            with("origin", "http://127.0.0.1"),
            with("origin", "http://127.0.0.1:8088.evil.example"),
            with("sec-fetch-site", "same-site"),
            with("sec-fetch-site", "cross-site"),
            with("sec-fetch-site", "none"),
        ] {
            let error = own_page(&refused, None).unwrap_err();
            assert_eq!(
                (error.status.as_u16(), error.code),
                (403, "session.elsewhere")
            );
        }
        // A name that was made to lead to this machine.
        let rebound = headers(&[
            ("host", "evil.example:8088"),
            ("origin", "http://evil.example:8088"),
            ("sec-fetch-site", "same-origin"),
            (HEADER, "1"),
        ]);
        assert!(own_page(&rebound, None).is_err());
        let tls = |host: &str| {
            headers(&[
                ("host", host),
                ("origin", "https://interlock.example.com"),
                ("sec-fetch-site", "same-origin"),
                (HEADER, "1"),
            ])
        };
        assert_eq!(
            own_page(&tls("interlock.example.com"), None).unwrap(),
            Reached::Tls
        );
        assert!(own_page(&tls("10.0.0.7:8088"), None).is_err());
        let url = Some("https://interlock.example.com");
        assert_eq!(own_page(&tls("10.0.0.7:8088"), url).unwrap(), Reached::Tls);
    }

    #[test]
    fn reads_say_no_other_site() {
        for (site, passes) in [
            (None, true),
            (Some("same-origin"), true),
            (Some("none"), true),
            (Some("same-site"), false),
            (Some("cross-site"), false),
        ] {
            let all: Vec<_> = site.map(|s| ("sec-fetch-site", s)).into_iter().collect();
            assert_eq!(
                check(&Method::GET, &headers(&all), None).is_ok(),
                passes,
                "{site:?}"
            );
            assert!(check(&Method::POST, &headers(&all), None).is_err());
        }
    }

    #[test]
    fn a_page_of_another_session_is_told() {
        assert!(check_session(&headers(&[]), "a").is_ok());
        assert!(check_session(&headers(&[(SESSION_HEADER, "a")]), "a").is_ok());
        for other in ["b", "", "A"] {
            let error = check_session(&headers(&[(SESSION_HEADER, other)]), "a").unwrap_err();
            assert_eq!((error.status.as_u16(), error.code), (409, "session.other"));
        }
    }

    #[test]
    fn a_cookie_is_found_once_and_where_it_is_good() {
        for (host, cookies, expected) in [
            ("127.0.0.1:1", "interlock-loopback=a", Some("a")),
            ("localhost", "x=y; interlock-loopback=a; z=", Some("a")),
            ("[::1]:8088", "interlock-loopback=a", Some("a")),
            ("interlock.example.com", "interlock-loopback=a", None),
            ("localhost.example.com", "interlock-loopback=a", None),
            ("interlock.example.com", "__Host-interlock=b", Some("b")),
            (
                "127.0.0.1",
                "__Host-interlock=b; interlock-loopback=a",
                Some("b"),
            ),
            (
                "127.0.0.1",
                "interlock-loopback=a; interlock-loopback=c",
                None,
            ),
            ("127.0.0.1", "interlock-loopback=", None),
            ("127.0.0.1", "interlock-loopback", None),
            ("127.0.0.1", "Interlock-Loopback=a", None),
        ] {
            let all = headers(&[("host", host), ("cookie", cookies)]);
            assert_eq!(token(&all), expected, "{host} {cookies}");
        }
        let long = format!("interlock-loopback={}", "a".repeat(65));
        assert_eq!(
            token(&headers(&[("host", "127.0.0.1"), ("cookie", &long)])),
            None
        );
    }
}
