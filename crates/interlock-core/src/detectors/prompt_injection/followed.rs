//! An action that the user's task did not ask for, after foreign text came into the session.
//!
//! Where it came from says more than how it reads: an injected instruction may be an ordinary
//! sentence, but what comes of it is a message, a payment or a deletion that nobody requested. So
//! this looks at what the agent does next, when a result has brought instructions into the session
//! (`state.instructions_seq`) or at least text from outside (`state.untrusted_seen`): a sensitive
//! action is held against the task as the caller gave it (`context.prompt`, `task`, `goal` or a
//! similar field). Asked for is what the task names, by a word for such a deed and, where the
//! action has a target, by a word of that target.
//!
//! Misses: a planted deed of the same kind and target as the task's own; a caller that puts the
//! model's own words where the task belongs. Without a task text all sensitive actions after an
//! instruction are reported, with less confidence.

use std::borrow::Cow;

use super::FOLLOWED;
use crate::detectors::DetectContext;
use crate::model::{Action, ActionType, Finding, Findings, Span, Value};
use crate::text::normalise;

/// Fields of the context that hold what the user asked for. A plan is the model's, not the user's.
const TASK_KEYS: [&str; 12] = [
    "goal",
    "instruction",
    "instructions",
    "objective",
    "prompt",
    "question",
    "request",
    "task",
    "user",
    "user_message",
    "user_prompt",
    "user_request",
];

/// Bytes of the task that are read.
const TASK_BYTES_MAX: usize = 16_384;
/// Arguments whose words may name the target.
const TARGET_KEYS: [&str; 30] = [
    "account",
    "address",
    "bucket",
    "channel",
    "command",
    "contact",
    "dest",
    "destination",
    "email",
    "file",
    "file_path",
    "filename",
    "host",
    "iban",
    "id",
    "key",
    "name",
    "path",
    "payee",
    "phone",
    "recipient",
    "recipients",
    "repo",
    "repository",
    "role",
    "table",
    "to",
    "url",
    "user",
    "username",
];
/// Words of targets that are looked for.
const TARGET_WORDS_MAX: usize = 64;
/// Letters and digits from which on a word of a target names it.
const TARGET_WORD_MIN: usize = 3;

/// Parts of addresses, links and commands that name nothing. Sorted.
const COMMON: [&str; 38] = [
    "api",
    "app",
    "bin",
    "com",
    "curl",
    "data",
    "docs",
    "edu",
    "etc",
    "example",
    "file",
    "files",
    "gmail",
    "gov",
    "home",
    "http",
    "https",
    "info",
    "json",
    "mail",
    "mailto",
    "net",
    "new",
    "org",
    "pdf",
    "root",
    "send",
    "smtp",
    "srv",
    "the",
    "tmp",
    "txt",
    "usr",
    "var",
    "workspace",
    "www",
    "xml",
    "yaml",
];

/// A kind of deed that an injection is after, and the beginnings of words that ask for one.
struct Deed {
    is: fn(&DetectContext<'_>) -> bool,
    words: &'static [&'static str],
}

static DEEDS: [Deed; 6] = [
    Deed {
        is: pays,
        words: &[
            "pay",
            "transfer",
            "wire",
            "refund",
            "buy",
            "purchas",
            "order",
            "donat",
            "settle",
            "deposit",
            "send",
            "bill",
            "subscri",
            "book",
            "reserv",
            "charge",
            "invoice",
            "zahl",
            "uberweis",
            "kauf",
            "bezahl",
            "pag",
            "transfier",
            "compr",
            "vire",
            "achet",
            "bonific",
            "заплат",
            "перевед",
            "оплат",
            "支付",
            "付款",
            "转账",
            "払",
        ],
    },
    Deed {
        is: |cx| cx.facts.action.delete,
        words: &[
            "delet",
            "remov",
            "eras",
            "purg",
            "clean",
            "clear",
            "drop",
            "unlink",
            "wip",
            "trash",
            "discard",
            "cancel",
            "uninstall",
            "losch",
            "entfern",
            "elimin",
            "borra",
            "supprim",
            "efface",
            "cancell",
            "apag",
            "удал",
            "删除",
            "削除",
        ],
    },
    Deed {
        is: |cx| cx.facts.path.secret,
        words: &[
            "secret",
            "credential",
            "password",
            "key",
            "token",
            "env",
            "config",
            "login",
            "passwor",
            "contrasen",
            "mot de passe",
            "пароль",
            "密码",
        ],
    },
    Deed {
        is: |cx| {
            let runs = matches!(
                cx.action.action_type,
                ActionType::CodeExecution | ActionType::ProcessSpawn
            );
            cx.facts.action.side_effect && (runs || cx.facts.action.executes)
        },
        words: &[
            "run",
            "execut",
            "install",
            "build",
            "test",
            "deploy",
            "compil",
            "start",
            "launch",
            "script",
            "command",
            "shell",
            "fix",
            "implement",
            "updat",
            "upgrad",
            "debug",
            "commit",
            "push",
            "format",
            "lint",
            "restart",
            "ausfuhr",
            "ejecut",
            "execut",
            "esegu",
            "запуст",
            "运行",
            "执行",
            "実行",
        ],
    },
    Deed {
        is: |cx| {
            // Money that goes out is asked for as a payment.
            cx.action.action_type == ActionType::MessageSend
                || cx.facts.action.outbound && cx.facts.action.side_effect && !pays(cx)
        },
        words: &[
            "send",
            "mail",
            "e-mail",
            "email",
            "forward",
            "repl",
            "shar",
            "post",
            "messag",
            "notif",
            "tell",
            "invit",
            "publish",
            "upload",
            "respond",
            "contact",
            "answer",
            "let ",
            "inform",
            "remind",
            "submit",
            "ask",
            "call",
            "text",
            "schick",
            "sende",
            "antwort",
            "teil",
            "envia",
            "manda",
            "respond",
            "envoi",
            "envoy",
            "repond",
            "invia",
            "rispond",
            "отправ",
            "ответ",
            "发送",
            "发给",
            "送信",
            "보내",
        ],
    },
    Deed {
        is: |cx| cx.action.action_type == ActionType::PermissionChange || cx.facts.action.elevated,
        words: &[
            "permission",
            "access",
            "grant",
            "role",
            "admin",
            "right",
            "add",
            "invit",
            "sudo",
            "root",
            "shar",
            "allow",
            "recht",
            "permis",
            "droit",
            "доступ",
            "权限",
        ],
    },
];

