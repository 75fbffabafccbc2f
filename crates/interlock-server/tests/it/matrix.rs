//! Every operation of the API, for every role, on what is one's own and on what is another tenant's.
//!
//! The operations are read from the document that the router makes: one without a line here fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use interlock_core::model::Role;
use interlock_server::Limits;
use interlock_store::identity::{Proof, Session};
use interlock_store::{Attempt, NewDelivery};
use serde_json::{Value, json};

use crate::client::{Answer, Server};

/// For each operation: what it is about; the status that a role gets which may do it (`own`), on a
/// thing of its own tenant; the roles that may (`+`) and those that get 403 (`-`); what the key of
/// another agent of the tenant gets on a thing of this agent; what whoever may gets on a thing of
/// another tenant. `.`: nothing can be named. `own`: a name or number means one's own thing of that name,
/// and theirs stays as it is. `each`: each of many has its own result.
///
/// `open` instead of roles: it asks for no credential.
const MATRIX: &str = "
operation               thing    own  agent approver author auditor admin  stranger foreign
check                   agent    200    +     -        -      -       +      403      .
report_action           agent    200    +     -        -      -       +      403      .
report_outcome          action   200    +     -        -      -       +      404      404
list_actions            action   200    -     +        +      +       +      .        .
get_action              action   200    -     +        +      +       +      .        404
list_runs               action   200    -     +        +      +       +      .        .
diff_runs               action   200    -     +        +      +       +      .        404
list_agents             agent    200    -     +        +      +       +      .        .
register_agent          name     201    -     -        -      -       +      .        .
update_agent            agent    200    -     -        -      -       +      .        404
set_profile             agent    200    -     -        -      -       +      .        own
order_rollback          agent    202    -     -        -      -       +      .        own
list_rollbacks          rollback 200    -     +        +      +       +      .        .
get_rollback            rollback 200    -     +        +      +       +      .        404
cancel_rollback         rollback 200    -     -        -      -       +      .        404
claim_rollback          rollback 200    +     -        -      -       +      404      404
end_rollback            claimed  200    +     -        -      -       +      404      404
list_alerts             alert    200    -     +        +      +       +      .        .
acknowledge_alert       alert    200    -     +        -      -       +      .        404
list_alert_groups       alert_group 200 -     +        +      +       +      .        .
get_alert_group         alert_group 200 -     +        +      +       +      .        404
update_alert_group      alert_group 200 -     +        -      -       +      .        404
list_mutes              mute     200    -     +        +      +       +      .        .
create_mute             name     201    -     +        -      -       +      .        .
end_mute                mute     200    -     +        -      -       +      .        404
list_responses          .        200    -     +        +      +       +      .        .
get_response_rules      .        200    -     +        +      +       +      .        .
set_response_rules      .        200    -     -        -      -       +      .        .
list_budgets            budget   200    -     +        +      +       +      .        .
set_budget              name     200    -     -        -      -       +      .        own
remove_budget           budget   200    -     -        -      -       +      .        404
list_tool_stops         tool_stop 200   -     +        +      +       +      .        .
stop_tool               name     201    -     -        -      -       +      .        .
start_tool              tool_stop 200   -     -        -      -       +      .        404
list_policies           policy   200    -     +        +      +       +      .        .
create_policy           name     201    -     -        +      -       +      .        .
update_policy           policy   200    -     -        +      -       +      .        404
remove_policy           policy   200    -     -        +      -       +      .        404
get_bundle              .        200    +     +        +      +       +      .        .
publish_bundle          name     200    -     -        +      -       +      .        .
list_bundle_revisions   .        200    -     +        +      +       +      .        .
check_bundle            .        200    -     -        +      -       +      .        .
propose_rule            action   200    -     -        +      -       +      .        404
start_what_if           .        200    -     -        +      -       +      .        .
get_what_if             what_if  200    -     +        +      +       +      .        404
cancel_what_if          what_if  200    -     -        +      -       +      .        404
get_lease               .        200    +     -        -      -       +      .        .
send_records            agent    200    +     -        -      -       +      .        .
mask                    .        200    +     -        -      -       +      .        .
get_stats               .        200    -     +        +      +       +      .        .
list_approvals          approval 200    -     +        +      +       +      .        .
get_approval            approval 200    -     +        +      +       +      .        404
wait_for_approval       approval 200    +     +        +      +       +      404      404
decide_approval         approval 200    -     +        -      -       +      .        404
decide_approvals        approval 200    -     +        -      -       +      .        each
preview_edit            approval 200    -     +        -      -       +      .        404
cancel_approval         approval 200    +     +        -      -       +      404      404
resolve_approval        approval 409    -     +        -      -       +      .        404
list_session_approvals  session  200    -     +        +      +       +      .        .
create_session_approval approval 201    -     +        -      -       +      .        404
revoke_session_approval session  200    -     +        -      -       +      .        404
list_deliveries         delivery 200    -     +        +      +       +      .        .
list_channels           .        200    -     +        +      +       +      .        .
retry_delivery          delivery 204    -     -        -      -       +      .        404
list_entries            entry    200    -     -        -      +       +      .        .
get_checkpoint          entry    200    -     -        -      +       +      .        .
get_inclusion_proof     entry    200    -     -        -      +       +      .        own
get_consistency_proof   entry    200    -     -        -      +       +      .        .
export_entries          entry    200    -     -        -      +       +      .        .
export_evidence         action   200    -     -        -      +       +      .        404
get_report              entry    200    -     -        -      +       +      .        .
export_events           entry    200    -     -        -      +       +      .        .
list_export_sinks       .        200    -     -        -      +       +      .        .
get_content             entry    200    -     -        -      +       +      .        own
check_content           entry    200    -     -        -      +       +      .        own
erase_subject           agent    200    -     -        -      -       +      .        own
list_keys               key      200    -     -        -      -       +      .        .
create_key              .        201    -     -        -      -       +      .        .
rotate_key              key      201    -     -        -      -       +      .        404
revoke_key              key      200    -     -        -      -       +      .        404
list_users              user     200    -     -        -      -       +      .        .
create_user             name     201    -     -        -      -       +      .        .
update_user             user     200    -     -        -      -       +      .        404
reset_user              user     201    -     -        -      -       +      .        404
list_user_sessions      user     200    -     -        -      -       +      .        404
sign_out                .        204    +     +        +      +       +      .        .
list_sessions           .        200    +     +        +      +       +      .        .
change_password         .        403  +     +        +      +       +      .        .
end_session             session_of_user 404 + +        +      +       +      .        404
whoami                  .        200    +     +        +      +       +      .        .
get_kill_switch         .        200    -     +        +      +       +      .        .
set_kill_switch         .        200    -     -        -      -       +      .        .
healthz                 .        200  open
readyz                  .        200  open
sign_in                 .        403  open
look_at_invitation      .        404  open
join                    .        403  open
list_sign_in_providers  .        200  open
begin_sign_in           .        403  open
end_sign_in             .        400  open
";

