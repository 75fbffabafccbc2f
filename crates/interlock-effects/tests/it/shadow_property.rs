//! Whoever works in a shadow sees what they would see without it: the same operations are done on one
//! tree plainly and on an equal one through a shadow, and every result is compared.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use interlock_effects::{Shadow, ShadowError, ShadowLimits, Shown};
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;

use crate::property::count;
use crate::tree::{Random, shown};

type Result<T> = std::result::Result<T, Errno>;

/// Mode, links, user, group, size, second of change, device and inode.
type Seen = (u32, u64, u32, u32, u64, i64, (u64, u64));

/// A time that nothing has by itself.
const OLD: i64 = 1_234_567_891;

/// How operations are done.
pub(crate) enum Hands {
    Plain,
    Shadow(Box<Shadow>),
}

fn errno(error: ShadowError) -> Errno {
    match error {
        ShadowError::System(errno) => errno,
        other => panic!("{other}"),
    }
}

fn show(found: &rustix::fs::Stat) -> Seen {
    (
        found.st_mode,
        found.st_nlink,
        found.st_uid,
        found.st_gid,
        found.st_size.cast_unsigned(),
        found.st_mtime,
        (found.st_dev, found.st_ino),
    )
}

fn seen(found: &Shown) -> Seen {
    (
        found.mode,
        found.nlink,
        found.uid,
        found.gid,
        found.size,
        found.mtime.0,
        (found.dev, found.ino),
    )
}

