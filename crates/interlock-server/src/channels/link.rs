//! Links in mails: the page that a link opens, and the form on it that decides.
//!
//! A link holds a secret of 256 random bits, of which only the hash is kept, for one person and one
//! version of an approval. Opening it changes nothing, so that programs which follow links in mails
//! change nothing; only the form on the page decides, once.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use interlock_core::approval::State as ApprovalState;
use interlock_core::audit::hex;
use interlock_runtime::{Answer, Runtime, RuntimeError, Say};
use interlock_store::{ApprovalLink, ApprovalRow};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::approver;
use super::config::Config;
use super::text::html;
use crate::App;
use crate::api::time;

/// Bytes of a form.
const FORM_BYTES_MAX: usize = 16 * 1024;
/// Characters of each text on the page.
const TEXT_CHARACTERS: usize = 8_192;

/// Reads the percent-encoding of a form's value.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(b) = bytes.next() {
        out.push(match b {
            b'+' => b' ',
            b'%' => {
                let digit = |b: u8| char::from(b).to_digit(16);
                let high = digit(*bytes.next()?)?;
                let low = digit(*bytes.next()?)?;
                u8::try_from(high * 16 + low).ok()?
            }
            other => *other,
        });
    }
    Some(out)
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// A new link for one person to one version of an approval: the path of its page.
pub(super) fn make(
    runtime: &Runtime,
    config: &Config,
    row: &ApprovalRow,
    person: &str,
) -> Result<String, String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|e| format!("the system gave no random bytes: {e}"))?;
    let secret = hex(&random);
    let link = ApprovalLink {
        hash: hash(&secret),
        tenant: config.tenant.clone(),
        approval_id: row.asked.id.clone(),
        approver: person.to_owned(),
        version: row.approval.version,
        expires: row.approval.request.expires_at,
        used: false,
    };
    runtime.store().put_link(&link).map_err(|e| e.to_string())?;
    Ok(format!("/channels/email/{secret}"))
}

pub(crate) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\"><title>{title}</title></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    );
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_TYPE, "text/html; charset=utf-8");
    set(header::CACHE_CONTROL, "no-store");
    // The address of the page is a secret.
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    response
}

fn gone() -> Response {
    page(
        StatusCode::NOT_FOUND,
        "This link is not valid",
        "<p>It was used, has expired, or never was one.</p>",
    )
}

/// The link of a secret and its approval, while it can decide.
fn find(
    runtime: &Runtime,
    config: &Config,
    secret: &str,
) -> Result<(ApprovalLink, ApprovalRow), RuntimeError> {
    let missing = || RuntimeError::NotFound("link");
    if secret.len() != 64 {
        return Err(missing());
    }
    let link = match runtime.store().link(&hash(secret)) {
        Ok(link) => link,
        Err(error) if error.is_not_found() => return Err(missing()),
        Err(error) => return Err(error.into()),
    };
    if link.used || link.expires <= runtime.now() || link.tenant != config.tenant {
        return Err(missing());
    }
    // Who is no longer one of the people decides nothing.
    if config.people.known(&link.approver).is_none()
        || (runtime.people()).is_disabled(&link.tenant, &link.approver)
    {
        return Err(missing());
    }
    let row = runtime.review(&approver(config), &link.approval_id)?.row;
    Ok((link, row))
}

fn shown(row: &ApprovalRow, person: &str) -> String {
    let asked = &row.asked;
    let detail: Value = serde_json::from_str(&asked.detail).unwrap_or_default();
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    let mut rows = String::new();
    for (name, value) in [
        ("Agent", asked.agent_id.clone()),
        ("Action", asked.action_type.clone()),
        ("Tool", asked.tool.clone()),
        ("Resource", asked.resource.clone()),
        ("Risk", asked.risk.to_string()),
        ("Why", asked.reason.clone()),
        ("Arguments, masked", text(&detail["arguments"])),
        ("Prompt and plan, masked", text(&detail["context"])),
        ("How far it reaches", text(&detail["blast_radius"])),
        ("Facts", text(&detail["facts"])),
        ("Until", time(row.approval.request.expires_at)),
    ] {
        if !value.is_empty() {
            rows.push_str(&format!(
                "<dt>{name}</dt><dd><pre>{}</pre></dd>",
                html(&value, TEXT_CHARACTERS)
            ));
        }
    }
    format!("<p>Asked of {}.</p><dl>{rows}</dl>", html(person, 256))
}

