//! Runs the tests of the framework adapters against the frameworks that `make tools` installed.

mod staged;

use std::path::Path;
use std::process::Command;

/// The telemetry of frameworks, off.
const QUIET: [(&str, &str); 6] = [
    ("ANONYMIZED_TELEMETRY", "false"),
    ("CREWAI_DISABLE_TELEMETRY", "true"),
    ("CREWAI_TRACING_ENABLED", "false"),
    ("HAYSTACK_TELEMETRY_ENABLED", "false"),
    ("LANGSMITH_TRACING", "false"),
    ("OTEL_SDK_DISABLED", "true"),
];

fn run(environment: &str, suites: &[&str]) {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(environment);
    let python = venv.join("bin/python");
    if !python.exists() {
        println!(
            "not run: `{}` is absent, `make tools` makes it",
            venv.display()
        );
        return;
    }
    let root = staged::staged(environment);
    let home = root.join("home");
    std::fs::create_dir_all(&home).expect("made");
    let ran = Command::new(python)
        .args(["-m", "unittest"])
        .args(suites)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/adapters"))
        .env("PYTHONPATH", &root)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(QUIET)
        // Some keep files of their own there.
        .env("HOME", &home)
        .env("XDG_CACHE_HOME", &home)
        .env("XDG_DATA_HOME", &home)
        .env_remove("INTERLOCK_DATA")
        .env_remove("INTERLOCK_AGENT")
        .env_remove("INTERLOCK_ENVIRONMENT")
        .output()
        .expect("the interpreter runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    println!("{said}");
    assert!(ran.status.success(), "{said}");
}

#[test]
fn frameworks() {
    run(
        "venv-frameworks",
        &[
            "test_anthropic",
            "test_autogen",
            "test_haystack",
            "test_langchain",
            "test_langgraph",
            "test_llama_index",
            "test_openai_agents",
            "test_pydantic_ai",
        ],
    );
}

#[test]
fn crewai() {
    run("venv-crewai", &["test_crewai"]);
}