impl Hands {
    fn open(&self, path: &Path, flags: OFlags) -> Result<OwnedFd> {
        match self {
            Self::Plain => {
                rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::from_raw_mode(0o640))
            }
            Self::Shadow(shadow) => shadow
                .open_file(path, flags.bits().cast_signed(), 0o640)
                .map_err(errno),
        }
    }

    fn stat(&self, path: &Path, follow: bool) -> Result<Seen> {
        match self {
            Self::Plain if follow => rustix::fs::stat(path).map(|found| show(&found)),
            Self::Plain => rustix::fs::lstat(path).map(|found| show(&found)),
            Self::Shadow(shadow) => shadow
                .stat(path, follow)
                .map(|found| seen(&found))
                .map_err(errno),
        }
    }

    fn list(&self, path: &Path) -> Result<Vec<OsString>> {
        match self {
            Self::Plain => {
                let mut names = Vec::new();
                let listed = std::fs::read_dir(path)
                    .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
                for entry in listed {
                    names.push(entry.unwrap().file_name());
                }
                names.sort();
                Ok(names)
            }
            Self::Shadow(shadow) => shadow
                .list(path)
                .map(|names| names.into_iter().map(|entry| entry.name).collect())
                .map_err(errno),
        }
    }

    fn simple(&self, op: &Op) -> Result<String> {
        let done = |()| String::new();
        let [one, two] = [&op.one, &op.two];
        match self {
            Self::Plain => match op.kind {
                7 | 8 => rustix::fs::unlink(one).map(done),
                9..=12 => rustix::fs::rename(one, two).map(done),
                13..=15 => rustix::fs::mkdir(one, Mode::from_raw_mode(0o755)).map(done),
                16 | 17 => rustix::fs::rmdir(one).map(done),
                18 | 19 => rustix::fs::symlink(&op.target, one).map(done),
                20 | 21 => rustix::fs::link(one, two).map(done),
                22 => rustix::fs::chmod(one, Mode::from_raw_mode(op.mode)).map(done),
                23 => rustix::fs::chownat(
                    CWD,
                    one,
                    Some(Uid::from_raw(op.mode)),
                    None::<Gid>,
                    nofollow(),
                )
                .map(done),
                24 => {
                    let old = Timespec {
                        tv_sec: OLD,
                        tv_nsec: i64::from(op.mode),
                    };
                    let times = Timestamps {
                        last_access: old,
                        last_modification: old,
                    };
                    rustix::fs::utimensat(CWD, one, &times, nofollow()).map(done)
                }
                25 | 26 => rustix::fs::lsetxattr(
                    one,
                    op.name,
                    &op.text[..op.text.len().min(99)],
                    XattrFlags::empty(),
                )
                .map(done),
                27 => rustix::fs::lremovexattr(one, op.name).map(done),
                28 => rustix::fs::readlink(one, Vec::new()).map(|target| format!("{target:?}")),
                29 => rustix::fs::mknodat(CWD, one, FileType::Fifo, Mode::from_raw_mode(0o600), 0)
                    .map(done),
                _ => unreachable!(),
            },
            Self::Shadow(shadow) => match op.kind {
                7 | 8 => shadow.unlink(one).map(done),
                9..=12 => shadow.rename(one, two).map(done),
                13..=15 => shadow.mkdir(one, 0o755).map(done),
                16 | 17 => shadow.rmdir(one).map(done),
                18 | 19 => shadow.symlink(&op.target, one).map(done),
                20 | 21 => shadow.link(one, two).map(done),
                22 => shadow.chmod(one, op.mode, true).map(done),
                23 => shadow.chown(one, Some(op.mode), None, false).map(done),
                24 => {
                    let old = (OLD, i64::from(op.mode));
                    shadow.set_times(one, Some([old, old]), false).map(done)
                }
                25 | 26 => shadow
                    .set_xattr(
                        one,
                        OsStr::new(op.name),
                        &op.text[..op.text.len().min(99)],
                        0,
                        false,
                    )
                    .map(done),
                27 => shadow
                    .remove_xattr(one, OsStr::new(op.name), false)
                    .map(done),
                28 => shadow.read_link(one).map(|target| {
                    format!(
                        "{:?}",
                        std::ffi::CString::new(target.as_os_str().as_bytes()).unwrap()
                    )
                }),
                29 => shadow.mknod(one, 0o010_600).map(done),
                _ => unreachable!(),
            }
            .map_err(errno),
        }
    }

    /// Does it; its result as text.
    fn act(&self, op: &Op) -> Result<String> {
        let write = |flags: OFlags, at: Option<u64>| -> Result<String> {
            let mut file = File::from(self.open(&op.one, flags)?);
            if let Some(at) = at {
                rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(at))?;
            }
            file.write_all(&op.text).unwrap();
            Ok(String::new())
        };
        match op.kind {
            0..=2 => write(
                OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NONBLOCK,
                None,
            ),
            3 => write(
                OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::NONBLOCK,
                None,
            ),
            4 => write(OFlags::RDWR | OFlags::NONBLOCK, Some(70_000)),
            5 => write(OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, None),
            6 => self.read(&op.one),
            30 => match self {
                Self::Plain => {
                    let file = rustix::fs::open(
                        &op.one,
                        OFlags::WRONLY | OFlags::NONBLOCK,
                        Mode::empty(),
                    )?;
                    rustix::fs::ftruncate(file, 3).map(|()| String::new())
                }
                Self::Shadow(shadow) => shadow
                    .open_file(
                        &op.one,
                        (OFlags::WRONLY | OFlags::NONBLOCK).bits().cast_signed(),
                        0,
                    )
                    .map_err(errno)
                    .and_then(|file| rustix::fs::ftruncate(file, 3))
                    .map(|()| String::new()),
            },
            31 => self.list(&op.one).map(|names| format!("{names:?}")),
            32 => self
                .stat(&op.one, op.mode.is_multiple_of(2))
                .map(|found| format!("{:o}", found.0)),
            33 => {
                // As programs replace a file.
                let aside = op.one.with_extension("new");
                File::from(self.open(&aside, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?)
                    .write_all(&op.text)
                    .unwrap();
                self.simple(&Op {
                    kind: 9,
                    two: op.one.clone(),
                    one: aside,
                    ..op.clone()
                })
            }
            34 => self.remove_tree(op, &op.one).map(|()| String::new()),
            _ => self.simple(op),
        }
    }

    fn remove_tree(&self, op: &Op, path: &Path) -> Result<()> {
        for name in self.list(path)? {
            let path = path.join(name);
            let one = Op {
                one: path.clone(),
                ..op.clone()
            };
            if self.stat(&path, false)?.0 & 0o170_000 == 0o040_000 {
                self.remove_tree(op, &path)?;
            } else {
                self.simple(&Op { kind: 7, ..one })?;
            }
        }
        self.simple(&Op {
            kind: 16,
            one: path.to_owned(),
            ..op.clone()
        })
        .map(drop)
    }

    fn read(&self, path: &Path) -> Result<String> {
        if self.stat(path, true)?.0 & 0o170_000 == 0o010_000 {
            return Ok("a pipe".into());
        }
        let mut bytes = Vec::new();
        let file = self.open(path, OFlags::RDONLY | OFlags::NONBLOCK)?;
        File::from(file)
            .read_to_end(&mut bytes)
            .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
        Ok(format!(
            "{} bytes {:08x}",
            bytes.len(),
            crc32c::crc32c(&bytes)
        ))
    }

    /// Everything below `root`, as text. Times are shown where they were set.
    fn shown(&self, root: &Path) -> String {
        let mut out = String::new();
        let mut inodes = BTreeMap::new();
        let mut next = vec![root.to_owned()];
        let mut all = Vec::new();
        while let Some(path) = next.pop() {
            if self.stat(&path, false).unwrap().0 & 0o170_000 == 0o040_000 {
                for name in self.list(&path).unwrap() {
                    next.push(path.join(name));
                }
            }
            all.push(path);
        }
        all.sort();
        for path in all {
            let (mode, links, user, group, size, modified, id) = self.stat(&path, false).unwrap();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            write!(out, "{name:?} {mode:o} {user}:{group}").unwrap();
            if modified == OLD {
                write!(out, " old").unwrap();
            }
            match mode & 0o170_000 {
                0o100_000 => {
                    let first = inodes.entry(id).or_insert_with(|| name.clone());
                    let content = self.read(&path).unwrap();
                    write!(out, " {size} {content} is {first:?} of {links}").unwrap();
                }
                0o120_000 => {
                    let op = Op {
                        kind: 28,
                        one: path.clone(),
                        ..Op::default()
                    };
                    write!(out, " -> {}", self.simple(&op).unwrap()).unwrap();
                }
                _ => {}
            }
            for name in ["user.one", "user.two"] {
                let value = match self {
                    Self::Plain => {
                        let mut value = vec![0; 200];
                        rustix::fs::lgetxattr(&path, name, &mut value[..]).map(|length| {
                            value.truncate(length);
                            value
                        })
                    }
                    Self::Shadow(shadow) => shadow
                        .get_xattr(&path, OsStr::new(name), false)
                        .map_err(errno),
                };
                if let Ok(value) = value {
                    write!(out, " {name}={:08x}", crc32c::crc32c(&value)).unwrap();
                }
            }
            out.push('\n');
        }
        out
    }
}

