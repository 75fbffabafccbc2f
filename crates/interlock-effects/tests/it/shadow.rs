//! A shadow tree, case by case.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use interlock_effects::{Changed, Shadow, ShadowError, ShadowLimits};
use rustix::fs::OFlags;

use crate::shadow_property::limits;

struct World {
    _dir: tempfile::TempDir,
    root: PathBuf,
    shadow: Shadow,
}

fn world() -> World {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let inner = dir.path().canonicalize().unwrap();
    let root = inner.join("root");
    fs::create_dir_all(root.join("dir")).unwrap();
    fs::write(root.join("one"), "one").unwrap();
    fs::write(root.join("dir/two"), "two").unwrap();
    let kept = inner.join("kept");
    fs::create_dir(&kept).unwrap();
    let shadow = Shadow::open(&inner.join("box/shadow"), &[kept], limits()).unwrap();
    World {
        _dir: dir,
        root,
        shadow,
    }
}

fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

impl World {
    fn write(&self, name: &str, text: &str) {
        self.try_write(&self.root.join(name), text).unwrap();
    }

    fn try_write(&self, path: &Path, text: &str) -> Result<(), ShadowError> {
        let how = flags(OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC);
        let mut file = File::from(self.shadow.open_file(path, how, 0o644)?);
        file.write_all(text.as_bytes()).unwrap();
        Ok(())
    }

