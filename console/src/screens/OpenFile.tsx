// A file from somewhere: an evidence bundle or lines of a record, verified and shown without asking
// the server anything.

import { useMemo, useRef, useState, type DragEvent } from 'react';
import { Untrusted, UntrustedJson } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { Effect, Facts, Panel, Time } from '../parts/show';
import { VirtualList } from '../parts/VirtualList';
import { verifyBundle, type BundleVerdict } from '../proof/bundle';
import type { Bytes } from '../proof/bytes';
import { knownKey } from '../proof/trust';
import { cannotVerify } from '../proof/verify';
import { Refused, Zip } from '../proof/zip';

/** What a tab holds of a file; what is beyond is verified and not shown. */
const ENTRIES_MAX = 100_000;
const TEXT_BYTES_MAX = 128 << 20;
/** Longest line of a record. */
const LINE_BYTES_MAX = 65_535;
/** How often the page tells how far it is, in milliseconds. */
const TELL_MS = 200;

export interface Shown {
  seq: number;
  body: string;
  kind: string;
  at: string;
  run: string;
  effect: string;
  about: string;
}

/** What a list shows of an entry; a body that is no object is shown as it is. */
export function shown(seq: number, body: string): Shown {
  let value: unknown = null;
  try {
    value = JSON.parse(body);
  } catch {
    // Damaged: the text itself is shown.
  }
  const members = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const part = (name: string) => (typeof members[name] === 'string' ? (members[name] as string) : '');
  return {
    seq,
    body,
    kind: part('kind') || 'unreadable',
    at: part('ts'),
    run: part('run'),
    effect: part('effect'),
    about: [part('agent'), part('approver'), part('actor'), part('tool') || part('type') || part('what'), part('resource'), part('state') || part('status')]
      .filter((p) => p !== '')
      .join(' '),
  };
}

/** Gathers entries until there are too many of them. */
export class Gathered {
  readonly entries: Shown[] = [];
  beyond = 0;
  private bytes = 0;

  add(seq: number, body: Bytes): void {
    this.bytes += body.length;
    if (this.entries.length >= ENTRIES_MAX || this.bytes > TEXT_BYTES_MAX) this.beyond++;
    else this.entries.push(shown(seq, new TextDecoder().decode(body)));
  }
}

async function readLines(file: Blob, gathered: Gathered, progress: (done: number, of: number) => void): Promise<void> {
  const reader = (file.stream() as ReadableStream<Bytes>).getReader();
  let rest: Bytes = new Uint8Array(0);
  let line = 0;
  let done = 0;
  for (;;) {
    const { value, done: ended } = await reader.read();
    const piece = value ?? new Uint8Array(0);
    done += piece.length;
    let joined: Bytes = piece;
    if (rest.length > 0) {
      joined = new Uint8Array(rest.length + piece.length);
      joined.set(rest);
      joined.set(piece, rest.length);
    }
    let start = 0;
    for (let end = joined.indexOf(10); end >= 0; end = joined.indexOf(10, start)) {
      if (end > start) gathered.add(line++, joined.subarray(start, end));
      start = end + 1;
    }
    rest = joined.slice(start);
    if (rest.length > LINE_BYTES_MAX) throw new Error(`line ${line + 1} is longer than an entry can be: this is no record`);
    progress(done, file.size);
    if (ended) break;
  }
  if (rest.length > 0) gathered.add(line, rest);
}

interface Opened {
  name: string;
  gathered: Gathered;
  /** Absent: lines without proofs. */
  verdict: BundleVerdict | null;
}

