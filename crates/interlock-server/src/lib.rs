//! The REST API of Interlock.

mod admission;
pub mod api;
mod app;
pub mod auth;
pub mod channels;
mod compat;
mod connection;
mod console;
mod document;
mod error;
pub mod export;
mod identity;
mod limits;
mod metrics;
mod serve;
mod throttle;
mod wrong_keys;

pub use app::{App, AppOptions};
pub use console::is_built as console_is_built;
pub use error::{ApiError, ApiResult, ErrorBody};
pub use identity::oidc::SignInConfig;
pub use limits::Limits;
pub use serve::{ServeError, serve};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Bytes of a request body.
const BODY_BYTES_MAX: usize = 1024 * 1024;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Interlock",
        description = "Runtime control for AI agents: a decision before every action, and a record that can be checked.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Schemes),
    tags(
        (name = "decisions", description = "Before and after an action"),
        (name = "agents", description = "Agents, their profiles and switches"),
        (name = "budgets", description = "What tenants, keys and agents may cost"),
        (name = "policies", description = "Policies and bundles"),
        (name = "approvals", description = "People in the loop"),
        (name = "alerts", description = "What somebody should look at"),
        (name = "audit", description = "The record and its proofs"),
        (name = "keys", description = "Credentials of programs"),
        (name = "users", description = "People who sign in, and their sessions"),
        (name = "system", description = "Health and figures"),
    )
)]
struct Document;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(
            "api_key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("x-api-key"))),
        );
        components.add_security_scheme(
            "bearer",
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
        );
        components.add_security_scheme(
            "session",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("__Host-interlock"))),
        );
    }
}

fn documented() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(api::check::check))
        .routes(routes!(api::actions::report, api::actions::list))
        .routes(routes!(api::actions::outcome))
        .routes(routes!(api::explained::get))
        .routes(routes!(api::runs::list))
        .routes(routes!(api::run_diff::get))
        .routes(routes!(api::agents::list, api::agents::register))
        .routes(routes!(api::agents::update))
        .routes(routes!(api::agents::set_profile))
        .routes(routes!(api::rollbacks::order))
        .routes(routes!(api::rollbacks::list))
        .routes(routes!(api::rollbacks::get, api::rollbacks::cancel))
        .routes(routes!(api::rollbacks::claim))
        .routes(routes!(api::rollbacks::end))
        .routes(routes!(api::alerts::list))
        .routes(routes!(api::alerts::acknowledge))
        .routes(routes!(api::alert_groups::list))
        .routes(routes!(api::alert_groups::get, api::alert_groups::update))
        .routes(routes!(api::mutes::list, api::mutes::create))
        .routes(routes!(api::mutes::end))
        .routes(routes!(api::responses::list))
        .routes(routes!(api::responses::rules, api::responses::set_rules))
        .routes(routes!(api::budgets::list))
        .routes(routes!(api::budgets::set, api::budgets::remove))
        .routes(routes!(api::tool_stops::list, api::tool_stops::stop))
        .routes(routes!(api::tool_stops::start))
        .routes(routes!(api::policies::list, api::policies::create))
        .routes(routes!(api::policies::update, api::policies::remove))
        .routes(routes!(api::bundle::get, api::bundle::publish))
        .routes(routes!(api::bundle::history))
        .routes(routes!(api::draft::check))
        .routes(routes!(api::what_if::start))
        .routes(routes!(api::what_if::get, api::what_if::cancel))
        .routes(routes!(api::from_action::propose))
        .routes(routes!(api::lease::get))
        .routes(routes!(api::records::receive))
        .routes(routes!(api::pii::mask))
        .routes(routes!(api::stats::get))
        .routes(routes!(api::approvals::list))
        .routes(routes!(api::approvals::decide))
        .routes(routes!(api::approvals::wait))
        .routes(routes!(api::approvals::batch))
        .routes(routes!(api::approvals::cancel))
        .routes(routes!(api::approvals::resolve))
        .routes(routes!(api::edit_previews::preview))
        .routes(routes!(api::reviews::get))
        .routes(routes!(
            api::session_approvals::list,
            api::session_approvals::create
        ))
        .routes(routes!(api::session_approvals::revoke))
        .routes(routes!(api::channels::list))
        .routes(routes!(api::deliveries::list))
        .routes(routes!(api::deliveries::retry))
        .routes(routes!(api::audit::entries))
        .routes(routes!(api::audit::checkpoint))
        .routes(routes!(api::audit::proof))
        .routes(routes!(api::audit::consistency))
        .routes(routes!(api::audit::export))
        .routes(routes!(api::evidence::export))
        .routes(routes!(api::evidence::report))
        .routes(routes!(api::export::events))
        .routes(routes!(api::export::sinks))
        .routes(routes!(api::content::get))
        .routes(routes!(api::content::check))
        .routes(routes!(api::content::erase))
        .routes(routes!(api::keys::list, api::keys::create))
        .routes(routes!(api::keys::revoke))
        .routes(routes!(api::keys::rotate))
        .routes(routes!(api::users::list, api::users::create))
        .routes(routes!(api::users::update))
        .routes(routes!(api::users::reset))
        .routes(routes!(api::users::sessions))
        .routes(routes!(api::session::sign_in, api::session::sign_out))
        .routes(routes!(api::oidc::list, api::oidc::begin))
        .routes(routes!(api::oidc::end))
        .routes(routes!(api::password::change))
        .routes(routes!(api::session::list))
        .routes(routes!(api::session::end))
        .routes(routes!(api::join::look))
        .routes(routes!(api::join::join))
        .routes(routes!(api::whoami::get))
        .routes(routes!(api::kill::get, api::kill::set))
        .routes(routes!(api::health::healthz))
        .routes(routes!(api::health::readyz))
}

/// The OpenAPI 3.1 document of everything below `/api`.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = documented().into_openapi();
    document::complete(&mut document);
    document
}

/// The whole router.
pub fn router(app: App) -> Router {
    let (documented, mut document) = documented().split_for_parts();
    document::complete(&mut document);
    let api = documented
        .route("/api/noop", axum::routing::post(api::health::noop))
        .route(
            "/channels/slack/{name}",
            axum::routing::post(channels::slack::pressed),
        )
        .route(
            "/channels/email/{secret}",
            axum::routing::get(channels::link::open).post(channels::link::decide),
        )
        .route("/metrics", axum::routing::get(metrics::render))
        .route(
            "/openapi.json",
            axum::routing::get(move || {
                let document = document.clone();
                async move { axum::Json(document) }
            }),
        );
    let all = Router::new()
        .nest(compat::vaultak::PREFIX, api.clone())
        .merge(api)
        .merge(compat::vaikora::routes());
    console::route(all)
        .method_not_allowed_fallback(api::health::no_such_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            admission::admit,
        ))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(axum::middleware::map_response(error::with_code))
        .with_state(app)
}
