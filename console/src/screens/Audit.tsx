// The record: its entries, and the proof of each.

import { useMemo, useRef, useState } from 'react';
import { api, explain, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import { Untrusted, UntrustedJson } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { EvidenceExport } from '../parts/EvidenceExport';
import { ProofPanel, Steps } from '../parts/ProofPanel';
import { Empty, Facts, Panel, Problem } from '../parts/show';
import { VirtualList } from '../parts/VirtualList';
import { hex } from '../proof/bytes';
import type { Checkpoint } from '../proof/note';
import { remember, remembered, trustAnew, trustedKey } from '../proof/trust';
import { cannotVerify, verifyCheckpoint, verifyGrowth, type Verdict } from '../proof/verify';
import { go, Link, to } from '../router';
import { NotYours, useMay } from '../who';

type Entry = Schema['EntryBody'];

const PAGE = 200;

function Growth({ before, now }: { before: Checkpoint; now: Checkpoint }) {
  const sizes = `${before.size} to ${now.size}`;
  const other = before.origin !== now.origin || before.size > now.size;
  const query = useQuery(other ? null : `growth ${sizes}`, async (signal) => {
    const proof = await api.get('/api/audit/consistency', { query: { old: before.size, new: now.size }, signal });
    const grew = await verifyGrowth(before, now, proof.hashes);
    if (grew) await remember(now);
    return grew;
  });
  if (other) return <p className="verdict verdict-failed">This browser verified {before.size} entries of a log before; this one is another, or shorter.</p>;
  if (query.error !== null && query.error !== undefined) return <Problem error={query.error} />;
  if (query.data === undefined) return <p className="quiet">Comparing with what this browser verified before.</p>;
  return query.data ? (
    <p className="verdict verdict-ok">
      {before.size === now.size
        ? `This browser verified the same ${now.size} entries before.`
        : `The log only grew since this browser looked: ${sizes} entries.`}
    </p>
  ) : (
    <p className="verdict verdict-failed">The log of {now.size} entries does not continue the one that this browser verified.</p>
  );
}

function Head() {
  const query = useQuery('checkpoint', async (signal) => {
    const answer = await api.get('/api/audit/checkpoint', { signal });
    const key = trustedKey(answer.vkey);
    const verdict: Verdict | null = cannotVerify() === null ? await verifyCheckpoint(answer.checkpoint, key.vkey) : null;
    return { answer, key, verdict, before: remembered() };
  });
  if (!query.data) return <Problem error={query.error} retry={query.refresh} />;
  const { answer, key, verdict, before } = query.data;
  const now = verdict?.checkpoint;
  return (
    <Panel
      title="The newest checkpoint"
      aside={
        <button type="button" onClick={query.refresh}>
          Ask again
        </button>
      }
    >
      {cannotVerify() !== null && <p className="not-yours">{cannotVerify()}</p>}
      {now && (
        <Facts
          items={[
            ['log', <Untrusted text={now.origin} />],
            ['entries', now.size.toLocaleString('en')],
            ['root', <code>{hex(now.root)}</code>],
          ]}
        />
      )}
      {verdict && <Steps verdict={verdict} />}
      <p className="quiet">{key.said}</p>
      {key.changed && (
        <p>
          <button
            type="button"
            className="danger"
            onClick={() => {
              trustAnew(answer.vkey);
              query.refresh();
            }}
          >
            I compared it elsewhere: use the new key
          </button>
        </p>
      )}
      {before && now && <Growth before={before} now={now} />}
      <details>
        <summary>The signed note</summary>
        <Untrusted text={answer.checkpoint} block />
        <Untrusted text={answer.vkey} block />
      </details>
    </Panel>
  );
}

function Detail({ seq, verifyRef }: { seq: number; verifyRef: React.RefObject<(() => void) | null> }) {
  const query = useQuery(`entry ${seq}`, async (signal) => (await api.get('/api/audit/entries', { query: { from: seq, limit: 1 }, signal }))[0] ?? null);
  if (query.data === undefined) return <Problem error={query.error} retry={query.refresh} />;
  if (query.data === null) return <Empty>The record has no entry {seq} yet.</Empty>;
  const entry = query.data;
  const run = (entry.body as { run?: unknown } | null)?.run;
  return (
    <article className="detail">
      <header className="detail-head">
        <Link href="/audit" className="back">
          Back
        </Link>
        <h1>
          Entry {entry.seq}, {entry.kind}
        </h1>
        {entry.kind === 'decision' && typeof run === 'string' && run !== '' && (
          <p>
            <Link href={`${to('runs', run)}?frame=${entry.seq}`}>Show it in its run</Link>
          </p>
        )}
      </header>
      <ProofPanel seq={entry.seq} verifyRef={verifyRef} />
      <Panel title="Hashes">
        <Facts
          items={[
            ['leaf', <code>{entry.leaf}</code>],
            ['link', <code>{entry.link}</code>],
          ]}
        />
      </Panel>
      <Panel title="What it says">
        <UntrustedJson value={entry.body} />
      </Panel>
    </article>
  );
}

function about(entry: Entry): string {
  const body = (entry.body ?? {}) as Record<string, unknown>;
  const part = (name: string) => (typeof body[name] === 'string' ? (body[name] as string) : '');
  return [part('agent'), part('effect') || part('status'), part('tool') || part('type'), part('resource')].filter((p) => p !== '').join(' ');
}

export function Audit({ seq }: { seq: string | null }) {
  const may = useMay('audit');
  const verifyRef = useRef<(() => void) | null>(null);
  const [from, setFrom] = useState<number | null>(null);
  const [wanted, setWanted] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const open = seq !== null && /^\d{1,15}$/.test(seq) ? Number(seq) : null;
  // Without a wish: the newest page.
  const query = useQuery(may ? `entries ${from ?? 'newest'}` : null, async (signal) => {
    let begin = from;
    if (begin === null) {
      const note = (await api.get('/api/audit/checkpoint', { signal })).checkpoint;
      const size = Number(note.split('\n')[1]);
      begin = Math.max(0, (Number.isSafeInteger(size) ? size : 0) - PAGE);
    }
    return api.get('/api/audit/entries', { query: { from: begin, limit: PAGE }, signal });
  });
  const entries = useMemo(() => [...(query.data ?? [])].reverse(), [query.data]);
  const first = query.data?.[0]?.seq ?? 0;
  const at = entries.findIndex((e) => e.seq === open);
  const select = (index: number) => {
    const entry = entries[Math.min(entries.length - 1, Math.max(0, index))];
    if (entry) go(to('audit', entry.seq), open !== null);
  };
  useKeys({
    j: () => select(at + 1),
    k: () => select(at < 0 ? 0 : at - 1),
    v: () => verifyRef.current?.(),
    Escape: () => go('/audit'),
  });
  const download = async () => {
    try {
      const lines: string[] = [];
      for (const entry of query.data ?? []) lines.push(new TextDecoder().decode(await api.storedBytes(entry.seq)));
      const url = URL.createObjectURL(new Blob([`${lines.join('\n')}\n`], { type: 'application/x-ndjson' }));
      const link = document.createElement('a');
      link.href = url;
      link.download = `interlock-entries-${first}.jsonl`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    } catch (error) {
      setProblem(explain(error));
    }
  };
  if (!may) {
    return (
      <div className="screen">
        <h1>Audit</h1>
        <NotYours what="audit" verb="read the record" />
      </div>
    );
  }
  return (
    <div className="split" data-open={open !== null}>
      <section className="split-list" aria-label="Entries">
        <header className="screen-head">
          <h1>Audit</h1>
          <span className="grow" />
          <button type="button" onClick={() => void download()} disabled={entries.length === 0}>
            Save this page
          </button>
        </header>
        <form
          className="filter"
          onSubmit={(event) => {
            event.preventDefault();
            if (/^\d{1,15}$/.test(wanted.trim())) go(to('audit', Number(wanted.trim())));
          }}
        >
          <label htmlFor="audit-seq" className="sr">
            Sequence number
          </label>
          <input id="audit-seq" data-filter inputMode="numeric" placeholder="sequence number" value={wanted} onChange={(event) => setWanted(event.target.value)} />
          <button type="submit">Open</button>
        </form>
        <p className="said said-bad" role="alert">
          {problem ?? ''}
        </p>
        {query.data === undefined && <Problem error={query.error} retry={query.refresh} />}
        <VirtualList
          items={entries}
          rowHeight={44}
          label="Entries of the record"
          keyOf={(e) => String(e.seq)}
          selected={at}
          onSelect={select}
          render={(e) => (
            <>
              <span className="row-main">
                <span className="quiet">{e.seq}</span> {e.kind}{' '}
                <span className="quiet">
                  <Untrusted text={about(e)} oneLine />
                </span>
              </span>
            </>
          )}
        />
        <p className="count">
          <button type="button" disabled={first === 0} onClick={() => setFrom(Math.max(0, first - PAGE))}>
            Older
          </button>
          <button type="button" onClick={() => setFrom(first + PAGE)} disabled={(query.data?.length ?? 0) < PAGE}>
            Newer
          </button>
          <button type="button" onClick={() => { setFrom(null); query.refresh(); }}>
            Newest
          </button>
        </p>
      </section>
      <section className="split-detail" aria-label="The entry">
        {open === null ? <article className="detail"><Head /><EvidenceExport /></article> : <Detail key={open} seq={open} verifyRef={verifyRef} />}
      </section>
    </div>
  );
}
