//! Prints what the detector for personal data and secrets finds in labelled texts.
//!
//! `personal-data < FILE.jsonl` reads records with a field `text`, one a line, and writes for each one
//! line with its findings: `[{"code", "confidence", "start", "end"}]`, places in characters.
//!
//! `personal-data --synthetic N` writes N synthetic values of each kind instead, as `kind<TAB>value`, for
//! checking them against other implementations of the check digits.

use std::io::{BufRead as _, BufWriter, Write as _};

use interlock_core::detectors::{DetectContext, DetectorConfig, Phase, detect_content, scan};
use interlock_core::facts::Facts;
use interlock_core::model::{
    Action, ActionType, Findings, Object, Principal, Value, Vector, VectorSet,
};
use interlock_core::privacy::{KINDS, Key, find, replace_value};
use interlock_core::text::flatten;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, count] = args.as_slice()
        && flag == "--synthetic"
    {
        return synthetic(count.parse()?);
    }
    let config = DetectorConfig {
        enabled: VectorSet::from_iter([Vector::Pii]),
        threshold: [0; 12],
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let record: serde_json::Value = serde_json::from_str(&line?)?;
        let text = record["text"].as_str().ok_or("a record has no `text`")?;
        let mut action = Action::new("dev", ActionType::ApiCall);
        let mut arguments = Object::new();
        arguments.insert("text", Value::String(text.to_owned()));
        action.arguments = Value::Object(arguments);
        let (segments, truncated) = flatten(&action);
        let scanned = scan(&segments, truncated);
        let mut found = Findings::default();
        let cx = DetectContext {
            action: &action,
            principal: &Principal::local(),
            facts: &Facts::default(),
            scanned: &scanned,
            readings: None,
            phase: Phase::Content,
        };
        detect_content(&cx, &config, &mut found);
        let chars = |byte: u32| text.get(..byte as usize).map_or(0, |t| t.chars().count());
        let all: Vec<serde_json::Value> = found
            .items()
            .iter()
            .map(|f| {
                serde_json::json!({
                    "code": f.code.code,
                    "confidence": f.confidence,
                    "start": chars(f.span.start),
                    "end": chars(f.span.end),
                })
            })
            .collect();
        writeln!(out, "{}", serde_json::Value::Array(all))?;
    }
    Ok(())
}

fn synthetic(count: u32) -> Result<(), Box<dyn std::error::Error>> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let key = Key::new([42; 32]);
    for kind in KINDS {
        let found = find(kind.example);
        let own = found.iter().find(|m| m.kind.name == kind.name);
        let value = own.and_then(|m| kind.example.get(m.start..m.end));
        for attempt in 0..count {
            let made = replace_value(kind, value.unwrap_or_default(), &key, attempt);
            writeln!(out, "{}\t{}", kind.name, made.replace('\n', " "))?;
        }
    }
    Ok(())
}
