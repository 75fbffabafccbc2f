//! `interlock audit show`

use anyhow::Result;
use serde_json::{Value, json};
use std::fmt::Write as _;

use crate::output::Output;

/// Show the content of an entry, unmasked.
///
/// Every piece is held against what the entry commits to. That it was read, and by whom, goes into
/// the record.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  interlock audit show 41                          from a running server
  interlock audit show 41 --data interlock-data    the server is stopped

Exit codes: 0 shown, 1 there is no such content, it was erased, or it cannot be read")]
pub(crate) struct Args {
    /// The sequence number of a decision or an outcome.
    seq: u64,
    #[command(flatten)]
    from: super::From,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    let value = match &args.from.data {
        None => args
            .from
            .server
            .client()?
            .get(&format!("/api/audit/content/{}", args.seq))?,
        Some(data) => {
            let runtime = super::runtime(data, &args.from.tenant)?;
            let content = runtime.content(&args.from.tenant, super::OPERATOR, args.seq);
            runtime.close();
            let content = content?;
            let fields: Vec<Value> = content
                .fields
                .iter()
                .map(|f| json!({"name": f.name, "commitment": f.commitment, "text": f.text}))
                .collect();
            json!({
                "seq": content.seq,
                "kind": content.kind,
                "subject": content.subject,
                "kept": content.kept,
                "fields": fields,
            })
        }
    };
    out.print(&value, || text(&value));
    Ok(0)
}

fn text(value: &Value) -> String {
    let mut text = String::new();
    for field in value["fields"].as_array().into_iter().flatten() {
        let name = field["name"].as_str().unwrap_or_default();
        let content = field["text"]
            .as_str()
            .unwrap_or("(not kept; only what it can be checked with is)");
        let _ = writeln!(text, "{name}: {content}");
    }
    text.truncate(text.trim_end().len());
    text
}
