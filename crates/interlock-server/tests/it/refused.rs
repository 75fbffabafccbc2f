//! The table of requests that are refused, and policies that are too large or lead in a circle.

use std::fmt::Write as _;

use crate::client::Server;

const CASES: &str = include_str!("cases/refused.md");

/// `x…3` is `xxx`.
fn repeated(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('…') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let times: usize = after[..digits].parse().expect("a number after `…`");
        out.push_str(before);
        let last = before.chars().next_back().expect("something to repeat");
        for _ in 1..times {
            out.push(last);
        }
        rest = &after[digits..];
    }
    out.push_str(rest);
    out
}

#[test]
fn what_is_malformed_is_refused_by_name() {
    let server = Server::start();
    let before = server.get("/api/bundle").json()["number"].clone();
    let mut wrong = Vec::new();
    let mut ran = 0;
    for line in CASES
        .lines()
        .filter(|l| l.starts_with("| ") && l.contains('`'))
    {
        // A body may hold a bar: it is what stands between the first and the last backtick of ` | `.
        let (request, rest) = line[2..].split_once(" | `").expect(line);
        let (body, rest) = rest.split_once("` | ").expect(line);
        let parts: Vec<&str> = rest
            .trim_end_matches('|')
            .splitn(4, " | ")
            .map(str::trim)
            .collect();
        let [status, code, field, message] = parts[..] else {
            panic!("{line}");
        };
        let (method, path) = request.split_once(' ').expect(line);
        let body = repeated(body);
        let answer = server.call(method, path, &server.admin, &body);
        let got = answer.json();
        let message = if message == "-" { "" } else { message };
        let fits = answer.status.to_string() == status
            && got["code"] == code
            && got["field"].as_str().unwrap_or("-") == field
            && got["message"]
                .as_str()
                .unwrap_or_default()
                .contains(message);
        if !fits {
            wrong.push(format!("{line}\n    {} {}", answer.status, answer.text));
        }
        ran += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ran > 50, "{ran} cases");
    assert_eq!(
        server.get("/api/bundle").json()["number"],
        before,
        "nothing was put in force"
    );
}

fn rules(from: usize, to: usize) -> String {
    let mut text = String::from("interlock: 1\ndefault: allow\nrules:\n");
    for n in from..to {
        let _ = writeln!(
            text,
            "  - {{ id: r{n}, match: {{ tool: [\"t{n}\"] }}, effect: block }}"
        );
    }
    text
}

fn publish(server: &Server, name: &str, text: &str) -> crate::client::Answer {
    let body = serde_json::json!({"name": name, "text": text}).to_string();
    server.post("/api/bundle", &body)
}

#[test]
fn ten_thousand_rules_are_taken_and_one_more_is_not() {
    let server = Server::start();
    let own = server
        .runtime
        .bundle("default")
        .expect("a bundle")
        .compiled
        .program
        .rules()
        .len();
    let most = 10_000 - own;
    let answer = publish(&server, "many.yaml", &rules(0, most));
    assert_eq!(answer.status, 200, "{:.300}", answer.text);
    let blocked = format!(
        r#"{{"agent_id":"bot","action_type":"llm_call","tool":"t{}"}}"#,
        most - 1
    );
    assert_eq!(server.post("/api/check", &blocked).field("effect"), "block");
    let answer = publish(&server, "many.yaml", &rules(0, most + 1));
    assert_eq!(
        (answer.status, answer.field("code").as_str()),
        (422, "policy.invalid")
    );
    assert!(
        answer.field("message").contains("10000"),
        "{:.300}",
        answer.text
    );
    assert_eq!(server.post("/api/check", &blocked).field("effect"), "block");
    // A text that is larger than any body may be.
    let answer = publish(&server, "many.yaml", &"#".repeat(1_100_000));
    assert_eq!(
        (answer.status, answer.field("code").as_str()),
        (413, "body.too-large")
    );
}

#[test]
fn a_circle_of_bundles_is_refused_and_the_last_good_one_stays() {
    let server = Server::start();
    let block = "interlock: 1\nrules:\n  - { id: no-mail, match: { action: [message_send] }, effect: block }\n";
    assert_eq!(publish(&server, "a.yaml", block).status, 200);
    let answer = publish(&server, "b.yaml", "interlock: 1\nextends: a.yaml\n");
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = publish(&server, "a.yaml", "interlock: 1\nextends: b.yaml\n");
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert!(
        answer.field("message").contains("a.yaml → b.yaml → a.yaml")
            || answer.field("message").contains("b.yaml → a.yaml → b.yaml"),
        "{}",
        answer.text
    );
    let mail = r#"{"agent_id":"bot","action_type":"message_send"}"#;
    assert_eq!(
        server.post("/api/check", mail).field("policy_matched"),
        "no-mail"
    );
}