fn nofollow() -> AtFlags {
    AtFlags::SYMLINK_NOFOLLOW
}

/// An operation, below a root that is put in front of its paths.
#[derive(Debug, Clone, Default)]
pub(crate) struct Op {
    kind: usize,
    one: PathBuf,
    two: PathBuf,
    target: PathBuf,
    text: Vec<u8>,
    mode: u32,
    name: &'static str,
}

impl Op {
    fn random(random: &mut Random) -> Self {
        let mut path = || {
            let mut path = String::new();
            for _ in 0..=random.below(3) {
                path.push('/');
                let odd = random.below(6) == 0;
                let parts = ["a", "b", "c", "a", "b", "c", "d", "..", "."];
                path.push_str(parts[random.below(if odd { 9 } else { 7 })]);
            }
            if random.below(12) == 0 {
                path.push('/');
            }
            PathBuf::from(path)
        };
        let (one, two) = (path(), path());
        let length = [0, 1, 7, 300, 5_000][random.below(5)];
        let byte = u8::try_from(b'a' as usize + random.below(26)).unwrap();
        Self {
            kind: random.below(35),
            one,
            two,
            target: ["a", "../b", "c/a", "missing", "/c", ".", "b/"][random.below(7)].into(),
            text: vec![byte; length],
            mode: modes()[random.below(4)],
            name: ["user.one", "user.two"][random.below(2)],
        }
    }

