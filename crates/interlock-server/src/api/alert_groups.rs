//! `/api/alert-groups`: alerts of one agent for one cause, and what people do about them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use interlock_filter::{ALERT_GROUPS, Number, Record};
use interlock_runtime::finding_code;
use interlock_store::{AlertGroup, AlertRow, GroupFilter, GroupNote, GroupState, LEVELS, Triage};
use interlock_store::{NOTES_MAX, PAGE_ROWS_MAX, level_rank, sift};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::search::{self, Listed};
use super::{json, page, time};
use crate::App;
use crate::auth::{Caller, Permission};
use crate::error::{ApiError, ApiResult, ErrorBody};

/// Alerts that a group is shown with, the newest first.
const SHOWN: usize = 50;

/// Alerts of one agent for one cause.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AlertGroupBody {
    /// Its id.
    pub id: String,
    /// What its alerts have in common; a mute may name it.
    pub fingerprint: String,
    /// The agent; empty when the group stands for those past the limit of groups of one key.
    pub agent_id: String,
    /// `decision`, `stopped` (a denial because something is stopped already), `deep-model` or
    /// `response`; empty for one past the limit.
    pub kind: String,
    /// The rule that decided.
    pub rule: String,
    /// The threat vector of the strongest finding.
    pub detector: String,
    /// The threat vectors of all findings, the strongest first.
    pub detectors: Vec<String>,
    /// The code of that finding in the group's first alert.
    pub code: String,
    /// Tags of that finding: OWASP ASI, MITRE ATLAS, CWE.
    pub tags: Vec<String>,
    /// The type of the actions.
    pub class: String,
    /// The worst level: `low`, `medium`, `high` or `critical`.
    pub level: String,
    /// The message of the first alert of that level. It may hold what an agent wrote.
    pub message: String,
    /// How many alerts.
    pub count: u64,
    /// Whether it stands for groups past the limit of one key.
    pub overflow: bool,
    /// When the first alert was raised.
    pub first_seen: String,
    /// When the last one was.
    pub last_seen: String,
    /// The first alert.
    pub first_alert: String,
    /// The last alert.
    pub last_alert: String,
    /// The place of the last alert in the order of alerts; to be sent back as `seen_seq`.
    pub last_seq: u64,
    /// `open`, `acknowledged` or `resolved`.
    pub state: String,
    /// Whether it was resolved and happened again.
    pub reopened: bool,
    /// Who looks after it; empty for nobody.
    pub assignee: String,
    /// To be sent back with a change.
    pub version: u64,
    /// When somebody changed it last.
    pub changed_at: Option<String>,
    /// Who did.
    pub changed_by: Option<String>,
    /// The mute that silences it.
    pub muted_by: Option<String>,
}

/// The tags of a group's finding.
fn tags(group: &AlertGroup) -> &'static [&'static str] {
    finding_code(&group.cause.code).map_or(&[], |code| code.tags)
}

/// A group as a filter sees it.
struct Searched<'a>(&'a AlertGroup);

impl Record for Searched<'_> {
    fn texts(&self, field: &str, see: &mut dyn FnMut(&str)) {
        let group = self.0;
        match field {
            "agent" => see(&group.agent_id),
            "rule" => see(&group.cause.rule),
            "detector" => group.cause.detectors().for_each(see),
            "tag" => tags(group).iter().for_each(|tag| see(tag)),
            "kind" => see(&group.cause.kind),
            "message" => see(&group.message),
            "with" => see(&group.assignee),
            _ => {}
        }
    }

    fn number(&self, field: &str) -> Option<Number> {
        let count = i64::try_from(self.0.count).unwrap_or(i64::MAX);
        (field == "count").then(|| Number::whole(count))
    }

    fn name(&self, field: &str, name: &str) -> bool {
        match field {
            "level" => self.0.level == name,
            "state" => self.0.state.name() == name,
            _ => self.0.muted_by.is_some(),
        }
    }

    fn at(&self) -> i64 {
        self.0.last_seen
    }
}

impl From<AlertGroup> for AlertGroupBody {
    fn from(group: AlertGroup) -> Self {
        let tags = tags(&group);
        let detectors = group.cause.detectors().map(str::to_owned).collect();
        let (changed_at, changed_by) = group.changed.unzip();
        Self {
            id: group.id,
            fingerprint: group.fingerprint,
            agent_id: group.agent_id,
            kind: group.cause.kind,
            rule: group.cause.rule,
            detector: group.cause.detector,
            detectors,
            code: group.cause.code,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            class: group.cause.class,
            level: group.level,
            message: group.message,
            count: group.count,
            overflow: group.overflow,
            first_seen: time(group.first_seen),
            last_seen: time(group.last_seen),
            first_alert: group.first_alert,
            last_alert: group.last_alert,
            last_seq: group.last_seq,
            state: group.state.name().to_owned(),
            reopened: group.reopened,
            assignee: group.assignee,
            version: group.version,
            changed_at: changed_at.map(time),
            changed_by,
            muted_by: group.muted_by,
        }
    }
}

