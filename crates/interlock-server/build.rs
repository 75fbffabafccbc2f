//! Puts the built console into the binary: into release builds, or where
//! `INTERLOCK_EMBED_CONSOLE=1` asks for it. `INTERLOCK_REQUIRE_CONSOLE=1` fails the build when the
//! console was not built.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn files(directory: &Path, prefix: &str) -> Vec<(String, PathBuf)> {
    let mut found: Vec<_> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (format!("{prefix}{name}"), entry.path())
        })
        .collect();
    found.sort();
    found
}

fn main() {
    let set = |name: &str| std::env::var(name).is_ok_and(|value| value == "1");
    for name in ["INTERLOCK_EMBED_CONSOLE", "INTERLOCK_REQUIRE_CONSOLE"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let home = std::env::var("CARGO_MANIFEST_DIR").expect("set by cargo");
    let console = Path::new(&home).join("../../console");
    let dist = console.join("dist");
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let mut table = String::from(
        "/// The files of the console in this binary.\nstatic EMBEDDED: &[(&str, &[u8])] = &[\n",
    );
    if release || set("INTERLOCK_EMBED_CONSOLE") {
        // What does not exist would count as changed with every build.
        let watched = if dist.exists() { &dist } else { &console };
        if watched.exists() {
            println!("cargo::rerun-if-changed={}", watched.display());
        }
        let mut all = files(&dist, "");
        all.extend(files(&dist.join("assets"), "assets/"));
        assert!(
            !all.is_empty() || !set("INTERLOCK_REQUIRE_CONSOLE"),
            "the console is not built: run `make console` first"
        );
        for (name, path) in all {
            let path = path.canonicalize().unwrap_or(path);
            let _ = writeln!(table, "    ({name:?}, include_bytes!({path:?})),");
        }
    } else {
        println!("cargo::rerun-if-changed=build.rs");
    }
    table.push_str("];\n");
    let out = std::env::var("OUT_DIR").expect("set by cargo");
    std::fs::write(Path::new(&out).join("console_files.rs"), table).expect("writable");
}
