//! `interlock audit erase`

use anyhow::Result;
use interlock_store::vault::Subject;
use serde_json::{Value, json};

use crate::output::Output;

/// Destroy what is kept of the content about a person or an agent.
///
/// It cannot be undone. The record keeps its proofs; `audit verify` answers with exit code 5 from
/// then on. A backup of `vault/subjects` that is older than the erasure would undo it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock audit erase --user u-7 --basis gdpr-17
  interlock audit erase --agent billing-bot --data interlock-data     the server is stopped

Exit codes: 0 erased, or there was nothing to erase; 1 it failed")]
#[command(group = clap::ArgGroup::new("subject").required(true))]
pub(crate) struct Args {
    /// The person: the `user.id` of actions.
    #[arg(long, value_name = "ID", group = "subject")]
    user: Option<String>,
    /// The agent: what it did on behalf of nobody.
    #[arg(long, value_name = "ID", group = "subject")]
    agent: Option<String>,
    /// The law or rule it rests on, recorded for ever; never a person.
    #[arg(long, default_value = "request")]
    basis: String,
    #[command(flatten)]
    from: super::From,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let (kind, id) = match (&args.user, &args.agent) {
        (Some(id), _) => ("user", id),
        (None, Some(id)) => ("agent", id),
        (None, None) => anyhow::bail!("one of `--user` and `--agent` is needed"),
    };
    let value = match &args.from.data {
        None => args.from.server.client()?.delete(&format!(
            "/api/subjects/{kind}/{}?basis={}",
            encoded(id),
            encoded(&args.basis)
        ))?,
        Some(data) => {
            let runtime = super::runtime(data, &args.from.tenant)?;
            let (tenant, id) = (args.from.tenant.as_str().into(), id.clone());
            let subject = if kind == "user" {
                Subject::User { tenant, id }
            } else {
                Subject::Agent { tenant, id }
            };
            let erased = runtime.erase_subject(&subject, super::OPERATOR, &args.basis);
            runtime.close();
            match erased? {
                Some(erased) => json!({
                    "erased": true,
                    "seq": erased.seq,
                    "subject_hash": erased.subject,
                    "keys": erased.keys,
                    "records": erased.records,
                }),
                None => json!({"erased": false, "keys": 0, "records": 0}),
            }
        }
    };
    out.print(&value, || text(&value));
    Ok(0)
}

fn text(value: &Value) -> String {
    if value["erased"] == json!(true) {
        format!(
            "erased: {} records cannot be opened any more; entry {} says so",
            value["records"], value["seq"]
        )
    } else {
        "nothing to erase".to_owned()
    }
}

/// A segment of a path (RFC 3986).
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(b).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