function Verdict({ opened }: { opened: Opened }) {
  const { verdict } = opened;
  if (verdict === null) {
    return <p className="verdict verdict-unchecked">Not verified: lines alone bring no proof. An evidence bundle does.</p>;
  }
  const m = verdict.manifest;
  return (
    <>
      <p className={`verdict verdict-${verdict.outcome}`} data-line={verdict.line}>
        {verdict.outcome === 'ok' ? 'Every file is as it was signed, and every entry stands in the log. ' : verdict.outcome === 'failed' ? 'This is not what was signed. ' : 'Not verified. '}
        <code>{verdict.line}</code>
      </p>
      {m && (
        <Facts
          items={[
            ['tenant', <Untrusted text={m.tenant} />],
            ['log', <Untrusted text={m.origin} />],
            ['made', <><Time at={m.created} long /> for <Untrusted text={m.by} oneLine /></>],
            ['of', <Untrusted text={Object.entries(m.scope).map(([name, value]) => `${name} ${value}`).join(', ') || 'everything'} />],
            ['entries', `${m.entries.toLocaleString('en')} of ${m.size.toLocaleString('en')}`],
          ]}
        />
      )}
      {verdict.outcome === 'failed' && opened.gathered.entries.length > 0 && <p className="quiet">The entries before the one that does not fit were held against the tree; they are shown below.</p>}
    </>
  );
}