/// `GET /channels/email/{secret}`: what is asked, and a form. It changes nothing.
pub(crate) async fn open(State(app): State<App>, Path(secret): Path<String>) -> Response {
    let Some(config) = app.channels() else {
        return gone();
    };
    let found = app
        .blocking(move |runtime| find(runtime, &config, &secret))
        .await;
    let Ok((link, row)) = found else {
        return gone();
    };
    if row.approval.state != ApprovalState::Pending {
        return page(
            StatusCode::OK,
            "It is decided",
            &format!("<p>It is {}.</p>", row.approval.state),
        );
    }
    let edited = row.approval.proposed() != row.approval.request.digest;
    let form = if row.approval.version == link.version && !edited {
        "<form method=\"post\"><p><label>Reason <input name=\"reason\" maxlength=\"1000\"></label></p><p><button name=\"decision\" value=\"approve\">Approve</button> <button name=\"decision\" value=\"deny\">Deny</button></p></form>".to_owned()
    } else {
        "<p>It has changed since the mail was written: answer where you see it as it is now.</p>"
            .to_owned()
    };
    let body = format!("{}{form}", shown(&row, &link.approver));
    page(StatusCode::OK, "An agent asks", &body)
}

/// `POST /channels/email/{secret}`: decides, once.
pub(crate) async fn decide(
    State(app): State<App>,
    Path(secret): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(config) = app.channels() else {
        return gone();
    };
    // A page of somebody else cannot know the secret; a browser says so all the same.
    let cross = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site != "same-origin" && site != "none");
    if cross || body.len() > FORM_BYTES_MAX {
        return page(StatusCode::FORBIDDEN, "Not taken", "");
    }
    let field = |name: &[u8]| {
        body.split(|b| *b == b'&').find_map(|field| {
            let value = field.strip_prefix(name)?.strip_prefix(b"=")?;
            String::from_utf8(decode(value)?).ok()
        })
    };
    let approve = match field(b"decision").as_deref() {
        Some("approve") => true,
        Some("deny") => false,
        _ => {
            return page(
                StatusCode::BAD_REQUEST,
                "Not taken",
                "<p>Choose an answer.</p>",
            );
        }
    };
    let reason: String = field(b"reason")
        .unwrap_or_default()
        .chars()
        .take(1_000)
        .collect();
    let answered = app
        .blocking(move |runtime| {
            let (link, row) = find(runtime, &config, &secret)?;
            if row.approval.state != ApprovalState::Pending {
                return Ok((row, true));
            }
            if row.approval.version != link.version {
                return Err(RuntimeError::Conflict(
                    "it has changed since the mail was written".to_owned(),
                ));
            }
            // Before the answer: of two requests one goes on.
            if !runtime.store().use_link(&link.hash, runtime.now())? {
                return Err(RuntimeError::NotFound("link"));
            }
            let answer = Answer {
                approver: &link.approver,
                say: if approve { Say::Approve } else { Say::Deny },
                // The page shows the action as it was asked, and no edit of it.
                seen: Some(row.approval.request.digest),
                reason: &reason,
                via: "email",
            };
            let answered =
                runtime.answer_approval(&approver(&config), &link.approval_id, &answer)?;
            Ok((answered.row, answered.already_decided))
        })
        .await;
    match answered {
        Ok((row, already)) => {
            let title = if already {
                "It was decided before"
            } else {
                "Thank you"
            };
            let text = format!("<p>It is {}.</p>", row.approval.state);
            page(StatusCode::OK, title, &text)
        }
        Err(error) if error.status == StatusCode::NOT_FOUND => gone(),
        Err(error) => page(
            error.status,
            "Not taken",
            &format!("<p>{}</p>", html(&error.message, 1_000)),
        ),
    }
}
