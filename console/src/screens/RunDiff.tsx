// Two runs side by side: the steps that differ, and how.

import { useId, useMemo, useState, type FormEvent } from 'react';
import type { Action } from '../actions';
import { api, explain, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import { Untrusted, UntrustedJson } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { Effect, Empty, Problem, Risk } from '../parts/show';
import { under } from '../pointer';
import { go, Link, to } from '../router';

type Diff = Schema['RunDiffBody'];
type Line = Schema['DiffLineBody'];

function Other({ run }: { run: string }) {
  const id = useId();
  const [other, setOther] = useState('');
  const runs = useQuery('runs to compare', (signal) => api.get('/api/runs', { query: { limit: 200 }, signal }));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (other !== '') go(to('runs', run, 'diff', other));
  };
  return (
    <form className="form" onSubmit={submit}>
      <label htmlFor={id}>Compare it with the run</label>
      <input id={id} list={`${id}-runs`} value={other} onChange={(e) => setOther(e.target.value)} maxLength={256} autoFocus spellCheck={false} autoComplete="off" />
      <datalist id={`${id}-runs`}>
        {(runs.data ?? []).filter((r) => r.run_id !== run).map((r) => (
          <option key={r.run_id} value={r.run_id} />
        ))}
      </datalist>
      <button type="submit" disabled={other === ''}>
        Compare
      </button>
    </form>
  );
}

function Step({ run, action, side }: { run: string; action: Action | null | undefined; side: string }) {
  if (!action) {
    return (
      <div className="diff-none">
        <span className="sr">not in {side}</span>
      </div>
    );
  }
  return (
    <div className="diff-step">
      <Link href={`${to('runs', run)}?frame=${action.seq}`}>
        <span className="quiet">{action.step ?? action.seq}</span> <Untrusted text={action.tool || action.action_type} oneLine />
      </Link>{' '}
      <span className="quiet">
        <Untrusted text={action.resource} oneLine />
      </span>
      <span className="row-side">
        <Risk risk={action.risk} />
        <Effect effect={action.effect} />
      </span>
      <span className="row-sub">
        {action.outcome ?? 'no result'}
        {action.cost_usd && `, ${action.cost_usd} USD`}
        {action.latency_ms !== null && action.latency_ms !== undefined && `, ${action.latency_ms.toLocaleString('en')} ms`}
      </span>
    </div>
  );
}

function Lines({ diff, lines, a, b, selected, onSelect }: { diff: Diff; lines: readonly Line[]; a: string; b: string; selected: number; onSelect: (i: number) => void }) {
  let place = 0;
  return (
    <ol className="diff" aria-label="What differs">
      {lines.map((line, i) => {
        const between = line.place - place;
        place = line.place + 1;
        return (
          <li key={line.place} aria-current={i === selected} onClick={() => onSelect(i)}>
            {between > 0 && <p className="quiet">{between.toLocaleString('en')} steps are the same</p>}
            <div className="diff-pair">
              <Step run={a} action={line.a} side="the first run" />
              <Step run={b} action={line.b} side="the second run" />
            </div>
            {line.differ.length > 0 && <p className="diff-what">differ: {line.differ.join(', ')}</p>}
            {i === selected &&
              line.arguments.map((pointer) => (
                <div className="diff-pair" key={pointer}>
                  {[line.a, line.b].map((action, side) => {
                    const value = under(action?.payload, pointer);
                    return (
                      <div key={side}>
                        <code>
                          <Untrusted text={pointer || '/'} oneLine />
                        </code>
                        {value === undefined ? <p className="empty">not there</p> : <UntrustedJson value={value} />}
                      </div>
                    );
                  })}
                </div>
              ))}
          </li>
        );
      })}
      {diff.next === null && diff.total > place && <li className="quiet">{(diff.total - place).toLocaleString('en')} steps are the same</li>}
    </ol>
  );
}

function Sums({ sums }: { sums: Schema['RunSumsBody'] }) {
  return (
    <p>
      <Link href={to('runs', sums.run_id)}>
        <Untrusted text={sums.run_id} oneLine />
      </Link>
      <span className="row-sub">
        {sums.steps.toLocaleString('en')} steps, {sums.blocked.toLocaleString('en')} blocked, {sums.cost_usd} USD, {sums.latency_ms.toLocaleString('en')} ms
      </span>
    </p>
  );
}

export function RunDiff({ a, b }: { a: string; b: string | null }) {
  const [selected, setSelected] = useState(0);
  const [more, setMore] = useState<readonly Diff[]>([]);
  const [problem, setProblem] = useState<string | null>(null);
  const query = useQuery(b === null ? null : `diff ${JSON.stringify([a, b])}`, (signal) => api.get('/api/runs/diff', { query: { a, b: b ?? '' }, signal }));
  const lines = useMemo(() => [...(query.data?.lines ?? []), ...more.flatMap((d) => d.lines)], [query.data, more]);
  const last = more.at(-1) ?? query.data;
  const step = (by: number) => setSelected(Math.max(0, Math.min(lines.length - 1, selected + by)));
  useKeys({ j: () => step(1), k: () => step(-1), Escape: () => go(to('runs', a)) });
  const further = async () => {
    const from = last?.next;
    if (from === null || from === undefined || b === null) return;
    try {
      const next = await api.get('/api/runs/diff', { query: { a, b, from } });
      setMore((was) => [...was, next]);
    } catch (error) {
      setProblem(explain(error));
    }
  };
  return (
    <div className="screen">
      <header className="screen-head">
        <Link href={to('runs', a)} className="back-always">
          The run
        </Link>
        <h1>Compare runs</h1>
      </header>
      {b === null ? (
        <Other run={a} />
      ) : (
        <>
          <Problem error={query.error} retry={query.refresh} />
          {query.data && last && (
            <>
              <div className="diff-pair" data-same={query.data.same}>
                <Sums sums={query.data.a} />
                <Sums sums={query.data.b} />
              </div>
              <p role="status">
                {query.data.same.toLocaleString('en')} of {query.data.total.toLocaleString('en')} steps are the same.
                {!query.data.exact && ' The runs have little in common: their steps are paired roughly.'}
              </p>
              {lines.length === 0 ? <Empty>Nothing differs.</Empty> : <Lines diff={last} lines={lines} a={a} b={b} selected={selected} onSelect={setSelected} />}
              {last.next !== null && last.next !== undefined && (
                <button type="button" onClick={() => void further()}>
                  Show more
                </button>
              )}
              <p className="said said-bad" role="alert">
                {problem ?? ''}
              </p>
            </>
          )}
        </>
      )}
    </div>
  );
}
