//! Makes the actions of one agent: what it calls, how large, how often it fails and tries again.

use interlock_core::model::{Action, OutcomeStatus};
use serde_json::{Value as Json, json};

use super::agent::Agent;
use super::calendar::{MINUTE, SECOND};
use super::random::{Random, exp2};

/// One action of a trace.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// When it is asked for.
    pub(crate) at: i64,
    pub(crate) action: Action,
    /// How it ends if it runs.
    pub(crate) status: OutcomeStatus,
    /// Rows that the outcome reports.
    pub(crate) rows: Option<i64>,
    /// Whether it belongs to an attack.
    pub(crate) attack: bool,
}

/// Who stands behind a session, and from where.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seat {
    pub(crate) session: String,
    pub(crate) user: String,
    pub(crate) ip: String,
    pub(crate) network: String,
    pub(crate) region: String,
    pub(crate) client: String,
}

/// What an action carries besides its arguments.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    /// Rows touched, as the enforcement point estimates them.
    pub(crate) rows: Option<i64>,
    /// Bytes read or sent, as the enforcement point saw them.
    pub(crate) bytes: Option<i64>,
    /// Millionths of a US dollar.
    pub(crate) micro_usd: u64,
}

/// Makes actions at a time that moves on with each.
#[derive(Debug)]
pub(crate) struct Maker<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) random: Random,
    /// The day of the trace.
    pub(crate) day: i64,
    pub(crate) now: i64,
    pub(crate) seat: Seat,
    /// Seconds between two actions: the median.
    pub(crate) pace_s: f64,
    /// The share of calls that fail.
    pub(crate) failing: f64,
    pub(crate) attack: bool,
    run: String,
    step: i64,
    pub(crate) events: Vec<Event>,
}

const WORDS: [&str; 32] = [
    "the", "order", "was", "sent", "on", "time", "and", "we", "have", "added", "your", "note",
    "to", "plan", "for", "next", "week", "please", "see", "report", "attached", "meeting", "moved",
    "team", "agreed", "that", "new", "price", "list", "is", "ready", "now",
];
/// Bytes of text really put into an action; what is larger is told by the observed size alone.
const TEXT_BYTES_MAX: i64 = 1_200;

impl<'a> Maker<'a> {
    pub(crate) fn new(agent: &'a Agent, random: Random, day: i64, now: i64, seat: Seat) -> Self {
        let run = format!("r-{:x}", now / SECOND);
        Self {
            agent,
            random,
            day,
            now,
            seat,
            pace_s: 5.0,
            failing: 0.02,
            attack: false,
            run,
            step: 0,
            events: Vec::new(),
        }
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, median_s: f64) {
        let seconds = self.random.log_normal(median_s, 0.8);
        self.now += (seconds * 1000.0) as i64 * 1_000_000 + 1;
    }