const ROLES: [Role; 5] = [
    Role::Agent,
    Role::Approver,
    Role::PolicyAuthor,
    Role::Auditor,
    Role::Admin,
];

/// In every name and text of the other tenant: what never may show.
const MARK: &str = "zanzibar";

#[derive(Debug)]
struct Line<'a> {
    thing: &'a str,
    own: u16,
    /// Of [`ROLES`]; `None`: it is open.
    may: Option<[bool; 5]>,
    stranger: &'a str,
    foreign: &'a str,
}

fn lines() -> BTreeMap<&'static str, Line<'static>> {
    let mut lines = BTreeMap::new();
    for line in MATRIX.lines().filter(|l| !l.is_empty()).skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let own = words[2].parse().expect("a status");
        let may = (words[3] != "open").then(|| {
            assert_eq!(words.len(), 10, "{line}");
            std::array::from_fn(|n| match words[3 + n] {
                "+" => true,
                "-" => false,
                other => panic!("{other}: {line}"),
            })
        });
        let open = may.is_none();
        let line = Line {
            thing: words[1],
            own,
            may,
            stranger: if open { "." } else { words[8] },
            foreign: if open { "." } else { words[9] },
        };
        assert!(lines.insert(words[0], line).is_none(), "{} twice", words[0]);
    }
    lines
}

