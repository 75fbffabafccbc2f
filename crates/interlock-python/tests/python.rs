//! Runs the tests of the Python package against the library that this build made.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package as it is installed: the sources, and the extension among them.
fn staged() -> PathBuf {
    let built = std::env::current_exe().expect("this test");
    let library = built.parent().expect("its directory").join("lib_core.so");
    assert!(library.is_file(), "`{}` is not built", library.display());
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let package = root.join("interlock");
    if package.exists() {
        std::fs::remove_dir_all(&package).expect("removed");
    }
    link_tree(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("python/interlock"),
        &package,
    );
    symlink(&library, package.join("_core.abi3.so")).expect("linked");
    root
}

fn link_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_name() == "__pycache__" {
            continue;
        }
        if entry.file_type().expect("a type").is_dir() {
            link_tree(&entry.path(), &target);
        } else {
            symlink(entry.path(), target).expect("linked");
        }
    }
}

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
    let root = staged();
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