/// Which groups to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AlertGroupQuery {
    /// Only those that are `open`, `acknowledged` or `resolved`.
    #[param(pattern = "^(open|acknowledged|resolved)$")]
    pub state: Option<String>,
    /// Only muted ones, or only those that are not.
    pub muted: Option<bool>,
    /// Only of this agent.
    pub agent_id: Option<String>,
    /// Only of this rule.
    pub rule: Option<String>,
    /// Only those in which this detector found something.
    pub detector: Option<String>,
    /// Only those that this person looks after.
    pub assignee: Option<String>,
    /// Only of this level or worse.
    #[param(pattern = "^(low|medium|high|critical)$")]
    pub level: Option<String>,
    /// Only those after this one in the list: `last_seq` and `id` of the last one of a page, joined
    /// by a dot.
    #[param(pattern = "^[0-9]{1,18}\\.[0-9a-z-]{1,64}$")]
    pub before: Option<String>,
    /// How many, 1 to 1000; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// Only those that a filter lets through: `detector:pii level:high,critical count:>5 since:24h`.
    /// One request searches for a quarter of a second at most; `interlock-searched-to` says how far
    /// it came, and `interlock-next` where to go on.
    #[param(max_length = 1000, example = "level:high,critical")]
    pub q: Option<String>,
}

/// A state by its name.
fn state(name: &str) -> ApiResult<GroupState> {
    GroupState::from_name(name).ok_or_else(|| {
        let names = GroupState::ALL
            .map(|s| format!("`{}`", s.name()))
            .join(", ");
        ApiError::field(
            "state",
            "field.invalid",
            format!("`state` must be one of {names}"),
        )
    })
}

fn filter(query: AlertGroupQuery) -> ApiResult<GroupFilter> {
    let rank_min = match query.level.as_deref() {
        None => 0,
        Some(level) => match level_rank(level) {
            0 => {
                let problem = format!("`level` must be one of {}", LEVELS.join(", "));
                return Err(ApiError::field("level", "field.invalid", problem));
            }
            rank => rank,
        },
    };
    let before = query
        .before
        .as_deref()
        .map(|text| {
            let (seq, id) = text.split_once('.')?;
            let seq: u64 = seq.parse().ok()?;
            i64::try_from(seq).ok()?;
            Some((seq, id.to_owned()))
        })
        .map(|read| {
            read.ok_or_else(|| {
                let problem = "`before` must be `last_seq` and `id` of a group, joined by a dot";
                ApiError::field("before", "field.invalid", problem)
            })
        })
        .transpose()?;
    Ok(GroupFilter {
        state: query.state.as_deref().map(state).transpose()?,
        muted: query.muted,
        agent_id: query.agent_id,
        rule: query.rule,
        detector: query.detector,
        assignee: query.assignee,
        rank_min,
        before,
    })
}

/// Lists groups of alerts, the one that happened last first.
#[utoipa::path(
    get, path = "/api/alert-groups", operation_id = "list_alert_groups", tag = "alerts",
    params(AlertGroupQuery),
    responses(
        (status = 200, description = "The groups", body = Vec<AlertGroupBody>, headers(
            ("interlock-next" = String, description = "Where the next page begins; give it as `before`"),
            ("interlock-searched-to" = String, description = "How far was looked, when the time of one request was over before the page was full"),
            ("interlock-behind" = u64, description = "How many recorded entries the list does not know yet, while they are added after a start"),
        )),
        (status = 400, description = "A parameter is out of range", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<AlertGroupQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Listed<AlertGroupBody>> {
    caller.require(Permission::Read)?;
    let Query(query) =
        query.map_err(|e| ApiError::field("query", "field.invalid", e.body_text()))?;
    let limit = page(query.limit, 100)?;
    let terms = search::terms(query.q.as_deref(), &ALERT_GROUPS)?;
    let filter = filter(query)?;
    let (found, behind) = app
        .blocking(move |runtime| {
            let (store, now) = (runtime.store(), runtime.now());
            let rows = if terms.terms.is_empty() {
                limit
            } else {
                PAGE_ROWS_MAX
            };
            let read = |before: Option<&(u64, String)>| {
                let part = GroupFilter {
                    before: before.cloned(),
                    ..filter.clone()
                };
                store.alert_groups(caller.tenant(), &part, now, rows)
            };
            let place = |group: &AlertGroup| ((group.last_seq, group.id.clone()), group.last_seen);
            let keep = |group: &AlertGroup| terms.matches(&Searched(group), &ALERT_GROUPS, now);
            let from = filter.before.clone();
            let found = sift(from, limit, search::BUDGET, read, place, keep)?;
            Ok((found, runtime.behind(caller.tenant())))
        })
        .await?;
    Ok(Listed {
        rows: found.rows.into_iter().map(AlertGroupBody::from).collect(),
        next: found.next.map(|(seq, id)| format!("{seq}.{id}")),
        searched_to: found.searched_to,
        behind,
    })
}

/// One alert of a group.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GroupedAlertBody {
    /// Its id.
    pub id: String,
    /// The agent.
    pub agent_id: String,
    /// The action.
    pub action_id: Option<String>,
    /// The tool, as the agent named it.
    pub tool: String,
    /// The level.
    pub level: String,
    /// What happened. It may hold what an agent wrote.
    pub message: String,
    /// When it was raised.
    pub created_at: String,
}

impl From<AlertRow> for GroupedAlertBody {
    fn from(row: AlertRow) -> Self {
        Self {
            id: row.id,
            agent_id: row.agent_id,
            action_id: row.action_id,
            tool: row.cause.tool,
            level: row.level,
            message: row.message,
            created_at: time(row.created),
        }
    }
}

/// One thing that a person did about a group.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GroupNoteBody {
    /// When.
    pub at: String,
    /// Who.
    pub by: String,
    /// `open`, `acknowledged`, `resolved`, `assigned` or `comment`.
    pub what: String,
    /// The comment, or the new assignee.
    pub text: String,
}