/// One operation of the document.
struct Operation {
    id: String,
    method: String,
    path: String,
}

fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(interlock_server::openapi()).expect("a document");
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            all.push(Operation {
                id: operation["operationId"]
                    .as_str()
                    .expect("a name")
                    .to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
            });
        }
    }
    all
}

/// A thing that an operation is about.
#[derive(Debug, Clone, Default)]
struct Thing {
    agent: String,
    id: String,
}

/// A tenant with an admin, who makes things in it.
struct Tenant<'a> {
    server: &'a Server,
    name: &'static str,
    admin: String,
    mark: &'static str,
}

static MADE: AtomicU32 = AtomicU32::new(0);

impl Tenant<'_> {
    fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.server
            .call(method, path, &self.admin, &body.to_string())
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.call("POST", path, body);
        assert!(answer.status < 300, "{path}: {}", answer.text);
        answer.json()
    }

    /// Asks until there is an answer: the projection follows the record.
    fn until<T>(&self, path: &str, find: impl Fn(&Value) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let answer = self.server.call("GET", path, &self.admin, "");
            if let Some(found) = find(&answer.json()) {
                return found;
            }
            assert!(Instant::now() < deadline, "{path}: {}", answer.text);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn check(&self, agent: &str, kind: &str, arguments: &Value) -> Value {
        self.post(
            "/api/check",
            &json!({"agent_id": agent, "action_type": kind, "run_id": format!("{}run", self.mark),
                "resource": format!("/srv/{}data", self.mark), "arguments": arguments}),
        )
    }

    fn make(&self, kind: &str) -> Thing {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let agent = format!("{}bot-{number}", self.mark);
        let text = |value: &Value| value.as_str().expect("an id").to_owned();
        let pay = || {
            let asked = self.check(
                &agent,
                "payment",
                &json!({"amount": 5_000, "to": self.mark}),
            );
            text(&asked["approval_id"])
        };
        let order = || {
            let path = format!("/api/agents/{agent}/rollback");
            text(&self.post(&path, &json!({"last": 1, "reason": self.mark}))["id"])
        };
        let id = match kind {
            "." | "name" => agent.clone(),
            "agent" => {
                self.post("/api/agents", &json!({"name": agent}));
                agent.clone()
            }
            "action" => {
                let id = text(&self.check(&agent, "file_read", &json!({"path": "/srv/a"}))["id"]);
                self.until(&format!("/api/actions?agent_id={agent}"), |rows| {
                    rows.get(0).map(|_| ())
                });
                id
            }
            "approval" => pay(),
            "session" => {
                let body = json!({"approval_id": pay(), "reason": self.mark});
                text(&self.post("/api/session-approvals", &body)["id"])
            }
            "alert" => {
                let sql = json!({"sql": "DELETE FROM customers"});
                self.post(
                    "/api/check",
                    &json!({"agent_id": agent, "action_type": "database_write",
                        "resource": "postgres://prod/customers", "arguments": sql}),
                );
                self.until("/api/alerts?limit=1000", |rows| {
                    rows.as_array()?
                        .iter()
                        .find(|row| row["agent_id"] == agent.as_str())
                        .map(|row| text(&row["id"]))
                })
            }
            "alert_group" => {
                let of = self.make("alert").agent;
                self.until("/api/alert-groups?limit=1000", |rows| {
                    rows.as_array()?
                        .iter()
                        .find(|row| row["agent_id"] == of.as_str())
                        .map(|row| text(&row["id"]))
                })
            }
            "mute" => {
                let body = json!({"agent_id": agent, "reason": self.mark.to_owned() + "noise", "seconds": 600});
                text(&self.post("/api/mutes", &body)["id"])
            }
            "budget" => {
                let body = json!({"scope": "agent", "of": agent, "limit_usd": "5"});
                let answer = self.call("PUT", &format!("/api/budgets/{agent}"), &body);
                assert_eq!(answer.status, 200, "{}", answer.text);
                agent.clone()
            }
            "tool_stop" => {
                let body = json!({"tool": agent, "seconds": 600});
                text(&self.post("/api/tool-stops", &body)["id"])
            }
            "what_if" => {
                let body = json!({"name": format!("{agent}.yaml"), "text": "interlock: 1\ndefault: allow\n"});
                text(&self.post("/api/what-if", &body)["id"])
            }
            "policy" => {
                let body = json!({"name": agent, "action_type": "never", "effect": "block"});
                text(&self.post("/api/policies", &body)["id"])
            }
            "key" => {
                let body = json!({"role": "auditor", "label": agent});
                text(&self.post("/api/keys", &body)["id"])
            }
            "user" => {
                let body = json!({"login": agent, "role": "auditor"});
                text(&self.post("/api/users", &body)["user"]["id"])
            }
            "session_of_user" => self.session_of_user(&agent),
            "rollback" => order(),
            "claimed" => {
                let id = order();
                let path = format!("/api/rollbacks/{id}/claim");
                self.post(&path, &json!({"log": "log-1"}));
                id
            }
            "delivery" => self.delivery(&agent),
            "entry" => {
                self.check(&agent, "file_read", &json!({"path": "/srv/a"}));
                self.until(&format!("/api/actions?agent_id={agent}"), |rows| {
                    rows[0]["seq"].as_u64()
                })
                .to_string()
            }
            other => panic!("no such thing: {other}"),
        };
        Thing { agent, id }
    }

    /// A session of somebody, which no key is.
    fn session_of_user(&self, login: &str) -> String {
        let store = self.server.runtime.store();
        let body = json!({"login": login, "role": "auditor"});
        let user = self.post("/api/users", &body)["user"]["id"].clone();
        let now = self.server.runtime.now();
        let session = Session {
            id: format!("session-of-{login}"),
            tenant: self.name.to_owned(),
            user_id: user.as_str().expect("an id").to_owned(),
            method: "password".to_owned(),
            address: String::new(),
            agent: login.to_owned(),
            created: now,
            seen: now,
            expires: now + 1_000_000_000_000,
        };
        let number = MADE.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let hash = std::array::from_fn(|at| number[at % 4]);
        assert!(
            store
                .begin_session(&hash, &session, Proof::Password(None))
                .expect("kept")
        );
        session.id
    }

    /// A delivery that was given up.
    fn delivery(&self, agent: &str) -> String {
        let store = self.server.runtime.store();
        let message = NewDelivery {
            tenant: self.name.to_owned(),
            channel: format!("{agent}-hook"),
            person: String::new(),
            topic: "approval.request".to_owned(),
            subject: agent.to_owned(),
            version: 1,
            state: "pending".to_owned(),
        };
        let now = self.server.runtime.now();
        store.deliver(&[message], 0, now).expect("kept");
        let all = store.deliveries(self.name, None, 100).expect("deliveries");
        let found = all.iter().find(|d| d.message.subject == agent);
        let seq = found.expect("it").seq;
        let given_up = Attempt::Dead("nobody is there".to_owned());
        store.delivery_tried(seq, &given_up).expect("kept");
        seq.to_string()
    }

    /// Everything that its admin sees.
    fn view(&self) -> Vec<(String, Value)> {
        [
            "/api/agents",
            "/api/actions?limit=1000",
            "/api/runs",
            "/api/alerts?limit=1000",
            "/api/approvals?limit=1000",
            "/api/session-approvals",
            "/api/alert-groups?limit=1000",
            "/api/mutes",
            "/api/responses",
            "/api/response-rules",
            "/api/tool-stops",
            "/api/policies",
            "/api/bundle/history",
            "/api/rollbacks",
            "/api/deliveries",
            "/api/kill-switch",
            "/api/keys",
            "/api/users",
        ]
        .into_iter()
        .map(|path| {
            let answer = self.server.call("GET", path, &self.admin, "");
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            (path.to_owned(), answer.json())
        })
        .collect()
    }
}