    /// The same below `root`; links to absolute paths too.
    fn below(&self, root: &Path) -> Self {
        let under = |path: &Path| {
            let mut text = root.as_os_str().to_owned();
            text.push(path.as_os_str());
            // `..` of the root would lead out of the tree.
            PathBuf::from(text)
        };
        let target = if self.target.is_absolute() {
            under(&self.target)
        } else {
            self.target.clone()
        };
        Self {
            one: under(&self.one),
            two: under(&self.two),
            target,
            ..self.clone()
        }
    }

    /// Whether its paths stay below the root, as far as their text says.
    fn stays(&self) -> bool {
        [&self.one, &self.two].iter().all(|path| {
            let mut depth = 0;
            path.iter().skip(1).all(|part| {
                depth += if part == ".." {
                    -1
                } else {
                    i32::from(part != ".")
                };
                depth > 0
            })
        })
    }
}

/// Modes to set. Who is not root cannot look into a directory that nobody may search.
fn modes() -> [u32; 4] {
    if rustix::process::geteuid().is_root() {
        [0o644, 0o600, 0o755, 0o1777]
    } else {
        [0o700, 0o750, 0o755, 0o1777]
    }
}

/// Two equal trees, one of them behind a shadow, on which the same is done.
pub(crate) struct Twins {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) plain: PathBuf,
    pub(crate) base: PathBuf,
    pub(crate) shadow: Hands,
    pub(crate) said: Vec<String>,
}

pub(crate) fn limits() -> ShadowLimits {
    ShadowLimits {
        sync: false,
        ..ShadowLimits::default()
    }
}

impl Twins {
    pub(crate) fn new(random: &mut Random) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let inner = dir.path().canonicalize().unwrap();
        // What leads out by a link's `..` stays in a directory of its own.
        let [plain, base] = ["A", "B"].map(|name| inner.join(name).join("tree"));
        std::fs::create_dir_all(&plain).unwrap();
        std::fs::create_dir_all(&base).unwrap();
        for _ in 0..random.below(60) {
            let mut op = Op::random(random);
            // Mostly what adds something.
            op.kind = [0, 0, 3, 13, 13, 13, 14, 18, 20, 20, 22, 24, 25, op.kind][random.below(14)];
            // A pipe that was there leads to somebody else, so that it is refused.
            if !op.stays() || op.kind == 29 {
                continue;
            }
            // A link with two names becomes two: see the documentation of the shadow.
            let from = op.below(&plain).one;
            if op.kind == 20
                && from
                    .symlink_metadata()
                    .is_ok_and(|found| found.is_symlink())
            {
                continue;
            }
            let one = Hands::Plain.act(&op.below(&plain));
            let two = Hands::Plain.act(&op.below(&base));
            assert_eq!(one.is_ok(), two.is_ok(), "{op:?}");
        }
        let shadow = Shadow::open(&inner.join("box/shadow"), &[], limits()).unwrap();
        Self {
            dir,
            plain,
            base,
            shadow: Hands::Shadow(Box::new(shadow)),
            said: Vec::new(),
        }
    }

    pub(crate) fn work(&mut self, random: &mut Random, seed: u64) {
        for _ in 0..1 + random.below(40) {
            let op = Op::random(random);
            if !op.stays() {
                continue;
            }
            let one = Hands::Plain.act(&op.below(&self.plain));
            let two = self.shadow.act(&op.below(&self.base));
            let said = format!("{} {:?} {:?} {:?}", op.kind, op.one, op.two, op.target);
            let (one, two) = (format!("{one:?}"), format!("{two:?}"));
            let [one, two] = [(one, &self.plain), (two, &self.base)]
                .map(|(said, root)| said.replace(root.to_str().unwrap(), "ROOT"));
            self.said.push(format!("{said}: {one}"));
            assert_eq!(one, two, "seed {seed}\n{}", self.said.join("\n"));
        }
    }

    pub(crate) fn text(&self, hands: &Hands, root: &Path) -> String {
        hands.shown(root).replace(root.to_str().unwrap(), "ROOT")
    }
}

