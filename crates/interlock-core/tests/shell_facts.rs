//! What shell commands do, held against cases written as text.

mod case_file;

use interlock_core::facts::shell::ShellFacts;
use proptest::prelude::*;

/// The facts as one line: commands; what is true; files; hosts; pipes.
fn summary(facts: &ShellFacts) -> String {
    let flags = case_file::true_flags(ShellFacts::SPECS, |i| facts.get(i), &["present", "parsed"]);
    let mut parts = vec![facts.commands.join(",")];
    parts.push(if facts.parsed {
        flags
    } else {
        format!("UNPARSED {flags}")
    });
    for (name, set) in [
        ("reads", &facts.reads),
        ("writes", &facts.writes),
        ("deletes", &facts.deletes),
        ("hosts", &facts.hosts),
    ] {
        if !set.is_empty() {
            parts.push(format!("{name} {}", set.join(" ")));
        }
    }
    if facts.pipes > 0 {
        parts.push(format!("{} pipes", facts.pipes));
    }
    parts.join(" | ")
}

#[test]
fn cases() {
    let counts = case_file::check("shell.md", |text| summary(&ShellFacts::of(text)));
    assert!(counts.total >= 60, "{counts:?}");
    assert!(counts.sections >= 3, "{counts:?}");
}

#[test]
fn one_effect_one_fact() {
    let effects = |text: &str| {
        let mut facts = ShellFacts::of(text);
        facts.commands.clear();
        facts.reads.clear();
        facts
    };
    for same in [
        "rm -r -f /srv/x",
        "rm --recursive /srv/x",
        "/bin/rm -fr -- /srv/x",
        "\\rm -rf '/srv/x'",
        "command rm -rf /srv/./y/../x/",
        "cd /srv && rm -rf x",
        "D=/srv; rm -rf $D/x",
        "{rm,-rf,/srv/x}",
        "rm${IFS}-rf${IFS}/srv/x",
        "r''m -r\"f\" /srv/x",
        "find /srv/x -delete",
        "find /srv/x -type f -exec rm {} +",
        "(cd /srv; rm -rf x)",
        "if true; then rm -rf /srv/x; fi",
        "for d in /srv/x; do rm -rf $d; done",
        "nohup nice -n 5 timeout 10 rm -rf /srv/x",
    ] {
        assert_eq!(effects(same), effects("rm -rf /srv/x"), "{same}");
    }
}

#[test]
fn past_a_bound_is_not_parsed() {
    let deep = format!("{}echo x{}", "$(".repeat(40), ")".repeat(40));
    let nested = format!("{}true{}", "sh -c \"eval '".repeat(12), "'\"".repeat(12));
    for text in [
        "a ".repeat(3_000),
        format!("echo {}", "x".repeat(70_000)),
        format!("echo {deep}"),
        nested,
        format!("{} x", "find a b c d e f g h -exec ".repeat(8)),
        format!(
            "find {} -exec echo {} \\;",
            "r".repeat(20_000),
            "{}".repeat(10_000)
        ),
        "(".repeat(500),
        "{ ".repeat(500),
        "`".repeat(501),
    ] {
        let facts = ShellFacts::of(&text);
        assert!(!facts.parsed, "{}", &text[..40]);
        assert!(facts.destructive && facts.dynamic && facts.sends && facts.code);
    }
}

#[test]
fn words_are_not_shell_text() {
    let facts = ShellFacts::of_words(&["echo", "a; rm -rf /", "$(reboot)"]);
    assert_eq!(facts.commands, ["echo"]);
    assert!(facts.deletes.is_empty());
    let facts = ShellFacts::of_words(&["sh", "-c", "rm -rf /srv"]);
    assert_eq!(facts.deletes, ["/srv"]);
}

proptest! {
    #[test]
    fn any_text_is_read(text in any::<String>()) {
        let facts = ShellFacts::of(&text);
        prop_assert!(facts.present);
        prop_assert_eq!(facts, ShellFacts::of(&text));
    }

    #[test]
    fn any_shell_like_text_is_read(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "rm", "-rf", "/", "x", "|", "||", "&", "&&", ";", "(", ")", "{", "}", "$(", "`", "'", "\"",
            "${", "$((", "))", "<", ">", ">>", "<<", "<<E", "\nE\n", "<<<", "&>", "2>&1", "\n", "\\", "#",
            "if", "then", "fi", "for", "in", "do", "done", "case", "esac", ";;", "$x", "x=1", "sudo", "xargs",
            "sh", "-c", "eval", "curl", "http://h/", "find", "-exec", "{}", "+", "~", "*", "é", "\u{0}", " ", " ", " ",
        ]), 0..40),
    ) {
        let text = pieces.concat();
        let facts = ShellFacts::of(&text);
        prop_assert!(facts.commands.len() + facts.reads.len() <= 4_000);
        prop_assert_eq!(facts, ShellFacts::of(&text));
    }
}