/// The path and the body of an operation about a thing.
fn request(operation: &Operation, thing: &Thing) -> (String, Value) {
    let (agent, id) = (&thing.agent, &thing.id);
    let run = format!("{}run", agent.split("bot-").next().unwrap_or_default());
    let action = json!({"agent_id": agent, "action_type": "file_read", "resource": "/srv/a"});
    let body = match operation.id.as_str() {
        "check" => action,
        "report_action" => {
            json!({"agent_id": agent, "action_type": "file_read", "resource": "/srv/a", "status": "succeeded"})
        }
        "report_outcome" => json!({"status": "succeeded"}),
        "register_agent" => json!({"name": id}),
        "update_agent" => json!({"paused": true}),
        "set_profile" => json!({"max_actions_per_minute": 5}),
        "order_rollback" => json!({"last": 2}),
        "claim_rollback" => json!({"log": "log-1"}),
        "end_rollback" => {
            json!({"log": "log-1", "state": "done", "undone": 1, "irreversible": 0})
        }
        "update_alert_group" => json!({"version": 0, "state": "acknowledged"}),
        "create_mute" => json!({"agent_id": id, "reason": "noise", "seconds": 600}),
        "set_response_rules" => json!({"version": 0, "agents_per_hour": 5, "rules": []}),
        "set_budget" => json!({"scope": "tenant", "limit_calls": 1_000_000}),
        "stop_tool" => json!({"tool": id, "seconds": 600}),
        "propose_rule" => json!({"effect": "block"}),
        "start_what_if" => {
            json!({"name": "team.yaml", "text": "interlock: 1\ndefault: allow\n", "wait_ms": 10_000})
        }
        "preview_edit" => json!({"arguments": {"amount": 5}}),
        "export_evidence" => json!({"action": id}),
        "create_policy" => json!({"name": id, "action_type": "never", "effect": "block"}),
        "publish_bundle" => {
            let name = format!("b{}", id.replace(|c: char| !c.is_ascii_alphanumeric(), ""));
            json!({"name": name, "text": format!("interlock: 1\nname: {name}\ndefault: allow\nrules: []\n")})
        }
        "check_bundle" => {
            json!({"name": "draft", "text": "interlock: 1\nname: draft\ndefault: allow\nrules: []\n"})
        }
        "send_records" => json!({"log": "log-1", "records": []}),
        "mask" => json!({"text": "write to jane.doe@example.com"}),
        "decide_approval" => json!({"decision": "deny", "reason": "no"}),
        "decide_approvals" => {
            json!({"decision": "deny", "items": [{"id": id, "action_hash": "0".repeat(64)}]})
        }
        "resolve_approval" => json!({"happened": true}),
        "create_session_approval" => json!({"approval_id": id}),
        "check_content" => json!({"field": "arguments", "text": "{\"path\":\"/srv/a\"}"}),
        "create_user" => json!({"login": id, "role": "auditor"}),
        "update_user" => json!({"disabled": true}),
        "rotate_key" => json!({}),
        "sign_in" => json!({"login": "ana", "password": "x", "code": "1"}),
        "begin_sign_in" => json!({"provider": "sso"}),
        "change_password" => {
            json!({"old_password": "x", "new_password": "plain tree over the ridge"})
        }
        "look_at_invitation" => json!({"token": "x", "nonce": "0".repeat(32)}),
        "join" => {
            json!({"token": "x", "nonce": "0".repeat(32), "password": "plain tree over the ridge", "code": "1"})
        }
        "create_key" => json!({"role": "auditor"}),
        "set_kill_switch" => json!({"on": false}),
        _ => Value::Null,
    };
    let path = operation
        .path
        .replace("{id}", id)
        .replace("{seq}", id)
        .replace("{kind}", "agent")
        .replace("{framework}", "soc2");
    let query = match operation.id.as_str() {
        "diff_runs" => return (format!("{path}?a={run}&b={run}"), body),
        "wait_for_approval" => "?hold=0",
        "get_lease" => "?nonce=9f86d081884c7d65",
        "get_consistency_proof" => "?old=1&new=2",
        "update_policy" => "?enabled=false",
        _ => "",
    };
    (format!("{path}{query}"), body)
}

