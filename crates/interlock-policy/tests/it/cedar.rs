//! Plain Cedar says the same as YAML.

use interlock_core::program::rule::Rule;
use interlock_policy::{Source, compile};

fn rule(source: Source) -> Rule {
    let base = Source::new("base.yaml", "interlock: 1\ndefault: allow\n");
    let compiled = compile(&[base, source], 1).unwrap_or_else(|found| {
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        panic!("{}", shown.join("\n\n"))
    });
    let mut rule = compiled.program.rules()[0].clone();
    rule.origin = "".into();
    rule
}

fn check(cedar: &str, yaml: &str) {
    assert_eq!(
        rule(Source::new("r.cedar", cedar)),
        rule(Source::new(
            "r.yaml",
            format!("interlock: 1\nrules:\n  - {yaml}\n")
        )),
        "{cedar}"
    );
}

#[test]
fn statements_are_rules() {
    check(
        r#"@id("a") forbid (principal, action, resource);"#,
        "{ id: a, effect: block }",
    );
    check(
        r#"@id("a") @effect("require_approval") @approvers("finance") @priority("7") @notify("x, y")
        forbid (principal == Agent::"bot", action == Action::"payment", resource)
        when { context.facts.outbound } unless { context.args has ticket };"#,
        "{ id: a, effect: require_approval, approvers: { group: finance }, priority: 7, notify: [x, y], \
         match: { agent: bot, action: payment }, when: 'facts.outbound && !(args has ticket)' }",
    );
    check(
        r#"@id("a") @exempt("bands, pii") @mode("shadow") @expires("2027-01-31") @cites("GDPR Art. 9(1)")
        permit (principal, action in [Action::"file_read", Action::"my_own"], resource == Resource::"/srv/a*[1]");"#,
        "{ id: a, effect: allow, exempt: [bands, pii], shadow: true, expires: 2027-01-31, cites: GDPR Art. 9(1), \
         match: { action: [file_read, my_own], resource: '/srv/a[*][[]1]' } }",
    );
    check(
        r#"@id("a") @mandatory @description("why") forbid (principal, action, resource)
        when { facts.sql.kinds.contains("drop") };"#,
        "{ id: a, effect: block, mandatory: true, description: why, when: 'facts.sql.kinds.contains(\"drop\")' }",
    );
}
