//! Evidence: a part of the record with what proves it, and reports of what it proves.
//!
//! One pass over the tenant's log, in order, writes the entries, the tiles of the tree and all
//! tables, in memory that does not grow with the log: what must wait until the entries are
//! written lies in unnamed files. **Invariant:** what is reported is counted from entries and nothing else.

mod controls;
mod csv;
mod page;
mod report;
mod rows;
mod said;
mod scope;

pub use controls::{Control, Count, Framework, Query, frameworks};
pub use interlock_evidence::manifest::Scope;
pub use report::{Evidenced, Report, Retention};
pub use rows::{AgentSum, PersonSum, PolicyChange, Sums};

use std::collections::BTreeSet;
use std::io::{self, Seek, Write};
use std::ops::ControlFlow;
use std::sync::mpsc::sync_channel;

use interlock_core::audit::checkpoint::Checkpoint;
use interlock_core::audit::note::Note;
use interlock_core::audit::{Hash, hex};
use interlock_core::model::UnixNanos;
use interlock_evidence::keys::{Keys, Rotation};
use interlock_evidence::manifest::{FORMAT, FileEntry, Manifest, statement};
use interlock_evidence::tiles::Builder;
use interlock_evidence::verify::{CHECKPOINTS_MAX, RANGES_MAX};
use interlock_evidence::zip::write::{Packing, Written, Zip};
use interlock_evidence::{CHECKPOINT, CHECKPOINTS, ENTRIES, KEYS, MANIFEST, MANIFEST_NOTE, RANGES};
use interlock_store::journal::{Journal, JournalError, Kind, NODE_LOG, Seen};
use interlock_store::{PAGE_ROWS_MAX, Store};
use sha2::{Digest, Sha256};

use self::controls::Tally;
use self::rows::{Rows, Spill};
use self::said::{Said, time};
use self::scope::{Selection, checked};
use crate::error::RuntimeError;
use crate::{Runtime, rfc3339};

/// What is collected of the entries before it is handed to be packed.
const CHUNK_BYTES: usize = 1 << 20;
/// Revisions of one bundle of policies that are enclosed.
const REVISIONS_MAX: usize = PAGE_ROWS_MAX;
/// Entries between two reports of progress.
const PROGRESS_ENTRIES: u64 = 4_096;
const VERIFIER: &[u8] = include_bytes!("../../../../verifiers/verify.py");
const VERIFIER_PAGE: &[u8] = include_bytes!("../../../../verifiers/verify.html");
const FORMAT_PAGE: &[u8] = include_bytes!("../../../../verifiers/FORMAT.md");

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Entries enclosed.
    pub entries: u64,
    /// Entries of the log.
    pub size: u64,
    /// Number of the first entry enclosed.
    pub first: u64,
    /// Number of the last.
    pub last: u64,
    /// Bytes of the bundle.
    pub bytes: u64,
    /// Files in it.
    pub files: usize,
    /// The key that a verifier must be given.
    pub vkey: String,
}

/// Called with entries read and entries to read.
pub type Progress<'a> = dyn Fn(u64, u64) + 'a;

fn failed(error: &io::Error) -> RuntimeError {
    RuntimeError::AuditUnavailable(format!("the evidence cannot be written: {error}"))
}

fn unreadable(error: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::AuditUnavailable(error.to_string())
}

fn pretty(value: &impl serde::Serialize) -> Result<Vec<u8>, RuntimeError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(unreadable)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The usual name of a bundle's file.
#[must_use]
pub fn file_name(tenant: &str, scope: &Scope) -> String {
    let plain = |text: &str| -> String {
        let kept = text
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c));
        kept.take(64).collect()
    };
    let day = |text: &Option<String>, open: &str| {
        let day = text.as_deref().and_then(|t| t.get(..10));
        day.map_or_else(|| open.to_owned(), plain)
    };
    let tenant = plain(tenant);
    match (&scope.run, &scope.action) {
        (Some(run), _) => format!("evidence-{tenant}-run-{}.zip", plain(run)),
        (_, Some(action)) => format!("evidence-{tenant}-action-{}.zip", plain(action)),
        _ => format!(
            "evidence-{tenant}-{}-{}.zip",
            day(&scope.from, "begin"),
            day(&scope.to, "now")
        ),
    }
}

/// Takes a file of policies: its name in the bundle, and its content.
pub type OnPolicy<'a> = dyn FnMut(&str, &[u8]) -> io::Result<()> + 'a;

