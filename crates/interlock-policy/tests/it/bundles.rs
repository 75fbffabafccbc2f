//! The bundles that come with Interlock: they load without a word, and their tests pass.

use std::collections::BTreeSet;

use interlock_core::model::Effect;
use interlock_policy::{BUILT_IN, Compiled, built_in, compile, run_tests};

fn load(name: &str) -> Compiled {
    compile(&[built_in(name).unwrap()], 1).unwrap_or_else(|found| {
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        panic!("{name}\n{}", shown.join("\n\n"))
    })
}

#[test]
fn every_bundle_loads_without_a_warning() {
    for (name, _) in BUILT_IN {
        let compiled = load(name);
        let shown: Vec<String> = compiled.warnings.iter().map(ToString::to_string).collect();
        assert!(shown.is_empty(), "{name}\n{}", shown.join("\n\n"));
        assert_eq!(&**compiled.program.name(), *name);
    }
}

#[test]
fn the_tests_of_every_bundle_pass() {
    let mut failed = Vec::new();
    let mut run = 0;
    for (name, _) in BUILT_IN {
        let compiled = load(name);
        run += compiled.tests.len();
        for failure in run_tests(&compiled.tests, &compiled) {
            failed.push(format!(
                "{name}: {} ({}): {}",
                failure.name, failure.origin, failure.message
            ));
        }
    }
    println!("{run} tests of {} bundles", BUILT_IN.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_rule_has_a_firing_and_a_silent_test() {
    for (name, _) in BUILT_IN {
        let compiled = load(name);
        let fires: BTreeSet<&str> = compiled
            .tests
            .iter()
            .flat_map(|t| t.expect.fires.iter().map(String::as_str))
            .collect();
        let silent: BTreeSet<&str> = compiled
            .tests
            .iter()
            .flat_map(|t| t.expect.silent.iter().map(String::as_str))
            .collect();
        for rule in compiled.program.rules() {
            assert!(
                fires.contains(&*rule.id),
                "{name}: `{}` has no firing test",
                rule.id
            );
            assert!(
                silent.contains(&*rule.id),
                "{name}: `{}` has no silent test",
                rule.id
            );
        }
    }
}

#[test]
fn every_rule_of_a_compliance_bundle_cites_its_paragraph() {
    for (name, prefix) in [
        ("hipaa", "45 CFR 164."),
        ("pci-dss", "PCI DSS 4.0.1 req. "),
        ("sox", "SOX s. "),
        ("gdpr", "GDPR Art. "),
    ] {
        let compiled = load(name);
        assert!(compiled.program.rules().len() >= 6, "{name}");
        for rule in compiled.program.rules() {
            assert!(
                rule.cites.first().is_some_and(|c| c.starts_with(prefix)),
                "{name}: `{}` cites {:?}",
                rule.id,
                rule.cites
            );
        }
    }
}

#[test]
fn a_test_that_is_wrong_fails() {
    let mut compiled = load("default");
    let mut cases = std::mem::take(&mut compiled.tests);
    cases.truncate(1);
    cases[0].expect.effect = Some(Effect::Block);
    let failures = run_tests(&cases, &compiled);
    assert_eq!(failures.len(), 1);
    assert!(
        failures[0]
            .message
            .starts_with("expected `block`, got `allow`"),
        "{failures:?}"
    );
}