fn ask(server: &Server, operation: &Operation, thing: &Thing, key: &str) -> Answer {
    let (path, body) = request(operation, thing);
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    server.call(&operation.method, &path, key, &body)
}

fn start() -> Server {
    let server = Server::with(Limits {
        wrong_keys_burst: 100_000,
        ..Limits::default()
    });
    for tenant in ["default", "other"] {
        let text = "interlock: 1\nname: office\ndefault: allow\nrules:\n  \
            - id: payments-wait\n    match: { action: [payment] }\n    effect: require_approval\n    \
            approvers: { group: treasury, quorum: 1 }\n  \
            - id: no-writes\n    match: { action: [database_write] }\n    effect: block\n";
        let body = json!({"name": "office", "text": text}).to_string();
        let key = server.key(tenant, Role::Admin, None);
        let answer = server.call("POST", "/api/bundle", &key, &body);
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    server
}

fn tenant<'a>(server: &'a Server, name: &'static str, mark: &'static str) -> Tenant<'a> {
    Tenant {
        server,
        name,
        admin: server.key(name, Role::Admin, None),
        mark,
    }
}

#[test]
fn every_operation_has_a_line() {
    let lines = lines();
    let operations: BTreeSet<String> = operations().into_iter().map(|o| o.id).collect();
    let known: BTreeSet<String> = lines.keys().map(|name| (*name).to_owned()).collect();
    let missing: Vec<_> = operations.difference(&known).collect();
    assert!(missing.is_empty(), "who may do this? {missing:?}");
    let gone: Vec<_> = known.difference(&operations).collect();
    assert!(gone.is_empty(), "these are no operations: {gone:?}");
}