impl From<GroupNote> for GroupNoteBody {
    fn from(note: GroupNote) -> Self {
        Self {
            at: time(note.at),
            by: note.by,
            what: note.what,
            text: note.text,
        }
    }
}

/// A group with its newest alerts and its history.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AlertGroupDetail {
    /// The group.
    pub group: AlertGroupBody,
    /// Its newest alerts.
    #[schema(max_items = 50)]
    pub alerts: Vec<GroupedAlertBody>,
    /// What people did, the oldest first.
    #[schema(max_items = 200)]
    pub notes: Vec<GroupNoteBody>,
}

const _: () = assert!(SHOWN == 50 && NOTES_MAX == 200, "as the document says");

/// A group of alerts with its newest alerts and its history.
#[utoipa::path(
    get, path = "/api/alert-groups/{id}", operation_id = "get_alert_group", tag = "alerts",
    params(("id" = String, Path, description = "The group's id")),
    responses(
        (status = 200, description = "The group", body = AlertGroupDetail),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not read", body = ErrorBody),
        (status = 404, description = "No such group", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<AlertGroupDetail>> {
    caller.require(Permission::Read)?;
    let detail = app
        .blocking(move |runtime| {
            let (store, tenant) = (runtime.store(), caller.tenant());
            let group = store.alert_group(tenant, &id, runtime.now())?;
            let alerts = store.group_alerts(tenant, &id, SHOWN)?;
            let notes = store.group_notes(tenant, &id)?;
            Ok(AlertGroupDetail {
                group: group.into(),
                alerts: alerts.into_iter().map(GroupedAlertBody::from).collect(),
                notes: notes.into_iter().map(GroupNoteBody::from).collect(),
            })
        })
        .await?;
    Ok(Json(detail))
}

/// What to do about a group.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertGroupChange {
    /// The version that was seen.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 0)]
    pub version: u64,
    /// The last alert that was seen (`last_seq`): later ones are not covered by a new state. All that
    /// are there when absent.
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub seen_seq: Option<u64>,
    /// `open`, `acknowledged` or `resolved`.
    #[schema(pattern = "^(open|acknowledged|resolved)$")]
    pub state: Option<String>,
    /// Who looks after it from now on; empty for nobody.
    #[schema(max_length = 64)]
    pub assignee: Option<String>,
    /// What there is to say.
    #[schema(max_length = 1000)]
    pub comment: Option<String>,
}

/// Acknowledges, resolves, reopens, assigns or comments a group of alerts, if nobody else has
/// changed it meanwhile.
#[utoipa::path(
    patch, path = "/api/alert-groups/{id}", operation_id = "update_alert_group", tag = "alerts",
    params(("id" = String, Path, description = "The group's id")),
    request_body = AlertGroupChange,
    responses(
        (status = 200, description = "The group as it is now", body = AlertGroupBody),
        (status = 400, description = "A field is out of its limits", body = ErrorBody),
        (status = 401, description = "No valid key", body = ErrorBody),
        (status = 403, description = "The key may not decide", body = ErrorBody),
        (status = 404, description = "No such group", body = ErrorBody),
        (status = 409, description = "Somebody else has changed it", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> ApiResult<Json<AlertGroupBody>> {
    caller.require(Permission::Decide)?;
    let change: AlertGroupChange = json(&body)?;
    if change.state.is_none() && change.assignee.is_none() && change.comment.is_none() {
        let problem = "give a `state`, an `assignee` or a `comment`";
        return Err(ApiError::field("state", "field.missing", problem));
    }
    if change
        .comment
        .as_deref()
        .is_some_and(|text| text.trim().is_empty())
    {
        return Err(ApiError::field(
            "comment",
            "field.invalid",
            "`comment` is empty",
        ));
    }
    let triage = Triage {
        version: change.version,
        seen_seq: change.seen_seq,
        state: change.state.as_deref().map(state).transpose()?,
        assignee: change.assignee,
        comment: change.comment,
        by: caller.subject.clone(),
    };
    let group = app
        .blocking(move |runtime| runtime.triage(caller.tenant(), &id, &triage))
        .await?;
    Ok(Json(group.into()))
}