    fn read(&self, name: &str) -> String {
        let path = self.root.join(name);
        let mut text = String::new();
        File::from(self.shadow.open_file(&path, 0, 0).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    fn conflict(&self) -> String {
        let against = self.shadow.commit().unwrap();
        assert_eq!(against, self.shadow.conflicts().unwrap());
        let [only] = &against[..] else {
            panic!("{against:?}")
        };
        let path = only.path.strip_prefix(&self.root).unwrap();
        format!("{}: {}", path.display(), only.why)
    }

    fn said(&self) -> Vec<String> {
        let changes = self.shadow.diff().unwrap();
        changes
            .iter()
            .map(|change| {
                let path = change.path.strip_prefix(&self.root).unwrap();
                let facets = change.facets.join(" ");
                format!(
                    "{:?} {} {} {facets}",
                    change.changed,
                    path.display(),
                    change.kind
                )
            })
            .collect()
    }
}

#[test]
fn writes_are_read_and_the_files_stay() {
    let world = world();
    world.write("one", "another");
    world.write("new", "new");
    assert_eq!(world.read("one"), "another");
    assert_eq!(world.read("new"), "new");
    assert_eq!(fs::read_to_string(world.root.join("one")).unwrap(), "one");
    assert!(!world.root.join("new").exists());
}

#[test]
fn a_diff_says_what_changes() {
    let world = world();
    let root = &world.root;
    world.write("one", "another");
    world.write("new", "new");
    world.shadow.unlink(&root.join("dir/two")).unwrap();
    world
        .shadow
        .rename(&root.join("dir"), &root.join("moved"))
        .unwrap();
    fs::write(root.join("same"), "same").unwrap();
    world.shadow.chmod(&root.join("same"), 0o600, true).unwrap();
    assert_eq!(
        world.said(),
        [
            "Removed dir a directory ",
            "Added moved a directory ",
            "Added new a file ",
            "Changed one a file content times",
            "Changed same a file mode",
        ]
    );
    let added = &world.shadow.diff().unwrap()[2];
    assert_eq!((added.changed, added.size), (Changed::Added, 3));
}

#[test]
fn what_is_written_as_it_was_is_no_change_of_its_content() {
    let world = world();
    let before = fs::metadata(world.root.join("one")).unwrap();
    world.write("one", "one");
    let modified = (before.mtime(), before.mtime_nsec());
    let times = Some([modified, modified]);
    world
        .shadow
        .set_times(&world.root.join("one"), times, true)
        .unwrap();
    assert_eq!(world.said(), Vec::<String>::new());
}

#[test]
fn what_somebody_else_changed_is_a_conflict() {
    let world = world();
    world.write("one", "mine");
    world.write("new", "mine");
    fs::write(world.root.join("one"), "theirs").unwrap();
    assert_eq!(world.conflict(), "one: it has 6 bytes, not 3");
    assert!(
        !world.root.join("new").exists(),
        "nothing of it is committed"
    );

    let world = self::world();
    world.write("new", "mine");
    fs::write(world.root.join("new"), "theirs").unwrap();
    assert_eq!(
        world.conflict(),
        "new: something stands where nothing stood"
    );

    let world = self::world();
    world.shadow.unlink(&world.root.join("dir/two")).unwrap();
    world.shadow.rmdir(&world.root.join("dir")).unwrap();
    fs::write(world.root.join("dir/three"), "theirs").unwrap();
    assert_eq!(world.conflict(), "dir/three: it is new");

    let world = self::world();
    world.write("dir/new", "mine");
    fs::remove_dir_all(world.root.join("dir")).unwrap();
    assert_eq!(world.conflict(), "dir: it is gone");
}

#[test]
fn what_changed_and_changed_back_is_none() {
    let world = world();
    world.write("one", "mine");
    fs::write(world.root.join("one"), "theirs").unwrap();
    fs::write(world.root.join("one"), "one").unwrap();
    assert_eq!(world.shadow.commit().unwrap(), []);
    assert_eq!(fs::read_to_string(world.root.join("one")).unwrap(), "mine");
}

#[test]
fn a_directory_in_which_something_was_made_can_be_moved_with_what_it_lies_in() {
    let world = world();
    fs::create_dir(world.root.join("dir/inner")).unwrap();
    world.write("dir/inner/new", "mine");
    let [dir, moved] = ["dir", "moved"].map(|name| world.root.join(name));
    world.shadow.rename(&dir, &moved).unwrap();
    assert_eq!(world.shadow.commit().unwrap(), []);
    assert_eq!(fs::read_to_string(moved.join("inner/new")).unwrap(), "mine");
    assert!(!dir.exists());
}

#[test]
fn what_is_made_anew_within_what_was_made_anew_is_empty() {
    let world = world();
    let [dir, inner] = ["dir", "dir/inner"].map(|name| world.root.join(name));
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("old"), "old").unwrap();
    world.shadow.unlink(&inner.join("old")).unwrap();
    world.shadow.rmdir(&inner).unwrap();
    world.shadow.unlink(&world.root.join("dir/two")).unwrap();
    world.shadow.rmdir(&dir).unwrap();
    world.shadow.mkdir(&dir, 0o755).unwrap();
    world.shadow.mkdir(&inner, 0o755).unwrap();
    assert_eq!(
        world.said(),
        ["Removed dir/inner/old a file ", "Removed dir/two a file "]
    );
    assert_eq!(world.shadow.commit().unwrap(), []);
    assert_eq!(fs::read_dir(&inner).unwrap().count(), 0);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
}

#[test]
fn a_directory_that_became_a_link_is_a_conflict() {
    let world = world();
    world.write("dir/two", "mine");
    fs::rename(world.root.join("dir"), world.root.join("aside")).unwrap();
    symlink("aside", world.root.join("dir")).unwrap();
    let against = world.shadow.commit().unwrap();
    assert!(!against.is_empty());
    assert_eq!(
        fs::read_to_string(world.root.join("aside/two")).unwrap(),
        "two"
    );
}

#[test]
fn a_file_with_two_names_stays_one() {
    let world = world();
    let (one, other) = (world.root.join("one"), world.root.join("other"));
    fs::hard_link(&one, &other).unwrap();
    world.write("one", "longer");
    assert_eq!(world.read("other"), "longer");
    assert_eq!(world.shadow.stat(&other, true).unwrap().nlink, 2);
    assert_eq!(world.shadow.commit().unwrap(), []);
    assert_eq!(fs::read_to_string(&other).unwrap(), "longer");
    let [one, other] = [one, other].map(|path| fs::metadata(path).unwrap().ino());
    assert_eq!(one, other);
}

#[test]
fn what_is_out_of_reach_is_refused_also_behind_a_link() {
    let world = world();
    let kept = world.root.with_file_name("kept");
    let into = kept.join("x");
    world
        .shadow
        .symlink(&kept, &world.root.join("link"))
        .unwrap();
    for path in [
        into.clone(),
        world.root.join("link/x"),
        world.root.join("../kept/x"),
    ] {
        let refused = world.try_write(&path, "x").unwrap_err();
        assert!(matches!(refused, ShadowError::Refused(_)), "{refused}");
    }
    let moved = world
        .shadow
        .rename(kept.parent().unwrap(), &world.root.join("x"));
    assert!(matches!(
        moved,
        Err(ShadowError::Refused(_) | ShadowError::System(_))
    ));
    let own = world.try_write(&world.shadow.upper().join("x"), "x");
    assert!(matches!(own, Err(ShadowError::Refused(_))));
    assert!(!into.exists());
}

#[test]
fn the_kernels_files_are_read_and_not_written() {
    let world = world();
    let mut text = String::new();
    let status = world
        .shadow
        .open_file(Path::new("/proc/self/status"), 0, 0)
        .unwrap();
    File::from(status).read_to_string(&mut text).unwrap();
    assert!(text.contains("Pid:"));
    world.try_write(Path::new("/dev/null"), "x").unwrap();
    for path in ["/proc/self/comm", "/sys/kernel/profiling", "/dev/new"] {
        let refused = world.try_write(Path::new(path), "x");
        assert!(refused.is_err(), "{path}");
    }
}

#[test]
fn open_files_lead_to_the_view_through_proc() {
    let world = world();
    let file = File::open(world.root.join("one")).unwrap();
    use std::os::fd::AsRawFd as _;
    let through = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    world.try_write(&through, "mine").unwrap();
    assert_eq!(world.read("one"), "mine");
    assert_eq!(fs::read_to_string(world.root.join("one")).unwrap(), "one");
}

#[test]
fn there_is_room_for_so_much() {
    let world = world();
    let own = world.root.with_file_name("small");
    let small = ShadowLimits {
        bytes_max: 1_000_000,
        entries_max: 300,
        sync: false,
    };
    let shadow = Shadow::open(&own, &[], small).unwrap();
    let write = |name: String, bytes: usize| {
        let how = flags(OFlags::WRONLY | OFlags::CREATE);
        let file = shadow.open_file(&world.root.join(name), how, 0o600);
        file.map(|file| File::from(file).write_all(&vec![1; bytes]).unwrap())
    };
    let refused = (0..400)
        .find_map(|n| write(format!("f{n}"), 0).err())
        .unwrap();
    assert!(
        refused.to_string().contains("300 entries at most"),
        "{refused}"
    );
    let own = world.root.with_file_name("smaller");
    let shadow = Shadow::open(&own, &[], small).unwrap();
    let write = |bytes: usize| {
        let how = flags(OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND);
        let file = shadow.open_file(&world.root.join("big"), how, 0o600);
        file.map(|file| File::from(file).write_all(&vec![1; bytes]).unwrap())
    };
    let refused = (0..400).find_map(|_| write(50_000).err()).unwrap();
    assert!(
        refused.to_string().contains("1000000 bytes at most"),
        "{refused}"
    );
    fs::write(world.root.join("huge"), vec![0; 1_500_000]).unwrap();
    let own = world.root.with_file_name("third");
    let shadow = Shadow::open(&own, &[], small).unwrap();
    let refused = shadow
        .chmod(&world.root.join("huge"), 0o600, true)
        .unwrap_err();
    assert!(
        refused.to_string().contains("1000000 bytes at most"),
        "{refused}"
    );
}

/// Makes the directories of the shadow that lead to the root, as the kernel copies them.
fn upper_directory(world: &World) {
    let mut at = world.shadow.upper().to_owned();
    let mut below = PathBuf::from("/");
    for part in world.root.iter().skip(1) {
        at.push(part);
        below.push(part);
        if !at.exists() {
            fs::create_dir(&at).unwrap();
            fs::set_permissions(&at, fs::metadata(&below).unwrap().permissions()).unwrap();
        }
    }
}

#[test]
fn what_a_child_did_is_adopted_unless_it_changed_meanwhile() {
    let world = world();
    let since = fs::metadata(world.root.join("dir/two")).unwrap();
    let since = (since.ctime() + 3_600, 0);
    // As a process in an overlay would leave it.
    let above = world
        .shadow
        .upper()
        .join(world.root.strip_prefix("/").unwrap());
    upper_directory(&world);
    fs::write(above.join("one"), "child's").unwrap();
    assert_eq!(world.conflict(), "one: nobody knows what it was");
    world.shadow.adopt(since).unwrap();
    assert_eq!(world.shadow.commit().unwrap(), []);
    assert_eq!(
        fs::read_to_string(world.root.join("one")).unwrap(),
        "child's"
    );

    let world = self::world();
    let above = world
        .shadow
        .upper()
        .join(world.root.strip_prefix("/").unwrap());
    upper_directory(&world);
    fs::write(above.join("one"), "child's").unwrap();
    world.shadow.adopt((0, 0)).unwrap();
    assert_eq!(world.conflict(), "one: it changed while it was copied");
}

#[test]
fn a_mode_that_forbids_does_not_stand_in_the_way_of_copies() {
    let world = world();
    let dir = world.root.join("dir");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o555)).unwrap();
    world.write("dir/two", "mine");
    assert_eq!(world.read("dir/two"), "mine");
    assert_eq!(world.shadow.stat(&dir, true).unwrap().mode & 0o777, 0o555);
    assert_eq!(world.shadow.commit().unwrap(), []);
    assert_eq!(
        fs::metadata(&dir).unwrap().permissions().mode() & 0o777,
        0o555
    );
    assert_eq!(fs::read_to_string(dir.join("two")).unwrap(), "mine");
}