fn shadow_of(hands: &Hands) -> &Shadow {
    match hands {
        Hands::Shadow(shadow) => shadow,
        Hands::Plain => unreachable!(),
    }
}

#[test]
fn a_shadow_shows_what_the_files_would_and_commits_it() {
    for seed in 0..count(500, 10_000) {
        let mut random = Random::new(seed);
        let mut twins = Twins::new(&mut random);
        let before = shown(&twins.base);
        twins.work(&mut random, seed);
        let said = twins.said.join("\n");
        let plain = twins.text(&Hands::Plain, &twins.plain);
        let seen = twins.text(&twins.shadow, &twins.base);
        assert!(
            plain == seen,
            "seed {seed}\n{said}\n--- plain\n{plain}--- shadow\n{seen}"
        );
        let now = shown(&twins.base);
        assert!(
            before == now,
            "seed {seed}\n{said}\n--- before\n{before}--- now\n{now}"
        );

        let shadow = shadow_of(&twins.shadow);
        let changes = shadow.diff().unwrap();
        if seed % 5 == 0 {
            continue;
        }
        let against = shadow.commit().unwrap();
        assert_eq!(against, [], "seed {seed}\n{said}");
        let done = twins.text(&Hands::Plain, &twins.base);
        assert!(
            plain == done,
            "seed {seed}\n{said}\n--- plain\n{plain}--- committed\n{done}\n{changes:#?}"
        );
        // Links lead beside the trees, too.
        let beside = ["A", "B"].map(|name| {
            let beside = std::fs::read_dir(twins.dir.path().join(name)).unwrap();
            let mut names: Vec<_> = beside.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        });
        assert_eq!(beside[0], beside[1], "seed {seed}\n{said}");
    }
}

const CHILD: &str = "INTERLOCK_SHADOW_CHILD";

/// Nothing by itself: what `killed_commits_are_completed` starts and kills.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else {
        return;
    };
    let shadow = Shadow::open(Path::new(&dir), &[], limits()).unwrap();
    println!("begins");
    let against = shadow.commit().unwrap();
    assert_eq!(against, []);
}

#[test]
fn killed_commits_are_completed() {
    let mut cut_off = 0;
    let mut typical = Duration::from_millis(3);
    for seed in 0..count(60, 2_000) {
        let mut random = Random::new(seed + 5_000_000);
        let mut twins = Twins::new(&mut random);
        for _ in 0..4 {
            twins.work(&mut random, seed);
        }
        let plain = twins.text(&Hands::Plain, &twins.plain);
        let own = twins.dir.path().canonicalize().unwrap().join("box/shadow");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "shadow_property::child", "--nocapture"])
            .env(CHILD, &own)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("begins") {
            line.clear();
            assert!(std::io::BufRead::read_line(&mut said, &mut line).unwrap() > 0);
        }
        let began = Instant::now();
        let wait = typical.mul_f64(random.below(100) as f64 / 100.0);
        while began.elapsed() < wait {
            std::hint::spin_loop();
        }
        let _ = child.kill();
        let ended = child.wait().unwrap();
        typical = typical.mul_f64(if ended.success() { 0.9 } else { 1.05 });
        let shadow = Shadow::open(&own, &[], limits()).unwrap();
        if shadow.resume().unwrap() {
            cut_off += 1;
        } else if !ended.success() {
            // It was killed before it began.
            assert_eq!(shadow.commit().unwrap(), []);
        }
        let done = twins.text(&Hands::Plain, &twins.base);
        assert!(
            plain == done,
            "seed {seed}\n{}\n--- plain\n{plain}--- committed\n{done}",
            twins.said.join("\n")
        );
    }
    println!("{cut_off} kills left a commit half done");
    assert!(cut_off > 0, "no kill met a commit in its middle");
}