#[test]
fn no_key_and_a_wrong_key_get_nowhere() {
    let server = start();
    let here = tenant(&server, "default", "");
    let lines = lines();
    let mut wrong = Vec::new();
    let broken = {
        let mut key = server.admin.clone();
        let last = key.pop();
        key.push(if last == Some('a') { 'b' } else { 'a' });
        key
    };
    for operation in operations() {
        let line = &lines[operation.id.as_str()];
        let thing = here.make(line.thing);
        let (path, body) = request(&operation, &thing);
        let body = body.to_string();
        let no_key: &[(&str, &str)] = &[];
        for (name, headers) in [
            ("no key", no_key),
            ("wrong key", &[("x-api-key", broken.as_str())]),
            (
                "unknown key",
                &[("x-api-key", "a-key-that-nobody-gave-out")],
            ),
        ] {
            let answer = server.send(&operation.method, &path, headers, body.as_bytes());
            let expected = if line.may.is_some() { 401 } else { line.own };
            if answer.status != expected {
                wrong.push(format!("{}: {name}: {}", operation.id, answer.status));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_role_does_what_it_is_for_and_no_more() {
    let server = start();
    let here = tenant(&server, "default", "");
    let lines = lines();
    let mut wrong = Vec::new();
    for operation in operations() {
        let line = &lines[operation.id.as_str()];
        let Some(may) = line.may else { continue };
        let mut thing = here.make(line.thing);
        for (role, may) in ROLES.into_iter().zip(may) {
            let agent = (role == Role::Agent).then_some(thing.agent.as_str());
            let key = server.key("default", role, agent);
            let answer = ask(&server, &operation, &thing, &key);
            let expected = if may { line.own } else { 403 };
            if answer.status != expected {
                wrong.push(format!(
                    "{}: {} gets {}, not {expected}: {}",
                    operation.id,
                    role.name(),
                    answer.status,
                    answer.text
                ));
            }
            if !may && answer.field("code") != "key.forbidden" {
                wrong.push(format!("{}: {}", operation.id, answer.text));
            }
            if may {
                // What may be done once has been done.
                thing = here.make(line.thing);
            }
        }
        if line.stranger != "." {
            let stranger = server.key("default", Role::Agent, Some("stranger"));
            let answer = ask(&server, &operation, &thing, &stranger);
            if answer.status.to_string() != line.stranger {
                wrong.push(format!(
                    "{}: the key of another agent gets {}: {}",
                    operation.id, answer.status, answer.text
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Waits until the projection has caught up with the record.
fn settled(tenant: &Tenant<'_>) -> Vec<(String, Value)> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut last = tenant.view();
    loop {
        std::thread::sleep(Duration::from_millis(200));
        let view = tenant.view();
        if view == last {
            return view;
        }
        assert!(Instant::now() < deadline, "it never comes to rest");
        last = view;
    }
}

#[test]
fn what_another_tenant_has_is_not_there() {
    let server = start();
    let here = tenant(&server, "default", "");
    let there = tenant(&server, "other", MARK);
    let lines = lines();
    let mut wrong = Vec::new();
    // Everything exists before, so that lists could show it.
    let things: BTreeMap<&str, Thing> = lines
        .values()
        .map(|line| (line.thing, there.make(line.thing)))
        .collect();
    let before = settled(&there);
    let mut operations = operations();
    operations.retain(|o| lines[o.id.as_str()].may.is_some());
    for operation in &operations {
        let thing = here.make(lines[operation.id.as_str()].thing);
        let answer = ask(&server, operation, &thing, &here.admin);
        if answer.text.contains(MARK) {
            wrong.push(format!("{}: tells of them: {}", operation.id, answer.text));
        }
    }
    // Then by name; last what makes something of that name in one's own tenant.
    operations.retain(|o| lines[o.id.as_str()].foreign != ".");
    operations.sort_by_key(|o| lines[o.id.as_str()].foreign == "own");
    for operation in &operations {
        let line = &lines[operation.id.as_str()];
        let thing = &things[line.thing];
        for (role, may) in ROLES.into_iter().zip(line.may.expect("kept above")) {
            // An agent's key that is bound to an agent of the same name in this tenant.
            let agent = (role == Role::Agent).then_some(thing.agent.as_str());
            let key = server.key("default", role, agent);
            let answer = ask(&server, operation, thing, &key);
            let fits = match (may, line.foreign) {
                (false, _) => answer.status == 403,
                (true, "404") => answer.status == 404,
                (true, "each") => {
                    answer.status == 200 && answer.json()[0]["error"]["code"] == "not-found"
                }
                (true, _) => answer.status < 500 && answer.status != 401,
            };
            // What one named oneself may be repeated; nothing else of theirs shows.
            let shown = answer.text.replace(&thing.agent, "").replace(&thing.id, "");
            if !fits || shown.contains(MARK) {
                wrong.push(format!(
                    "{}: {} gets {}: {}",
                    operation.id,
                    role.name(),
                    answer.status,
                    answer.text
                ));
            }
        }
    }
    // Their agents of the same name, policies, contents and the rest are as they were.
    for ((path, was), (_, is)) in before.iter().zip(settled(&there)) {
        if *was != is {
            wrong.push(format!("{path} was {was} and is {is}"));
        }
    }
    let path = format!("/api/audit/content/{}", things["entry"].id);
    assert_eq!(server.call("GET", &path, &there.admin, "").status, 200);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