export function OpenFile() {
  const [vkey, setVkey] = useState(() => knownKey() ?? '');
  const [file, setFile] = useState<File | null>(null);
  const [opened, setOpened] = useState<Opened | null>(null);
  const [progress, setProgress] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [over, setOver] = useState(false);
  const [filter, setFilter] = useState('');
  const [run, setRun] = useState('');
  const [at, setAt] = useState(0);
  const round = useRef(0);

  const open = async (chosen: File, key: string) => {
    const mine = ++round.current;
    const gathered = new Gathered();
    let told = 0;
    const tell = (done: number, of: number) => {
      if (mine !== round.current) throw new Error('another file was opened');
      if (Date.now() - told < TELL_MS) return;
      told = Date.now();
      setProgress(`${Math.floor((done / Math.max(1, of)) * 100)} %`);
    };
    setFile(chosen);
    setOpened(null);
    setProblem(null);
    setProgress('0 %');
    try {
      let verdict: BundleVerdict | null = null;
      if (/\.(jsonl|ndjson|json)$/i.test(chosen.name)) await readLines(chosen, gathered, tell);
      else if (key.trim() === '') throw new Error('Give the key that the log began with, as its operator published it.');
      else verdict = await verifyBundle(await Zip.open(chosen), key.trim(), (seq, body) => gathered.add(seq, body), tell);
      if (mine !== round.current) return;
      setOpened({ name: chosen.name, gathered, verdict });
      setAt(0);
      setRun('');
    } catch (error) {
      if (mine !== round.current) return;
      setProblem(error instanceof Refused ? `This is no evidence bundle: ${error.message}` : error instanceof Error ? error.message : 'the file cannot be read');
    } finally {
      if (mine === round.current) setProgress(null);
    }
  };

  const all = opened?.gathered.entries;
  const runs = useMemo(() => [...new Set((all ?? []).map((e) => e.run).filter((r) => r !== ''))].slice(0, 1_000), [all]);
  const entries = useMemo(() => {
    const part = filter.trim().toLowerCase();
    return (all ?? []).filter((e) => (run === '' || e.run === run) && (part === '' || e.body.toLowerCase().includes(part)));
  }, [all, filter, run]);
  const selected = entries[Math.min(at, entries.length - 1)];
  const select = (index: number) => setAt(Math.min(entries.length - 1, Math.max(0, index)));
  const block = (step: 1 | -1) => {
    for (let i = at + step; i >= 0 && i < entries.length; i += step) {
      if (entries[i]?.effect === 'block') return select(i);
    }
  };
  useKeys({ j: () => select(at + 1), k: () => select(at - 1), ArrowRight: () => select(at + 1), ArrowLeft: () => select(at - 1), b: () => block(1), B: () => block(-1), Home: () => select(0), End: () => select(entries.length - 1) });

  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const chosen = event.dataTransfer.files[0];
    if (chosen) void open(chosen, vkey);
  };
  return (
    <div className="screen" data-screen="open">
      <h1>Open a file</h1>
      <Panel title="The file">
        <p>An evidence bundle (.zip), or lines of a record (.jsonl). It is read here: nothing of it leaves this browser, and no server is asked.</p>
        {cannotVerify() !== null && <p className="not-yours">{cannotVerify()}</p>}
        <p>
          <label htmlFor="open-key">The key that the log began with</label>
          <input id="open-key" className="wide" value={vkey} spellCheck={false} autoComplete="off" placeholder="interlock.local/…+0a1b2c3d+AQ…" onChange={(event) => setVkey(event.target.value)} />
        </p>
        <div
          className={over ? 'drop drop-over' : 'drop'}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={drop}
        >
          <label htmlFor="open-file">Drop a file here, or choose one</label>
          <input
            id="open-file"
            type="file"
            accept=".zip,.jsonl,.ndjson,.json"
            onChange={(event) => {
              const chosen = event.target.files?.[0];
              event.target.value = '';
              if (chosen) void open(chosen, vkey);
            }}
          />
          {file && (
            <button type="button" onClick={() => void open(file, vkey)} disabled={progress !== null}>
              Read it again
            </button>
          )}
        </div>
        <p role="status" aria-live="polite">
          {progress !== null && `Reading and verifying, ${progress}`}
          {opened && `${opened.gathered.entries.length.toLocaleString('en')} entries`}
          {opened && opened.gathered.beyond > 0 && `; ${opened.gathered.beyond.toLocaleString('en')} more are not shown, a tab holds ${ENTRIES_MAX.toLocaleString('en')}`}
        </p>
        <p className="said said-bad" role="alert">
          {problem ?? ''}
        </p>
        {file && opened && (
          <>
            <p>
              <Untrusted text={opened.name} oneLine />
            </p>
            <Verdict opened={opened} />
          </>
        )}
      </Panel>
      {opened && opened.gathered.entries.length > 0 && (
        <div className="split open-split" data-open="true">
          <section className="split-list" aria-label="Entries of the file">
            <div className="filter">
              <label htmlFor="open-filter" className="sr">
                Text in the entry
              </label>
              <input id="open-filter" data-filter placeholder="text in the entry" value={filter} onChange={(event) => { setFilter(event.target.value); setAt(0); }} />
              <label htmlFor="open-run" className="sr">
                Run
              </label>
              <select id="open-run" value={run} onChange={(event) => { setRun(event.target.value); setAt(0); }}>
                <option value="">all runs</option>
                {runs.map((name) => (
                  <option key={name} value={name}>
                    {name.replace(/[^\x20-\x7e]/g, '\u00b7').slice(0, 80)}
                  </option>
                ))}
              </select>
            </div>
            <VirtualList
              items={entries}
              rowHeight={44}
              label="Entries of the file"
              keyOf={(e) => String(e.seq)}
              selected={at}
              onSelect={select}
              render={(e) => (
                <span className="row-main">
                  <span className="quiet">{e.seq}</span> {e.effect !== '' ? <Effect effect={e.effect} /> : <Untrusted text={e.kind} oneLine />}{' '}
                  <span className="quiet">
                    <Untrusted text={e.about} oneLine />
                  </span>
                </span>
              )}
            />
          </section>
          <section className="split-detail" aria-label="The entry">
            {selected && (
              <article className="detail" key={selected.seq}>
                <header className="detail-head">
                  <h2>
                    Entry {selected.seq}, <Untrusted text={selected.kind} oneLine />
                  </h2>
                  <Time at={selected.at} long />
                </header>
                <Panel title="What it says">
                  <Body text={selected.body} />
                </Panel>
              </article>
            )}
          </section>
        </div>
      )}
    </div>
  );
}

function Body({ text }: { text: string }) {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return <Untrusted text={text} block />;
  }
  return <UntrustedJson value={value} />;
}
