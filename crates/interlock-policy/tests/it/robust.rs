//! Whatever the text, there is an answer: a program, or messages about a place in the text.

use interlock_core::model::Layer;
use interlock_policy::{BUILT_IN, ConditionCompiler, Diagnostic, Source, built_in, compile, load};
use proptest::prelude::*;

fn check_places(found: &[Diagnostic], text: &str) {
    assert!(found.iter().any(Diagnostic::is_error));
    for diagnostic in found {
        let line = diagnostic.line as usize;
        let Some(excerpt) = line.checked_sub(1).map(|at| text.split('\n').nth(at)) else {
            continue;
        };
        assert_eq!(
            excerpt.map(|l| l.strip_suffix('\r').unwrap_or(l)),
            Some(diagnostic.excerpt.as_str())
        );
        assert!(diagnostic.column as usize <= diagnostic.excerpt.chars().count() + 1);
        assert!(!diagnostic.to_string().is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}", cedar in any::<bool>()) {
        let name = if cedar { "x.cedar" } else { "x.yaml" };
        if let Err(found) = compile(&[Source::new(name, text.as_str())], 1) {
            check_places(&found, &text);
        }
    }

    #[test]
    fn a_bundle_with_a_mistake_is_answered(
        which in 0usize..7,
        at in 0usize..20_000,
        cut in 0usize..12,
        put in "[ \\-:{}\\[\\]\"'&|a-zäß€\\n\\t0-9]{0,6}",
    ) {
        let text = BUILT_IN[which].1;
        let floor = |mut at: usize| {
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let from = floor(at % text.len());
        let to = floor((from + cut).min(text.len()));
        let mutated = format!("{}{put}{}", &text[..from], &text[to.max(from)..]);
        if let Err(found) = compile(&[Source::new("x.yaml", mutated.as_str())], 1) {
            // What a built-in bundle says besides is about another text.
            let own: Vec<Diagnostic> = found.into_iter().filter(|d| d.file == "x.yaml").collect();
            check_places(&own, &mutated);
        }
    }

    #[test]
    fn any_condition_is_answered(text in "(facts|risk|args|findings|state|&&|\\|\\||!|\\(|\\)|\\.|\"| |like|has|in|>|==|[a-z]{1,4}|[0-9]{1,20}|ü|//|\\n){0,12}") {
        let mut compiler = ConditionCompiler::default();
        if let Err(found) = compiler.compile(&text) {
            check_places(&found, &text);
        }
    }
}

/// Texts as deep or as long as the limit on bytes admits neither overflow the stack nor take long.
#[test]
fn deep_and_long_conditions_are_answered() {
    let mut compiler = ConditionCompiler::default();
    let ifs = "if findings.pii then true else ".repeat(500) + "false";
    for text in [
        format!("args{} == 1", ".a".repeat(8_000)),
        format!("args has a{}", ".a".repeat(8_000)),
        format!("1{} > 5", " + 1".repeat(4_000)),
        format!("1{} > 5", " * risk.data".repeat(1_200)),
        ifs,
        format!("{}true", "!".repeat(16_000)),
        format!("{}1 == 1", "-".repeat(16_000)),
        format!("findings.pii{}", " && findings.pii".repeat(500)),
        format!("findings.pii{}", " || findings.xss".repeat(500)),
        format!("findings.pii{}", " || findings.xss".repeat(501)),
        format!("1{} > 5", " + 1".repeat(64)),
        format!(
            "{}findings.pii{}",
            "(".repeat(32),
            " || findings.xss)".repeat(32)
        ),
        format!("args{} == 1", ".a".repeat(16)),
        "if findings.pii then true else ".repeat(32) + "false",
        "if ".repeat(32) + "findings.pii" + &" then true else false".repeat(32),
        format!("{}findings.pii{}", "!(".repeat(32), ")".repeat(32)),
        format!("[{}].contains(risk.data)", "1,".repeat(8_000)),
        "risk.data == 1 == 1".to_owned(),
        "\"".repeat(9_000),
        "(".repeat(16_000),
        "x".repeat(17_000),
    ] {
        let start = std::time::Instant::now();
        let shown: String = text.chars().take(40).collect();
        println!("{shown}");
        let answer = compiler.compile(&text);
        if let Err(found) = &answer {
            check_places(found, &text);
        }
        let took = start.elapsed();
        assert!(took.as_secs() < 30, "{shown}: {took:?}");
    }
}

#[test]
fn many_conditions_of_one_statement_are_answered() {
    let statement = |count: usize| {
        let whens = "when { context.findings.pii }\n".repeat(count);
        compile(
            &[
                Source::new("a.yaml", "interlock: 1\ndefault: allow\n"),
                Source::new(
                    "b.cedar",
                    format!("forbid (principal, action, resource) {whens};"),
                ),
            ],
            1,
        )
    };
    assert!(statement(500).is_ok());
    let found = statement(1_000).unwrap_err();
    assert_eq!(found[0].code, "policy.limit");
}

#[test]
fn a_directory_is_a_bundle_and_its_folders_are_layers() {
    let root = std::env::temp_dir().join(format!("interlock-policy-{}", std::process::id()));
    let write = |name: &str, text: &str| {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("base.yaml", "interlock: 1\ndefault: allow\n");
    write(
        "organisation/rules.yaml",
        "interlock: 1\nrules:\n  - { id: org, effect: block }\n",
    );
    write(
        "team/a/rules.yml",
        "interlock: 1\nrules:\n  - { id: team, effect: alert }\n",
    );
    write("agent/x.cedar", "forbid (principal, action, resource);");
    write("agent/notes.txt", "not read");
    write(".hidden/x.yaml", "not read");
    let sources = load(&root).unwrap();
    let compiled = compile(&sources, 1).unwrap();
    std::fs::remove_dir_all(&root).unwrap();
    let mut layers: Vec<(String, Layer)> = compiled
        .program
        .rules()
        .iter()
        .map(|r| (r.id.to_string(), r.layer))
        .collect();
    layers.sort();
    assert_eq!(
        layers,
        [
            ("org".to_owned(), Layer::Organisation),
            ("team".to_owned(), Layer::Team),
            ("x-1".to_owned(), Layer::Agent),
        ]
    );
    let missing = load(&root).unwrap_err();
    assert_eq!(missing.code, "policy.unreadable");
}

#[test]
fn the_digest_is_of_names_texts_and_layers() {
    let digest = |sources: &[Source]| compile(sources, 1).unwrap().program.digest();
    let a = || Source::new("a.yaml", "interlock: 1\ndefault: allow\n");
    let b = || Source::new("b.yaml", "interlock: 1\n");
    let one = digest(&[a(), b()]);
    assert_eq!(one, digest(&[b(), a()]));
    assert_ne!(one, digest(&[a()]));
    assert_ne!(one, digest(&[a(), b().in_layer(Layer::Agent)]));
    assert_ne!(
        one,
        digest(&[a(), Source::new("b.yaml", "interlock: 1 \n")])
    );
    assert_ne!(one, digest(&[a(), Source::new("c.yaml", "interlock: 1\n")]));
    let extended = digest(&[Source::new("a.yaml", "interlock: 1\nextends: strict\n")]);
    assert_ne!(extended, digest(&[built_in("strict").unwrap()]));
}

#[test]
fn what_is_no_ordinary_file_is_refused_and_not_waited_for() {
    /// Bytes of one file.
    const LIMIT: usize = 4 * 1024 * 1024;
    let root = std::env::temp_dir().join(format!("interlock-unreadable-{}", std::process::id()));
    std::fs::create_dir_all(&root).unwrap();
    let pipe = root.join("pipe.yaml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    // Opening it would wait for somebody who writes: nobody does.
    for path in [&root, &pipe] {
        let refused = load(path).unwrap_err();
        assert_eq!(refused.code, "policy.unreadable");
        assert!(refused.message.contains("neither a file"), "{refused:?}");
    }
    std::fs::remove_file(&pipe).unwrap();
    let large = root.join("large.yaml");
    std::fs::write(&large, vec![b' '; LIMIT]).unwrap();
    assert_eq!(load(&large).unwrap()[0].text.len(), LIMIT);
    std::fs::write(&large, vec![b' '; LIMIT + 1]).unwrap();
    let refused = load(&large).unwrap_err();
    assert!(refused.message.contains("4194304"), "{refused:?}");
    std::fs::remove_dir_all(&root).unwrap();
}