fn pays(cx: &DetectContext<'_>) -> bool {
    cx.action.action_type == ActionType::Payment
        || cx.facts.money.present && cx.facts.action.side_effect
}

/// Reports a sensitive action that the task does not ask for, in a session that foreign text came
/// into.
pub(super) fn detect(cx: &DetectContext<'_>, out: &mut Findings) {
    let Some(state) = cx.readings.map(|r| &r.state) else {
        return;
    };
    let instructed = state.instructions_seq > 0;
    if !instructed && !state.untrusted_seen {
        return;
    }
    let task = task(cx.action);
    let mut strongest = 0;
    for deed in DEEDS.iter().filter(|d| (d.is)(cx)) {
        let asked = begins_word(&task, deed.words);
        let named = named(cx.action, &task);
        let confidence = match (instructed, task.is_empty(), asked, named) {
            (true, true, ..) => 60,
            // Neither the deed nor its target is the user's wish.
            (true, false, false, Some(false) | None) => 85,
            // The target is: the task works on it, and something else is done to it.
            (true, false, false, Some(true)) => 75,
            // The deed is, but to somebody or something else.
            (true, false, true, Some(false)) => 62,
            (false, false, false, Some(false)) => 55,
            _ => 0,
        };
        strongest = strongest.max(confidence);
    }
    if strongest > 0 {
        out.push(Finding {
            code: &FOLLOWED,
            confidence: strongest,
            path: if instructed {
                Cow::Owned(format!("session.results[{}]", state.instructions_seq))
            } else {
                Cow::Borrowed("session")
            },
            span: Span::default(),
        });
    }
}

/// What the user asked for, in normal form; empty when the caller does not say.
fn task(action: &Action) -> String {
    let mut task = String::new();
    for (key, value) in action.context.iter() {
        if TASK_KEYS.contains(&key) {
            gather(value, &mut task);
        } else if key == "messages" {
            for message in value.as_array().unwrap_or_default().iter().take(64) {
                if message.get("role").and_then(Value::as_str) == Some("user")
                    && let Some(content) = message.get("content")
                {
                    gather(content, &mut task);
                }
            }
        }
    }
    normalise(&task).text
}

fn gather(value: &Value, out: &mut String) {
    let Some(text) = value.as_str() else { return };
    let mut end = text.len().min(TASK_BYTES_MAX.saturating_sub(out.len()));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    out.push_str(text.get(..end).unwrap_or_default());
    out.push('\n');
}

/// Whether a word of `text` begins with one of `beginnings`. Scripts without spaces may have it
/// anywhere.
fn begins_word(text: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| {
        text.match_indices(beginning).any(|(at, _)| {
            !beginning.is_ascii()
                || !text
                    .get(..at)
                    .and_then(|before| before.chars().next_back())
                    .is_some_and(char::is_alphanumeric)
        })
    })
}

/// Whether `task` names a target of the action; `None` when it has no target that could be named.
fn named(action: &Action, task: &str) -> Option<bool> {
    let mut left = TARGET_WORDS_MAX;
    let mut any = false;
    let mut found = false;
    let mut look = |text: &str| {
        for word in normalise(text)
            .text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|w| w.len() >= TARGET_WORD_MIN && COMMON.binary_search(w).is_err())
        {
            if left == 0 || found {
                return;
            }
            left -= 1;
            any = true;
            found = begins_word(task, &[word]);
        }
    };
    look(&action.resource);
    for root in [&action.arguments, &action.payload] {
        let Some(object) = root.as_object() else {
            continue;
        };
        for (key, value) in object.iter() {
            if TARGET_KEYS.binary_search(&key).is_err() {
                continue;
            }
            match value {
                Value::String(text) => look(text),
                Value::Array(items) => items
                    .iter()
                    .take(TARGET_WORDS_MAX)
                    .filter_map(Value::as_str)
                    .for_each(&mut look),
                _ => {}
            }
        }
    }
    any.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted() {
        assert!(TARGET_KEYS.is_sorted() && COMMON.is_sorted());
    }

    #[test]
    fn words_begin_where_words_begin() {
        assert!(begins_word("please email it", &["mail", "email"]));
        assert!(!begins_word("the blackmail case", &["mail"]));
        assert!(begins_word("请发送报告", &["发送"]));
        assert!(!begins_word("", &["send"]));
    }
}
