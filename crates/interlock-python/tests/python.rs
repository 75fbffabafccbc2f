//! Runs the tests of the Python package against the library that this build made.

mod staged;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The interpreter that has what the tests look for, if `make tools` made it.
fn python() -> PathBuf {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("venv/bin/python");
    if tools.exists() {
        tools
    } else {
        "python3".into()
    }
}

/// The server of this build, which a build of the workspace's tests makes.
fn binary() -> PathBuf {
    let built = std::env::current_exe().expect("this test");
    let deps = built.parent().expect("its directory");
    deps.with_file_name("interlock")
}

#[test]
fn python_tests() {
    let root = staged::staged("python");
    let ran = Command::new(python())
        .args([
            "-W",
            "error",
            "-m",
            "unittest",
            "discover",
            "-s",
            "tests/python",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("PYTHONPATH", &root)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("INTERLOCK_BINARY", binary())
        .env_remove("INTERLOCK_API_KEY")
        .env_remove("INTERLOCK_DATA")
        .env_remove("INTERLOCK_AGENT")
        .env_remove("INTERLOCK_ENVIRONMENT")
        .output()
        .expect("python3 is needed");
    let said = String::from_utf8_lossy(&ran.stderr);
    println!("{said}");
    assert!(ran.status.success(), "{said}");
}
