//! The package, made of its sources and the library that this build made.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The package as it is installed, below a directory of this name: the sources, and the extension
/// among them.
pub(crate) fn staged(name: &str) -> PathBuf {
    let built = std::env::current_exe().expect("this test");
    let library = built.parent().expect("its directory").join("lib_core.so");
    assert!(library.is_file(), "`{}` is not built", library.display());
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
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
