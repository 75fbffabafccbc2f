//! A disk in memory that forgets what was not synced, for tests.
//!
//! Writes are visible at once and durable after a sync. A crash keeps an arbitrary part of what was
//! not: of data any 512-byte sectors, of names any prefix of the operations. A failed sync loses
//! the data and reports success ever after, as Linux may (Rebello et al., ATC 2020).

use super::vfs::{File, Lock, Vfs};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SECTOR_BYTES: usize = 512;

/// How much of what was not synced survives a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// None of it.
    Nothing,
    /// All of it.
    Everything,
    /// An arbitrary part, drawn from this seed.
    Part(u64),
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Debug, Clone, Default)]
struct Inode {
    current: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    reserved: u64,
}

#[derive(Debug, Clone)]
enum Rename {
    Link(String, u64),
    Unlink(String),
    Move(String, String),
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    pending_names: Vec<Rename>,
    inodes: BTreeMap<u64, Inode>,
    locks: BTreeSet<String>,
    operations: u64,
    crash_at: Option<u64>,
    fail_sync_at: Option<u64>,
    syncs: u64,
    quota_bytes: Option<u64>,
    crashed: bool,
}

/// The disk.
#[derive(Debug, Clone, Default)]
pub struct FaultVfs {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct FaultFile {
    state: Arc<Mutex<State>>,
    inode: u64,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn crashed() -> io::Error {
    io::Error::other("the machine has crashed")
}

fn apply(data: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(at, bytes) => {
            if data.len() < at + bytes.len() {
                data.resize(at + bytes.len(), 0);
            }
            data[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        Change::Length(bytes) => data.resize(*bytes, 0),
    }
}

fn rename(names: &mut BTreeMap<String, u64>, change: &Rename) {
    match change {
        Rename::Link(path, inode) => {
            names.insert(path.clone(), *inode);
        }
        Rename::Unlink(path) => {
            names.remove(path);
        }
        Rename::Move(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
    }
}

/// SplitMix64.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl State {
    /// Counts an operation; at the chosen one the machine crashes after `effect`.
    fn step(&mut self, effect: impl FnOnce(&mut Self)) -> io::Result<()> {
        if self.crashed {
            return Err(crashed());
        }
        self.operations += 1;
        effect(self);
        if self.crash_at == Some(self.operations) {
            self.crashed = true;
            return Err(crashed());
        }
        Ok(())
    }

    /// As [`State::step`], but a crash comes before the effect.
    fn step_before(&mut self, effect: impl FnOnce(&mut Self)) -> io::Result<()> {
        self.step(|_| {})?;
        effect(self);
        Ok(())
    }

    fn used(&self) -> u64 {
        self.names
            .values()
            .filter_map(|inode| self.inodes.get(inode))
            .map(|inode| (inode.current.len() as u64).max(inode.reserved))
            .sum()
    }

    fn fits(&self, inode: u64, end: u64) -> io::Result<()> {
        let Some(quota) = self.quota_bytes else {
            return Ok(());
        };
        let file = self.inodes.get(&inode);
        let own = file.map_or(0, |f| (f.current.len() as u64).max(f.reserved));
        if end > own && self.used() + (end - own) > quota {
            return Err(ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn change(&mut self, inode: u64, change: Change) {
        if let Some(file) = self.inodes.get_mut(&inode) {
            apply(&mut file.current, &change);
            file.pending.push(change);
        }
    }
}

impl FaultVfs {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Operations so far: writes, syncs and changes of names.
    #[must_use]
    pub fn operations(&self) -> u64 {
        lock(&self.state).operations
    }

    /// Crashes at this operation: a write or a change of names has been handed to the disk, a sync
    /// has not happened.
    pub fn crash_at(&self, operation: u64) {
        lock(&self.state).crash_at = Some(operation);
    }

    /// Lets the n-th sync from now fail, counted from 1, and lose the data it was for.
    pub fn fail_sync(&self, n: u64) {
        let mut state = lock(&self.state);
        state.fail_sync_at = Some(state.syncs + n);
    }

    /// Bounds the bytes of all files together.
    pub fn set_quota(&self, bytes: Option<u64>) {
        lock(&self.state).quota_bytes = bytes;
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        lock(&self.state).used()
    }

    /// The disk as found after a crash now.
    #[must_use]
    pub fn after_crash(&self, survival: Survival) -> Self {
        let state = lock(&self.state);
        let mut seed = match survival {
            Survival::Part(seed) => seed,
            _ => 0,
        };
        let mut keep = move || match survival {
            Survival::Nothing => false,
            Survival::Everything => true,
            Survival::Part(_) => next(&mut seed) & 1 == 1,
        };
        let mut names = state.durable_names.clone();
        for change in &state.pending_names {
            // Names are journalled in order: a prefix of their changes survives.
            if !keep() {
                break;
            }
            rename(&mut names, change);
        }
        let mut inodes = BTreeMap::new();
        for inode in names.values() {
            let Some(file) = state.inodes.get(inode) else {
                continue;
            };
            let mut data = file.durable.clone();
            for change in &file.pending {
                match change {
                    Change::Write(at, bytes) => {
                        let mut offset = 0;
                        while offset < bytes.len() {
                            let to_boundary = SECTOR_BYTES - (at + offset) % SECTOR_BYTES;
                            let n = to_boundary.min(bytes.len() - offset);
                            if keep() {
                                let part = bytes[offset..offset + n].to_vec();
                                apply(&mut data, &Change::Write(at + offset, part));
                            }
                            offset += n;
                        }
                    }
                    Change::Length(_) => {
                        if keep() {
                            apply(&mut data, change);
                        }
                    }
                }
            }
            inodes.insert(
                *inode,
                Inode {
                    current: data.clone(),
                    durable: data,
                    ..Inode::default()
                },
            );
        }
        Self {
            state: Arc::new(Mutex::new(State {
                durable_names: names.clone(),
                names,
                inodes,
                ..State::default()
            })),
        }
    }

    /// A copy of the disk as it is, everything synced.
    #[must_use]
    pub fn fork(&self) -> Self {
        self.after_crash(Survival::Everything)
    }

    /// All files with their bytes.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = lock(&self.state);
        state
            .names
            .iter()
            .filter_map(|(path, inode)| {
                Some((path.clone(), state.inodes.get(inode)?.current.clone()))
            })
            .collect()
    }

    /// Puts a file on the disk, or removes it.
    pub fn put(&self, path: &str, bytes: Option<Vec<u8>>) {
        let mut state = lock(&self.state);
        match bytes {
            None => {
                state.names.remove(path);
                state.durable_names.remove(path);
            }
            Some(bytes) => {
                let inode = state.inodes.keys().max().map_or(1, |n| n + 1);
                let file = Inode {
                    current: bytes.clone(),
                    durable: bytes,
                    ..Inode::default()
                };
                state.inodes.insert(inode, file);
                state.names.insert(path.to_owned(), inode);
                state.durable_names.insert(path.to_owned(), inode);
            }
        }
    }
}

impl File for FaultFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = lock(&self.state);
        if state.crashed {
            return Err(crashed());
        }
        let file = state.inodes.get(&self.inode).ok_or(ErrorKind::NotFound)?;
        let rest = file.current.get(offset as usize..).unwrap_or_default();
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.fits(self.inode, offset + bytes.len() as u64)?;
        let change = Change::Write(offset as usize, bytes.to_vec());
        state.step(|state| state.change(self.inode, change))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.syncs += 1;
        let fails = state.fail_sync_at == Some(state.syncs);
        state.step_before(|state| {
            let Some(file) = state.inodes.get_mut(&self.inode) else {
                return;
            };
            let pending = std::mem::take(&mut file.pending);
            if !fails {
                for change in &pending {
                    apply(&mut file.durable, change);
                }
            }
        })?;
        match fails {
            true => Err(io::Error::other("sync failed")),
            false => Ok(()),
        }
    }

    fn bytes(&self) -> io::Result<u64> {
        let state = lock(&self.state);
        let file = state.inodes.get(&self.inode).ok_or(ErrorKind::NotFound)?;
        Ok(file.current.len() as u64)
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.fits(self.inode, bytes)?;
        state.step(|state| state.change(self.inode, Change::Length(bytes as usize)))
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.fits(self.inode, bytes)?;
        state.step(|state| {
            if let Some(file) = state.inodes.get_mut(&self.inode) {
                file.reserved = bytes;
            }
        })
    }
}

impl Vfs for FaultVfs {
    fn open(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let state = lock(&self.state);
        if state.crashed {
            return Err(crashed());
        }
        let inode = *state.names.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(Arc::new(FaultFile {
            state: self.state.clone(),
            inode,
        }))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let mut state = lock(&self.state);
        let inode = match state.names.get(path) {
            Some(inode) => {
                let inode = *inode;
                state.step(|state| state.change(inode, Change::Length(0)))?;
                inode
            }
            None => {
                let inode = state.inodes.keys().max().map_or(1, |n| n + 1);
                let link = Rename::Link(path.to_owned(), inode);
                state.step(|state| {
                    state.inodes.insert(inode, Inode::default());
                    rename(&mut state.names, &link);
                    state.pending_names.push(link);
                })?;
                inode
            }
        };
        drop(state);
        Ok(Arc::new(FaultFile {
            state: self.state.clone(),
            inode,
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = lock(&self.state);
        if !state.names.contains_key(from) {
            return Err(ErrorKind::NotFound.into());
        }
        let change = Rename::Move(from.to_owned(), to.to_owned());
        state.step(|state| {
            rename(&mut state.names, &change);
            state.pending_names.push(change);
        })
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = lock(&self.state);
        if !state.names.contains_key(path) {
            return Err(ErrorKind::NotFound.into());
        }
        let change = Rename::Unlink(path.to_owned());
        state.step(|state| {
            rename(&mut state.names, &change);
            state.pending_names.push(change);
        })
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let state = lock(&self.state);
        let names: BTreeSet<String> = state
            .names
            .keys()
            .filter_map(|path| path.strip_prefix(dir)?.strip_prefix('/'))
            .filter_map(|rest| rest.split('/').next())
            .map(str::to_owned)
            .collect();
        Ok(names.into_iter().collect())
    }

    fn create_dir(&self, _: &str) -> io::Result<()> {
        match lock(&self.state).crashed {
            true => Err(crashed()),
            false => Ok(()),
        }
    }

    fn sync_dir(&self, _: &str) -> io::Result<()> {
        // One journal of names serves all folders.
        lock(&self.state).step_before(|state| {
            for change in std::mem::take(&mut state.pending_names) {
                rename(&mut state.durable_names, &change);
            }
        })
    }

    fn lock(&self, path: &str) -> io::Result<Lock> {
        struct Held(Arc<Mutex<State>>, String);
        impl Drop for Held {
            fn drop(&mut self) {
                lock(&self.0).locks.remove(&self.1);
            }
        }
        let mut state = lock(&self.state);
        if !state.locks.insert(path.to_owned()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        drop(state);
        Ok(Box::new(Held(self.state.clone(), path.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_synced_may_go() {
        let disk = FaultVfs::new();
        let file = disk.create("a").unwrap();
        disk.sync_dir("").unwrap();
        file.write_at(b"kept", 0).unwrap();
        file.sync().unwrap();
        file.write_at(&[7; 2000], 4).unwrap();
        assert_eq!(
            disk.after_crash(Survival::Nothing).read("a").unwrap(),
            b"kept"
        );
        assert_eq!(
            disk.after_crash(Survival::Everything)
                .read("a")
                .unwrap()
                .len(),
            2004
        );
        let sizes: BTreeSet<usize> = (0..50)
            .map(|seed| disk.after_crash(Survival::Part(seed)))
            .map(|disk| disk.read("a").unwrap().iter().filter(|b| **b == 7).count())
            .collect();
        assert!(sizes.len() > 5, "{sizes:?}");
    }

    #[test]
    fn a_failed_sync_loses_data_and_then_lies() {
        let disk = FaultVfs::new();
        disk.fail_sync(1);
        let file = disk.create("a").unwrap();
        disk.sync_dir("").unwrap();
        file.write_at(b"gone", 0).unwrap();
        assert!(file.sync().is_err());
        assert!(file.sync().is_ok());
        assert_eq!(
            disk.after_crash(Survival::Everything).read("a").unwrap(),
            b""
        );
    }
}
