//! How soon an agent that waits hears of a person's answer.
//!
//! Starts the release binary on a fresh data directory, lets agents ask and wait over REST, and has
//! a person answer. Measured from before the answer is sent until the agent has read that it may go
//! on, so that the durable record of the answer is included.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::load::{KEY, start};

/// The limit on the 99th percentile.
const LIMIT: Duration = Duration::from_millis(250);
/// Agents that wait at the same time, beside the one that is measured.
const WAITING: usize = 50;

const POLICY: &str = "interlock: 1\ndefault: allow\nrules:\n  - id: payments\n    match: { action: [payment] }\n    effect: require_approval\n    approvers: { group: finance, quorum: 1, timeout: 24h }\n";

fn call(port: u16, method: &str, path: &str, body: &Value) -> Result<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nuser-agent: wake\r\nx-api-key: {KEY}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    if !head.starts_with("HTTP/1.1 200") {
        bail!("{method} {path}: {answer}");
    }
    Ok(serde_json::from_str(body)?)
}

fn ask(port: u16, n: usize) -> Result<String> {
    let action = json!({
        "agent_id": format!("bot-{}", n % 200), "action_type": "payment", "tool": "pay",
        "resource": format!("accounts/{n}"), "arguments": {"amount": 5},
    });
    let answer = call(port, "POST", "/api/check", &action)?;
    let id = answer["approval_id"].as_str();
    Ok(id.with_context(|| format!("{answer}"))?.to_owned())
}

fn wait(port: u16, id: &str) -> Result<Instant> {
    let path = format!("/api/approvals/{id}/wait?hold=50");
    let answer = call(port, "GET", &path, &Value::Null)?;
    let heard = Instant::now();
    if answer["state"] != "approved" {
        bail!("{answer}");
    }
    Ok(heard)
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let rounds: usize = match args.first() {
        Some(n) => n.parse().context("the number of rounds")?,
        None => 300,
    };
    let directory = tempfile::tempdir()?;
    let policy = directory.path().join("policy.yaml");
    std::fs::write(&policy, POLICY)?;
    let server = start("strict", &policy)?;
    let port = server.port();
    let idle: Vec<String> = (0..WAITING)
        .map(|n| ask(port, rounds + n))
        .collect::<Result<_>>()?;
    let mut times = std::thread::scope(|scope| -> Result<Vec<Duration>> {
        for id in &idle {
            scope.spawn(|| wait(port, id));
        }
        let mut times = Vec::with_capacity(rounds);
        for n in 0..rounds {
            let id = ask(port, n)?;
            let waiting = scope.spawn({
                let id = id.clone();
                move || wait(port, &id)
            });
            // So that the agent is waiting.
            std::thread::sleep(Duration::from_millis(20));
            let sent = Instant::now();
            let path = format!("/api/approvals/{id}/decide");
            call(port, "POST", &path, &json!({"decision": "approve"}))?;
            let heard = waiting.join().map_err(|_| anyhow::anyhow!("a panic"))??;
            times.push(heard.saturating_duration_since(sent));
        }
        for id in &idle {
            let path = format!("/api/approvals/{id}/decide");
            call(port, "POST", &path, &json!({"decision": "approve"}))?;
        }
        Ok(times)
    })?;
    times.sort_unstable();
    let at = |percent: usize| {
        let last = times.len().saturating_sub(1);
        times.get(last * percent / 100).copied().unwrap_or_default()
    };
    println!(
        "answer to wake-up, {rounds} rounds beside {WAITING} other agents that wait, strict durability: p50 {:.1?}, p99 {:.1?}, most {:.1?}",
        at(50),
        at(99),
        at(100)
    );
    println!(
        "figure | approvals: from a person's answer to the agent's wake-up | {rounds} answers, {WAITING} others wait | p50 {:.1?}, p99 {:.1?} | p99 {LIMIT:?}",
        at(50),
        at(99)
    );
    if at(99) > LIMIT {
        bail!("p99 is more than {LIMIT:?}");
    }
    Ok(())
}
