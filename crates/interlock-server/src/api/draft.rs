//! `POST /api/bundle/check`: what a bundle would be, before it is published.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use interlock_policy::{Diagnostic, FILE_BYTES_MAX};
use interlock_runtime::DraftTest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check::hex;
use super::json;
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// A draft of a bundle.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftRequest {
    /// Its name: `team.yaml`.
    #[schema(min_length = 1, max_length = 256, example = "team.yaml")]
    pub name: String,
    /// The text: YAML, or Cedar when the name ends in `.cedar`.
    #[schema(max_length = 1000000, example = "interlock: 1\ndefault: allow\n")]
    pub text: String,
}

/// One message about one place of one file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DiagnosticBody {
    /// `error` or `warning`.
    pub severity: String,
    /// The stable code.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The file.
    pub file: String,
    /// The line, from 1; 0 when it concerns the whole file.
    pub line: u32,
    /// The column in characters, from 1; 0 when it concerns the whole file.
    pub column: u32,
    /// How many characters are meant.
    pub width: u32,
    /// The same with the line and a caret.
    pub rendered: String,
}

impl From<&Diagnostic> for DiagnosticBody {
    fn from(diagnostic: &Diagnostic) -> Self {
        Self {
            severity: diagnostic.severity.name().to_owned(),
            code: diagnostic.code.to_owned(),
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
            file: diagnostic.file.clone(),
            line: diagnostic.line,
            column: diagnostic.column,
            width: diagnostic.width,
            rendered: diagnostic.to_string(),
        }
    }
}

/// What became of one test of the draft.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DraftTestBody {
    /// The test's name.
    pub name: String,
    /// `file:line`.
    pub origin: String,
    /// Whether it passed.
    pub passed: bool,
    /// What was expected and what came.
    pub message: Option<String>,
}

impl From<DraftTest> for DraftTestBody {
    fn from(test: DraftTest) -> Self {
        Self {
            name: test.name,
            origin: test.origin,
            passed: test.failure.is_none(),
            message: test.failure,
        }
    }
}

/// What a draft would be.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DraftBody {
    /// Whether it could be published.
    pub compiles: bool,
    /// The digest of what all policies together would compile to, hex.
    pub digest: Option<String>,
    /// Errors and warnings.
    pub diagnostics: Vec<DiagnosticBody>,
    /// The tests in the draft, run against all policies together with it.
    pub tests: Vec<DraftTestBody>,
}

/// Compiles a draft with everything else that is in force and runs its tests. Nothing changes.
#[utoipa::path(
    post, path = "/api/bundle/check", operation_id = "check_bundle", tag = "policies",
    request_body = DraftRequest,
    responses(
        (status = 200, description = "What it would be, also when it does not compile", body = DraftBody),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not change policies", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn check(
    State(app): State<App>,
    caller: Caller,
    bytes: Bytes,
) -> ApiResult<Json<DraftBody>> {
    caller.require(Permission::EditPolicies)?;
    let request: DraftRequest = json(&bytes)?;
    let out_of = |field, max| {
        ApiError::field(
            field,
            "field.invalid",
            format!("`{field}` must be 1 to {max} bytes"),
        )
    };
    if request.name.is_empty() || request.name.len() > 256 {
        return Err(out_of("name", 256));
    }
    if request.text.len() > FILE_BYTES_MAX {
        return Err(out_of("text", FILE_BYTES_MAX));
    }
    let draft = app
        .blocking(move |runtime| {
            runtime.draft_bundle(caller.tenant(), &request.name, &request.text)
        })
        .await?;
    Ok(Json(DraftBody {
        compiles: draft.digest.is_some(),
        digest: draft.digest.map(|digest| hex(&digest)),
        diagnostics: draft.diagnostics.iter().map(DiagnosticBody::from).collect(),
        tests: draft.tests.into_iter().map(DraftTestBody::from).collect(),
    }))
}
