//! Runs the tests of the npm package against the library that this build made.

use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

/// Copies: Node looks for packages where a file really is, not where a link to it stands.
fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// The package as it is installed, with the library among its files, and its tests beside it.
fn staged() -> PathBuf {
    let built = std::env::current_exe().expect("this test");
    let library = built
        .parent()
        .expect("its directory")
        .join("libinterlock_node.so");
    assert!(library.is_file(), "`{}` is not built", library.display());
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node");
    if root.exists() {
        std::fs::remove_dir_all(&root).expect("removed");
    }
    let package = root.join("node_modules/@interlock/sdk");
    copy_tree(&Path::new(PACKAGE).join("lib"), &package.join("lib"));
    for entry in std::fs::read_dir(PACKAGE).expect("the package") {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if [".cjs", ".mjs", ".ts", ".mts", ".json", ".md"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            std::fs::copy(entry.path(), package.join(&*name)).expect("copied");
        }
    }
    std::fs::create_dir_all(package.join("native")).expect("made");
    let addon = package.join("native").join(addon());
    std::fs::hard_link(&library, &addon)
        .or_else(|_| std::fs::copy(&library, &addon).map(|_| ()))
        .expect("the library in place");
    copy_tree(&Path::new(PACKAGE).join("tests/node"), &root.join("tests"));
    let guide = Path::new(PACKAGE).join("../../docs/guides/node.md");
    std::fs::copy(guide, root.join("tests/guide.md")).expect("the guide");
    root
}

/// The server of this build, which a build of the workspace's tests makes.
fn binary() -> PathBuf {
    let built = std::env::current_exe().expect("this test");
    let deps = built.parent().expect("its directory");
    deps.with_file_name("interlock")
}

/// As `lib/native.cjs` names it.
fn addon() -> String {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("linux-{arch}-gnu.node")
}

#[test]
fn node_tests() {
    let version = Command::new("node").arg("--version").output();
    let Ok(version) = version else {
        println!("skipped: node is not installed");
        return;
    };
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let root = staged();
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join("tests"))
        .expect("tests")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains(".test."))
        .collect();
    files.sort();
    // Of a file: larger sizes take their time, and so does a machine that others use.
    let soak = std::env::var("INTERLOCK_SOAK").is_ok_and(|set| set == "1");
    let timeout_ms = if soak { 1_200_000 } else { 120_000 };
    let ran = Command::new("node")
        .args(["--test", "--test-reporter=spec", "--test-concurrency=2"])
        .arg(format!("--test-timeout={timeout_ms}"))
        .args(files)
        .current_dir(&root)
        .env("INTERLOCK_BINARY", binary())
        .env_remove("INTERLOCK_SERVER")
        .env_remove("INTERLOCK_API_KEY")
        .env_remove("INTERLOCK_DATA")
        .env_remove("INTERLOCK_AGENT")
        .env_remove("INTERLOCK_ENVIRONMENT")
        .env_remove("NODE_OPTIONS")
        .output()
        .expect("node runs");
    let said = String::from_utf8_lossy(&ran.stdout);
    println!(
        "node {version}{said}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert!(ran.status.success(), "{said}");
}

/// A lock file says which versions and which hashes, not where one machine got them.
#[test]
fn lock_files_name_no_registry() {
    let root = Path::new(PACKAGE).join("../..");
    for file in [
        "scripts/node/package-lock.json",
        "packages/react/test/next/package-lock.json",
    ] {
        let text = std::fs::read_to_string(root.join(file)).expect("a lock file");
        assert!(text.contains("\"integrity\""), "`{file}` holds no hashes");
        assert!(!text.contains("\"resolved\""), "`{file}` holds addresses");
    }
}
