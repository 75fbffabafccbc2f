//! A tree of files on which random operations are done, and its hash.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use interlock_effects::{EffectError, FileOp, Undo};
use rustix::fs::{XattrFlags, lgetxattr, llistxattr, lremovexattr, lsetxattr};

/// A small generator: what a seed makes is the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        // xorshift64* (Vigna 2016).
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % n
    }

    fn text(&mut self) -> Vec<u8> {
        let length = [0, 1, 7, 300, 5_000][self.below(5)];
        let byte = u8::try_from(b'a' as usize + self.below(26)).unwrap();
        vec![byte; length]
    }

    /// A name up to three levels below `root`, from few, so that operations meet.
    fn path(&mut self, root: &Path) -> PathBuf {
        let mut path = root.to_owned();
        for _ in 0..=self.below(3) {
            path.push(["a", "b", "c", "d"][self.below(4)]);
        }
        path
    }
}

/// What a random operation does, after `undo` was told.
pub(crate) fn operate(random: &mut Random, root: &Path, told: Option<(&Undo, u64)>) -> String {
    let (one, two) = (random.path(root), random.path(root));
    let text = random.text();
    let kind = random.below(19);
    let (name, op) = match kind {
        0..=2 => ("write", FileOp::Write(&one)),
        3 => ("append", FileOp::Append(&one)),
        4 => ("write at", FileOp::Write(&one)),
        5 => ("truncate", FileOp::Write(&one)),
        6 => ("create", FileOp::Write(&one)),
        7 | 8 => ("delete", FileOp::Delete(&one)),
        9..=11 => ("rename", FileOp::Rename(&one, &two)),
        12 => ("mkdir", FileOp::Create(&one)),
        13 => ("rmdir", FileOp::RemoveDirectory(&one)),
        14 => ("rmtree", FileOp::RemoveTree(&one)),
        15 => ("metadata", FileOp::Metadata(&one)),
        16 => ("xattr", FileOp::LinkMetadata(&one)),
        17 => ("symlink", FileOp::Create(&two)),
        _ => ("link", FileOp::Create(&two)),
    };
    let shown = format!(
        "{name} {} {}",
        one.strip_prefix(root).unwrap().display(),
        two.strip_prefix(root).unwrap().display()
    );
    if let Some((undo, step)) = told {
        match undo.before(step, op) {
            Ok(()) => {}
            Err(EffectError::Irreversible(why)) => return format!("{shown}: not done, {why}"),
            Err(error) => panic!("{shown}: {error}"),
        }
    }
    let done = match kind {
        0..=2 => fs::write(&one, &text),
        3 => OpenOptions::new()
            .append(true)
            .create(true)
            .open(&one)
            .and_then(|mut file| file.write_all(&text)),
        4 => OpenOptions::new()
            .write(true)
            .open(&one)
            .and_then(|mut file| {
                // Leaves a hole.
                file.seek(SeekFrom::Start(100_000))?;
                file.write_all(&text)
            }),
        5 => OpenOptions::new()
            .write(true)
            .open(&one)
            .and_then(|file| file.set_len(3)),
        6 => File::create_new(&one).map(drop),
        7 | 8 => fs::remove_file(&one),
        9..=11 => fs::rename(&one, &two),
        12 => fs::create_dir(&one),
        13 => fs::remove_dir(&one),
        14 => fs::remove_dir_all(&one),
        15 => metadata(random, &one),
        16 => xattr(random, &one),
        17 => symlink(["a", "../b", "c/a", "missing"][random.below(4)], &two),
        _ => fs::hard_link(&one, &two),
    };
    match done {
        Ok(()) => shown,
        Err(error) => format!("{shown}: {error}"),
    }
}

fn metadata(random: &mut Random, path: &Path) -> io::Result<()> {
    match random.below(3) {
        0 => fs::set_permissions(
            path,
            fs::Permissions::from_mode([0o644, 0o600, 0o755][random.below(3)]),
        ),
        1 => {
            let file = File::open(path)?;
            let at = UNIX_EPOCH
                + Duration::from_nanos(1_234_567_891_000_000_000 + random.below(999) as u64);
            file.set_modified(at)
        }
        // Only root may; others see it fail.
        _ => std::os::unix::fs::chown(path, Some(1_000), None),
    }
}

fn xattr(random: &mut Random, path: &Path) -> io::Result<()> {
    let name = ["user.one", "user.two"][random.below(2)];
    if random.below(3) == 0 {
        return Ok(lremovexattr(path, name)?);
    }
    let value = random.text();
    let value = &value[..value.len().min(300)];
    Ok(lsetxattr(path, name, value, XattrFlags::empty())?)
}

/// Content, mode, owner, modification time, attributes, links and hard links of everything below
/// `root`, as text.
pub(crate) fn shown(root: &Path) -> String {
    let mut out = String::new();
    let mut inodes = BTreeMap::new();
    let mut next = vec![root.to_owned()];
    let mut all = Vec::new();
    while let Some(path) = next.pop() {
        if path.symlink_metadata().unwrap().is_dir() {
            for entry in fs::read_dir(&path).unwrap() {
                next.push(entry.unwrap().path());
            }
        }
        all.push(path);
    }
    all.sort();
    for path in all {
        let found = path.symlink_metadata().unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        write!(
            out,
            "{name:?} {:o} {}:{} {}.{:09}",
            found.mode(),
            found.uid(),
            found.gid(),
            found.mtime(),
            found.mtime_nsec()
        )
        .unwrap();
        let kind = found.file_type();
        if kind.is_symlink() {
            write!(out, " -> {}", fs::read_link(&path).unwrap().display()).unwrap();
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap();
            let sum = crc32c::crc32c(&bytes);
            let first = inodes.entry(found.ino()).or_insert_with(|| name.clone());
            write!(
                out,
                " {} bytes {sum:08x} is {first:?} of {}",
                bytes.len(),
                found.nlink()
            )
            .unwrap();
        } else if kind.is_fifo() {
            write!(out, " pipe").unwrap();
        }
        let mut names = vec![0; 1_024];
        let length = llistxattr(&path, &mut names[..]).unwrap();
        let mut names: Vec<&[u8]> = names[..length]
            .split(|b| *b == 0)
            .filter(|n| !n.is_empty())
            .collect();
        names.sort_unstable();
        for name in names {
            let mut value = vec![0; 1_024];
            let length = lgetxattr(&path, name, &mut value[..]).unwrap();
            let sum = crc32c::crc32c(&value[..length]);
            write!(out, " {}={sum:08x}", String::from_utf8_lossy(name)).unwrap();
        }
        out.push('\n');
    }
    out
}