    pub(crate) fn number(&mut self, n: u64) -> u64 {
        self.random.below(n)
    }

    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.random.chance(p)
    }

    /// A size around this median, grown by whatever drifts.
    pub(crate) fn size(&mut self, median: f64) -> i64 {
        let median = median * self.agent.growth(self.day);
        self.random.log_normal(median, 0.9).max(1.0) as i64
    }

    pub(crate) fn text(&mut self, bytes: i64) -> String {
        let bytes = bytes.clamp(8, TEXT_BYTES_MAX) as usize;
        let mut out = String::with_capacity(bytes + 12);
        while out.len() < bytes {
            out.push_str(self.random.pick::<&str>(&WORDS));
            out.push(' ');
        }
        out
    }

    /// Asks for an action; a call that fails is tried again up to three times.
    pub(crate) fn call(
        &mut self,
        kind: &str,
        tool: &str,
        resource: &str,
        arguments: Json,
        load: Load,
    ) {
        self.step += 1;
        let tool = self.agent.tool(tool, self.day);
        let mut body = json!({
            "agent_id": self.agent.name, "action_type": kind, "tool": tool, "resource": resource,
            "arguments": arguments, "run_id": self.run, "step": self.step,
            "environment": {"name": "production", "region": self.seat.region, "network": self.seat.network},
            "context": {"client": self.seat.client},
        });
        if !self.seat.session.is_empty() {
            body["session_id"] = json!(self.seat.session);
        }
        if !self.seat.user.is_empty() {
            body["user"] = json!({"id": self.seat.user, "ip": self.seat.ip});
        }
        if load.rows.is_some() || load.bytes.is_some() {
            body["observed"] = json!({});
            if let Some(rows) = load.rows {
                body["observed"]["rows"] = json!(rows);
            }
            if let Some(bytes) = load.bytes {
                body["observed"]["path"] = json!({"bytes": bytes});
            }
        }
        if load.micro_usd > 0 {
            body["cost_usd"] = json!(format!("0.{:06}", load.micro_usd % 1_000_000));
            if load.micro_usd >= 1_000_000 {
                body["cost_usd"] = json!(format!(
                    "{}.{:06}",
                    load.micro_usd / 1_000_000,
                    load.micro_usd % 1_000_000
                ));
            }
        }
        let text = body.to_string();
        let action = match Action::from_json(text.as_bytes()) {
            Ok(action) => action,
            Err(error) => panic!("the generator makes valid actions: {error}: {text}"),
        };
        for attempt in 0..4 {
            let failed = attempt < 3 && self.random.chance(self.failing);
            self.events.push(Event {
                at: self.now,
                action: action.clone(),
                status: if failed {
                    OutcomeStatus::Failed
                } else {
                    OutcomeStatus::Succeeded
                },
                rows: load.rows,
                attack: self.attack,
            });
            if !failed {
                break;
            }
            self.now += (exp2(f64::from(attempt)) * 2000.0) as i64 * 1_000_000;
        }
        self.wait(self.pace_s);
    }

    /// A query of a table by a key, or of many rows.
    pub(crate) fn query(&mut self, database: &str, table: &str, columns: &str, rows: i64) {
        let sql = if rows <= 3 {
            format!(
                "SELECT {columns} FROM {table} WHERE id = {}",
                self.number(90_000)
            )
        } else {
            let day = self.number(28) + 1;
            format!(
                "SELECT {columns} FROM {table} WHERE updated > '2026-09-{day:02}' LIMIT {}",
                rows.max(1) * 2
            )
        };
        self.call(
            "database_query",
            "sql.query",
            &format!("{database}/{table}"),
            json!({"sql": sql}),
            Load {
                rows: Some(rows),
                ..Load::default()
            },
        );
    }

    pub(crate) fn update(&mut self, database: &str, table: &str, assignment: &str) {
        let id = self.number(90_000);
        self.call(
            "database_write",
            "sql.execute",
            &format!("{database}/{table}"),
            json!({"sql": format!("UPDATE {table} SET {assignment} WHERE id = {id}")}),
            Load {
                rows: Some(1),
                ..Load::default()
            },
        );
    }

    pub(crate) fn read(&mut self, path: &str, bytes: i64) {
        self.call(
            "file_read",
            "read_file",
            path,
            json!({"path": path}),
            Load {
                bytes: Some(bytes),
                ..Load::default()
            },
        );
    }

    pub(crate) fn write(&mut self, path: &str, bytes: i64) {
        let content = self.text(bytes);
        self.call(
            "file_write",
            "write_file",
            path,
            json!({"path": path, "content": content}),
            Load {
                bytes: Some(bytes),
                ..Load::default()
            },
        );
    }

    pub(crate) fn get(&mut self, url: &str) {
        self.call(
            "api_call",
            "http.get",
            url,
            json!({"url": url, "method": "GET"}),
            Load::default(),
        );
    }

    pub(crate) fn post(&mut self, url: &str, bytes: i64) {
        let note = self.text(bytes);
        self.call(
            "api_call",
            "http.post",
            url,
            json!({"url": url, "method": "POST", "body": {"note": note}}),
            Load {
                bytes: Some(bytes),
                ..Load::default()
            },
        );
    }

    pub(crate) fn mail(&mut self, to: &str, bytes: i64) {
        let body = self.text(bytes);
        self.call(
            "message_send",
            "send_email",
            "mail",
            json!({"to": to, "subject": "Your request", "body": body}),
            Load {
                bytes: Some(bytes),
                ..Load::default()
            },
        );
    }

    pub(crate) fn shell(&mut self, command: &str) {
        self.call(
            "code_execution",
            "bash",
            "",
            json!({"command": command}),
            Load::default(),
        );
    }

    pub(crate) fn think(&mut self, micro_usd: f64) {
        let cost = self.size(micro_usd).unsigned_abs();
        let prompt = self.text(300);
        self.call(
            "llm_call",
            "llm.chat",
            "models/large",
            json!({"prompt": prompt, "max_tokens": 2000}),
            Load {
                micro_usd: cost,
                ..Load::default()
            },
        );
    }

    /// Asks for the state of a job until it is done.
    pub(crate) fn poll(&mut self, url: &str, times: u64) {
        for _ in 0..times {
            self.call(
                "api_call",
                "http.get",
                url,
                json!({"url": url, "method": "GET"}),
                Load::default(),
            );
            self.now += MINUTE;
        }
    }

    /// The mailbox of a customer; their domains have a long tail.
    pub(crate) fn customer(&mut self) -> String {
        let popular = ["gmail.com", "outlook.com", "icloud.com", "proton.me"];
        let name = self.number(5_000);
        if self.chance(0.7) {
            let domain = *self.random.pick(&popular);
            format!("c{name}@{domain}")
        } else {
            let n = self.number(400);
            let company = self.number(n + 1);
            format!("c{name}@company{company}.com")
        }
    }
}