/// What evidence is made of, beside what is asked for.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The record.
    pub journal: &'a Journal,
    /// The tenant.
    pub tenant: &'a str,
    /// Who asked.
    pub by: &'a str,
    /// When.
    pub now: UnixNanos,
    /// How an approval was edited, masked.
    pub edit: &'a dyn Fn(&str) -> String,
    /// Hands over the policies: whether only what decided on a selection, and the digests of what decided.
    pub policies: &'a Policies<'a>,
}

/// See [`Sources::policies`].
pub type Policies<'a> =
    dyn Fn(bool, &BTreeSet<String>, &mut OnPolicy<'_>) -> Result<(), RuntimeError> + 'a;

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

/// What one pass over the log found.
struct Pass {
    ranges: Vec<(u64, u64)>,
    entries: u64,
    earliest: String,
    latest: String,
    oldest: String,
    tally: Tally,
    rows: Rows,
    before: Option<PolicyChange>,
    programs: BTreeSet<String>,
}

impl Pass {
    fn new(frameworks: &[Framework]) -> Result<Self, RuntimeError> {
        Ok(Self {
            ranges: Vec::new(),
            entries: 0,
            earliest: String::new(),
            latest: String::new(),
            oldest: String::new(),
            tally: Tally::new(frameworks)?,
            rows: Rows::new().map_err(|e| failed(&e))?,
            before: None,
            programs: BTreeSet::new(),
        })
    }

    /// Takes an entry; `chosen` when it is asked for.
    fn add(
        &mut self,
        entry: &Seen<'_>,
        chosen: bool,
        edit: &dyn Fn(&str) -> String,
    ) -> Result<(), RuntimeError> {
        if self.oldest.is_empty() {
            time(entry.body)
                .unwrap_or_default()
                .clone_into(&mut self.oldest);
        }
        let said = (chosen || entry.kind == Kind::PolicyChange)
            .then(|| Said::read(entry.body))
            .flatten();
        if !chosen {
            if let Some(said) = said.filter(|_| self.entries == 0) {
                self.before = Some(PolicyChange {
                    seq: entry.seq,
                    at: said.ts.to_string(),
                    by: said.actor.to_string(),
                    what: said.what.to_string(),
                    id: said.id.to_string(),
                    revision: said.policy_rev.0,
                    program: said.program.to_string(),
                });
            }
            return Ok(());
        }
        let stretches = self.ranges.len();
        match self.ranges.last_mut() {
            Some((first, count)) if *first + *count == entry.seq => *count += 1,
            _ if stretches >= RANGES_MAX => {
                return Err(RuntimeError::Conflict(
                    "the entries asked for are too far apart; ask for fewer".to_owned(),
                ));
            }
            _ => self.ranges.push((entry.seq, 1)),
        }
        self.entries += 1;
        // What a later version wrote is enclosed, and counted by nothing.
        let Some(said) = said else {
            return Ok(());
        };
        if self.earliest.is_empty() || *said.ts < *self.earliest {
            self.earliest = said.ts.to_string();
        }
        if *said.ts > *self.latest {
            self.latest = said.ts.to_string();
        }
        if entry.kind == Kind::Decision && !self.programs.contains(&*said.program) {
            self.programs.insert(said.program.to_string());
        }
        self.tally.add(entry.seq, &said);
        self.rows.add(entry, &said, edit).map_err(|e| failed(&e))
    }
}

impl Sources<'_> {
    /// The signed head of the tenant's log: note, origin, size, root.
    fn head(&self) -> Result<(String, Checkpoint), RuntimeError> {
        let note = self
            .journal
            .checkpoint(self.tenant)
            .map_err(|error| match error {
                JournalError::UnknownTenant(_) => RuntimeError::NotFound("record of this tenant"),
                other => unreadable(other),
            })?;
        let head = Note::parse(&note)
            .ok()
            .and_then(|n| Checkpoint::parse(n.text))
            .ok_or_else(|| unreadable("the checkpoint cannot be read"))?;
        Ok((note, head))
    }

    /// Reads the log up to `size` and calls `on` with each entry and whether it is asked for.
    fn pass(
        &self,
        scope: &Scope,
        size: u64,
        pass: &mut Pass,
        progress: &Progress<'_>,
        on: &mut dyn FnMut(&Seen<'_>, bool) -> Result<(), RuntimeError>,
    ) -> Result<(), RuntimeError> {
        let mut selection = Selection::new(scope);
        let mut result = Ok(());
        self.journal
            .scan(self.tenant, 0, size, &mut |entry| {
                if entry.seq.is_multiple_of(PROGRESS_ENTRIES) {
                    progress(entry.seq, size);
                }
                let chosen = selection.takes(&entry);
                result = pass
                    .add(&entry, chosen, self.edit)
                    .and_then(|()| on(&entry, chosen));
                match result {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            })
            .map_err(unreadable)?;
        result?;
        if pass.entries == 0 {
            return Err(RuntimeError::NotFound("entry in what was asked for"));
        }
        let (from, to) = (
            scope.from.as_deref().unwrap_or(&pass.earliest).to_owned(),
            scope.to.as_deref().unwrap_or("9").to_owned(),
        );
        let (from, to) = if scope.is_selective() {
            (pass.earliest.clone(), pass.latest.clone())
        } else {
            (from, to)
        };
        let mut written = Ok(());
        self.journal
            .scan(NODE_LOG, 0, u64::MAX, &mut |entry| {
                written = pass.rows.node(&entry, &from, &to);
                if written.is_ok() {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })
            .map_err(unreadable)?;
        written.map_err(|e| failed(&e))
    }

    /// Writes a bundle, a zip, to `out`; what is asked for is in the form of the record.
    fn export(
        &self,
        scope: &Scope,
        out: impl Write + Seek + Send,
        progress: &Progress<'_>,
    ) -> Result<Exported, RuntimeError> {
        let (note, head) = self.head()?;
        let frameworks = frameworks()?;
        let mut zip = Zip::new(out);
        let mut files: Vec<Written> = Vec::new();
        for (name, content) in [
            ("verify.py", VERIFIER),
            ("verify.html", VERIFIER_PAGE),
            ("FORMAT.md", FORMAT_PAGE),
        ] {
            let file = zip.whole(name, Packing::Deflated, content);
            files.push(file.map_err(|e| failed(&e))?);
        }

        // The entries, and the tree beside them.
        let mut pass = Pass::new(&frameworks)?;
        let mut builder = Builder::default();
        let mut tiles = Spill::new().map_err(|e| failed(&e))?;
        let mut paths: Vec<(String, usize)> = Vec::new();
        let mut on_tile = |path: String, hashes: &[Hash]| {
            paths.push((path, hashes.len() * 32));
            tiles.write(hashes.as_flattened())
        };
        let entries = std::thread::scope(|threads| {
            let (send, receive) = sync_channel::<Vec<u8>>(4);
            let zip = &mut zip;
            let packing = threads.spawn(move || -> io::Result<Written> {
                let mut file = zip.file(ENTRIES, Packing::Large)?;
                for chunk in receive {
                    file.write_all(&chunk)?;
                }
                file.finish()
            });
            let mut chunk = Vec::with_capacity(CHUNK_BYTES + (64 << 10));
            let read = self.pass(
                scope,
                head.size,
                &mut pass,
                progress,
                &mut |entry, chosen| {
                    builder
                        .push(*entry.leaf, chosen, &mut on_tile)
                        .map_err(|e| failed(&e))?;
                    if chosen {
                        chunk.extend_from_slice(entry.body);
                        chunk.push(b'\n');
                        if chunk.len() >= CHUNK_BYTES {
                            let full = std::mem::replace(
                                &mut chunk,
                                Vec::with_capacity(CHUNK_BYTES + (64 << 10)),
                            );
                            send.send(full)
                                .map_err(|_| unreadable("the entries cannot be written"))?;
                        }
                    }
                    Ok(())
                },
            );
            let read = read.and_then(|()| {
                send.send(chunk)
                    .map_err(|_| unreadable("the entries cannot be written"))
            });
            drop(send);
            let packed = packing
                .join()
                .map_err(|_| unreadable("the entries cannot be packed"))?;
            let packed = packed.map_err(|e| failed(&e))?;
            read.map(|()| packed)
        })?;
        files.push(entries);
        let root = builder.finish(&mut on_tile).map_err(|e| failed(&e))?;
        if root != head.root {
            return Err(unreadable(
                "the entries do not lead to the signed root: run `interlock audit verify`",
            ));
        }
        self.write_proof(&note, &head, &pass, &mut zip, &mut files)?;
        write_tiles(tiles, &paths, &mut zip, &mut files)?;
        (self.policies)(
            scope.is_selective(),
            &pass.programs,
            &mut |name, content| {
                files.push(zip.whole(name, Packing::Deflated, content)?);
                Ok(())
            },
        )?;

        // What people read.
        let created = rfc3339(self.now);
        let mut reports = Vec::new();
        for framework in &frameworks {
            let report = Report::new(framework, scope, &created, self.tenant, &head, &pass);
            let content = pretty(&report)?;
            let name = format!("controls/{}.json", framework.id);
            let file = zip.whole(&name, Packing::Deflated, &content);
            files.push(file.map_err(|e| failed(&e))?);
            reports.push(report);
        }
        let page = page::readme(
            &created,
            self.by,
            scope,
            &head,
            &self.journal.vkey(),
            &pass,
            &reports,
        );
        let Pass { rows, ranges, .. } = pass;
        for (name, table) in [
            ("approvals.csv", rows.approvals),
            ("erasures.csv", rows.erasures),
            ("gaps.csv", rows.gaps),
            ("policies/changes.csv", rows.policies),
        ] {
            let written = (|| {
                let mut file = zip.file(name, Packing::Deflated)?;
                table.pour(&mut |piece| file.write_all(piece))?;
                file.finish()
            })();
            files.push(written.map_err(|e| failed(&e))?);
        }
        for (name, content) in [
            ("README.html", page.as_bytes()),
            ("anchors/README.txt", page::NO_ANCHORS.as_bytes()),
        ] {
            let file = zip.whole(name, Packing::Deflated, content);
            files.push(file.map_err(|e| failed(&e))?);
        }

        // Its signature.
        let entries: u64 = ranges.iter().map(|(_, count)| count).sum();
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            tenant: self.tenant.to_owned(),
            origin: head.origin.clone(),
            created,
            by: self.by.to_owned(),
            scope: scope.clone(),
            size: head.size,
            entries,
            files: files.iter().map(FileEntry::from).collect(),
        };
        let content = pretty(&manifest)?;
        let text = statement(&head.origin, head.size, &Sha256::digest(&content).into());
        let signed = self
            .journal
            .sign_evidence(self.tenant, head.size, &text)
            .map_err(unreadable)?;
        for (name, content) in [(MANIFEST, &content[..]), (MANIFEST_NOTE, signed.as_bytes())] {
            zip.whole(name, Packing::Deflated, content)
                .map_err(|e| failed(&e))?;
        }
        let (_, bytes) = zip.finish().map_err(|e| failed(&e))?;
        Ok(Exported {
            entries,
            size: head.size,
            first: ranges.first().map_or(0, |(first, _)| *first),
            last: ranges.last().map_or(0, |(first, count)| first + count - 1),
            bytes,
            files: files.len() + 2,
            vkey: self.journal.vkey(),
        })
    }

    /// Keys, checkpoints and ranges.
    fn write_proof<W: Write + Seek>(
        &self,
        note: &str,
        head: &Checkpoint,
        pass: &Pass,
        zip: &mut Zip<W>,
        files: &mut Vec<Written>,
    ) -> Result<(), RuntimeError> {
        let journal = self.journal;
        let epochs = journal.key_epochs(self.tenant);
        let mut keys = Keys {
            origin: head.origin.clone(),
            first: epochs
                .first()
                .map(|(_, key)| key.clone())
                .unwrap_or_default(),
            rotations: Vec::new(),
        };
        for (seq, _) in epochs.iter().skip(1) {
            let read = journal
                .read(self.tenant, seq.saturating_sub(1), 2)
                .map_err(unreadable)?;
            let [before, entry] = &read[..] else {
                return Err(unreadable("a change of the key cannot be read"));
            };
            let said: serde_json::Value =
                serde_json::from_slice(&entry.body).map_err(unreadable)?;
            let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
            keys.rotations.push(Rotation {
                seq: *seq,
                link: hex(&before.link),
                old: text("old"),
                new: text("new"),
                by_old: text("by_old"),
                by_new: text("by_new"),
            });
        }
        let mut ranges = String::from("first,count\n");
        for (first, count) in &pass.ranges {
            ranges.push_str(&format!("{first},{count}\n"));
        }
        let past = self.earlier_checkpoints(head, pass)?;
        for (name, content) in [
            (KEYS, pretty(&keys)?),
            (CHECKPOINT, note.as_bytes().to_vec()),
            (CHECKPOINTS, past.into_bytes()),
            (RANGES, ranges.into_bytes()),
        ] {
            let file = zip.whole(name, Packing::Deflated, &content);
            files.push(file.map_err(|e| failed(&e))?);
        }
        Ok(())
    }

    /// Published checkpoints that the tiles of the bundle reach, evenly thinned out.
    fn earlier_checkpoints(&self, head: &Checkpoint, pass: &Pass) -> Result<String, RuntimeError> {
        let reaches = |size: u64| {
            let (tile, partial) = (size / 256, size % 256);
            partial == 0
                || tile == head.size / 256
                || pass
                    .ranges
                    .iter()
                    .any(|(first, count)| (first / 256..=(first + count - 1) / 256).contains(&tile))
        };
        let mut kept: Vec<String> = Vec::new();
        let (mut step, mut seen) = (1u64, 0u64);
        self.journal
            .published(self.tenant, &mut |note| {
                let size = Note::parse(note)
                    .ok()
                    .and_then(|n| Checkpoint::parse(n.text))
                    .map(|c| c.size);
                if size.is_some_and(|size| size <= head.size && reaches(size)) {
                    if seen.is_multiple_of(step) {
                        kept.push(note.to_owned());
                    }
                    seen += 1;
                    if kept.len() > CHECKPOINTS_MAX {
                        // Every second one of those kept so far.
                        let mut n = 0;
                        kept.retain(|_| {
                            n += 1;
                            n % 2 == 1
                        });
                        step *= 2;
                    }
                }
                ControlFlow::Continue(())
            })
            .map_err(unreadable)?;
        kept.truncate(CHECKPOINTS_MAX);
        Ok(kept.iter().flat_map(|note| [note, "\n"]).collect())
    }
}

/// Writes a bundle of evidence, a zip, to `out`, of sources that one has: see [`Runtime::export_evidence`].
///
/// # Errors
/// As [`Runtime::export_evidence`].
pub fn export(
    sources: &Sources<'_>,
    scope: &Scope,
    out: impl Write + Seek + Send,
    progress: &Progress<'_>,
) -> Result<Exported, RuntimeError> {
    sources.export(&checked(scope)?, out, progress)
}

impl Runtime {
    fn evidence_edit<'a>(&'a self, tenant: &'a str) -> impl Fn(&str) -> String + 'a {
        move |id| match self.shown_edit(tenant, id, true) {
            Ok(Some(edit)) => edit.patch,
            Ok(None) => "(not kept)".to_owned(),
            Err(RuntimeError::Erased) => "(erased)".to_owned(),
            Err(_) => "(cannot be read)".to_owned(),
        }
    }

    /// Writes a bundle of evidence, a zip, to `out`. That `by` took it is recorded first, so that it
    /// is the last entry of a bundle without an end.
    ///
    /// # Errors
    /// [`RuntimeError::Invalid`] when a field of the scope is out of its limits, `NotFound` when no entry
    /// is asked for, and when the journal cannot be read or the bundle not be written.
    pub fn export_evidence(
        &self,
        tenant: &str,
        by: &str,
        scope: &Scope,
        out: impl Write + Seek + Send,
        progress: &Progress<'_>,
    ) -> Result<Exported, RuntimeError> {
        let scope = checked(scope)?;
        if self.journal().head(tenant).is_none() {
            return Err(RuntimeError::NotFound("record of this tenant"));
        }
        let what = match (&scope.run, &scope.action) {
            (Some(_), _) => "evidence-of-run",
            (_, Some(_)) => "evidence-of-action",
            _ => "evidence-of-range",
        };
        let id = scope.run.as_deref().or(scope.action.as_deref());
        self.record_change(tenant, Kind::Export, by, what, id.unwrap_or_default())?;
        let edit = self.evidence_edit(tenant);
        let policies = |selective: bool, programs: &BTreeSet<String>, on: &mut OnPolicy<'_>| {
            self.evidence_policies(tenant, selective, programs, on)
        };
        let sources = Sources {
            journal: self.journal(),
            tenant,
            by,
            now: self.now(),
            edit: &edit,
            policies: &policies,
        };
        sources.export(&scope, out, progress)
    }

    /// The texts of the policies: every kept revision of the tenant's bundles, and what is in force.
    /// Of a selection, only what decided on it.
    fn evidence_policies(
        &self,
        tenant: &str,
        selective: bool,
        programs: &BTreeSet<String>,
        on: &mut OnPolicy<'_>,
    ) -> Result<(), RuntimeError> {
        let loaded = self.bundle(tenant);
        let in_force = loaded.map(|loaded| {
            let program = hex(&loaded.compiled.program.digest());
            let sources: Vec<_> = loaded
                .sources
                .iter()
                .map(|s| serde_json::json!({"name": s.name, "text": s.text}))
                .collect();
            let said = serde_json::json!({
                "number": loaded.number,
                "revision": loaded.revision,
                "program": program,
                "decided_here": programs.contains(&program),
                "manifest": loaded.manifest,
                "sources": sources,
            });
            (program, said)
        });
        if let Some((program, said)) = in_force
            && (!selective || programs.contains(&program))
        {
            on("policies/in-force.json", &pretty(&said)?).map_err(|e| failed(&e))?;
        }
        if selective {
            return Ok(());
        }
        let store: &dyn Store = self.store();
        for (n, bundle) in store.bundles(tenant)?.iter().enumerate() {
            let history = store.bundle_history(tenant, &bundle.name, REVISIONS_MAX)?;
            for (revision, ..) in history {
                let kept = store.bundle(tenant, &bundle.name, Some(revision))?;
                // Its name may be anything: it is in the file, not in the file's name.
                let said = serde_json::json!({
                    "name": kept.name,
                    "revision": kept.revision,
                    "author": kept.author,
                    "created": rfc3339(kept.created),
                    "text": kept.text,
                });
                let name = format!("policies/{n:03}-r{revision}.json");
                on(&name, &pretty(&said)?).map_err(|e| failed(&e))?;
            }
        }
        Ok(())
    }

    /// Counts what the record proves for a framework, with a proof of the first and the last entry of
    /// each count. That `by` asked is recorded.
    ///
    /// # Errors
    /// As [`Self::export_evidence`]; `NotFound` also when there is no such framework.
    pub fn evidence_report(
        &self,
        tenant: &str,
        by: &str,
        framework: &str,
        scope: &Scope,
        progress: &Progress<'_>,
    ) -> Result<Report, RuntimeError> {
        let scope = checked(scope)?;
        let all = frameworks()?;
        let framework = all
            .into_iter()
            .find(|f| f.id == framework)
            .ok_or(RuntimeError::NotFound("framework"))?;
        if self.journal().head(tenant).is_none() {
            return Err(RuntimeError::NotFound("record of this tenant"));
        }
        let one = std::slice::from_ref(&framework);
        self.record_change(tenant, Kind::Export, by, "evidence-report", &framework.id)?;
        let edit = self.evidence_edit(tenant);
        let sources = Sources {
            journal: self.journal(),
            tenant,
            by,
            now: self.now(),
            edit: &edit,
            policies: &|_, _, _| Ok(()),
        };
        let (note, head) = sources.head()?;
        let mut pass = Pass::new(one)?;
        sources.pass(&scope, head.size, &mut pass, progress, &mut |_, _| Ok(()))?;
        let created = rfc3339(self.now());
        let mut report = Report::new(&framework, &scope, &created, tenant, &head, &pass);
        report.checkpoint = Some(note);
        report.vkey = Some(self.journal().vkey());
        for seq in report.entries() {
            let proof = self.journal().tlog_proof(tenant, seq).map_err(unreadable)?;
            report.proofs.insert(seq, proof);
        }
        Ok(report)
    }
}

fn write_tiles<W: Write + Seek>(
    tiles: Spill,
    paths: &[(String, usize)],
    zip: &mut Zip<W>,
    files: &mut Vec<Written>,
) -> Result<(), RuntimeError> {
    let mut paths = paths.iter();
    let mut held: Vec<u8> = Vec::new();
    let mut next = paths.next();
    tiles
        .pour(&mut |piece| {
            held.extend_from_slice(piece);
            let mut at = 0;
            while let Some((path, bytes)) = next {
                let Some(tile) = held.get(at..at + bytes) else {
                    break;
                };
                files.push(zip.whole(path, Packing::Stored, tile)?);
                at += bytes;
                next = paths.next();
            }
            held.drain(..at);
            Ok(())
        })
        .map_err(|e| failed(&e))?;
    if next.is_some() || !held.is_empty() {
        return Err(unreadable("the tiles of the tree cannot be written"));
    }
    Ok(())
}
