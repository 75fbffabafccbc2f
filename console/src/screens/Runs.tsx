// The tasks of agents, the one that acted last first.

import { useMemo, useState } from 'react';
import { api, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import type { Fields } from '../filter/grammar';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { FilterBox, useFiltered } from '../parts/FilterBox';
import { Empty, Freshness, Problem, Risk, span, Time } from '../parts/show';
import { VirtualList } from '../parts/VirtualList';
import { go, to } from '../router';

type Run = Schema['RunBody'];

const FIELDS: Fields<Run> = {
  run: { kind: 'text', read: (r) => r.run_id, about: 'the run' },
  agent: { kind: 'text', read: (r) => r.agent_id, about: 'the agent of its first action' },
  actions: { kind: 'number', read: (r) => r.actions, about: 'how many' },
  blocked: { kind: 'number', read: (r) => r.blocked, about: 'how many were blocked' },
  held: { kind: 'number', read: (r) => r.held, about: 'how many asked a person' },
  flagged: { kind: 'number', read: (r) => r.flagged, about: 'how many somebody should look at' },
  risk: { kind: 'number', read: (r) => r.risk_max, about: 'the highest risk, 0 to 100' },
  since: { kind: 'time', read: (r) => r.last_at, about: 'acted not longer ago than 24h, 30m, 7d or a time' },
};

const PAGE = 100;

export function Runs() {
  const [filter, setFilter] = useState('');
  const [selected, setSelected] = useState(0);
  const [older, setOlder] = useState<Run[]>([]);
  const [more, setMore] = useState<'maybe' | 'loading' | 'none'>('maybe');
  const [problem, setProblem] = useState<unknown>(null);
  const query = useQuery('runs', (signal) => api.get('/api/runs', { query: { limit: PAGE }, signal }), 3_000);
  const all = useMemo(() => {
    const newest = query.data ?? [];
    const seen = new Set(newest.map((r) => r.run_id));
    return [...newest, ...older.filter((r) => !seen.has(r.run_id))];
  }, [query.data, older]);
  const shown = useFiltered(all, filter, FIELDS);

  const loadOlder = async () => {
    const last = all.at(-1);
    if (!last || more === 'loading') return;
    setMore('loading');
    setProblem(null);
    try {
      const next = await api.get('/api/runs', { query: { limit: PAGE, before: last.last_seq } });
      setOlder((was) => [...was, ...next]);
      setMore(next.length < PAGE ? 'none' : 'maybe');
    } catch (error) {
      setProblem(error);
      setMore('maybe');
    }
  };

  const open = (index: number) => {
    const run = shown[index];
    if (run) go(to('runs', run.run_id));
  };
  useKeys({
    j: () => setSelected(Math.min(shown.length - 1, selected + 1)),
    k: () => setSelected(Math.max(0, selected - 1)),
    Enter: () => open(selected),
  });

  return (
    <div className="screen">
      <header className="screen-head">
        <h1>Runs</h1>
        <Freshness query={query} />
      </header>
      <FilterBox value={filter} onChange={setFilter} fields={FIELDS} placeholder="blocked:>0 agent:billing*" />
      {query.data === undefined && <Problem error={query.error} retry={query.refresh} />}
      <Problem error={problem} />
      {query.data && shown.length === 0 ? (
        <Empty>{all.length === 0 ? 'No agent has named a run yet: give `run_id` with actions.' : 'The filter lets none through.'}</Empty>
      ) : (
        <VirtualList
          items={shown}
          rowHeight={56}
          label="Runs of agents"
          className="fill"
          keyOf={(r) => r.run_id}
          selected={Math.min(selected, shown.length - 1)}
          onSelect={setSelected}
          onOpen={open}
          render={(run) => (
            <>
              <span className="row-main">
                <Untrusted text={run.run_id} oneLine />
              </span>
              <span className="row-side">
                <span className={run.blocked > 0 ? 'count-bad' : 'quiet'}>{run.blocked.toLocaleString('en')} blocked</span>
                <span className={run.held > 0 ? 'count-wait' : 'quiet'}>{run.held.toLocaleString('en')} asked</span>
                <Risk risk={run.risk_max} />
              </span>
              <span className="row-sub">
                <Untrusted text={run.agent_id} oneLine />
                {run.agents > 1 && ` and ${run.agents - 1} more`}, {run.actions.toLocaleString('en')} actions in{' '}
                {span(Date.parse(run.last_at) - Date.parse(run.started_at))}, last <Time at={run.last_at} />
              </span>
            </>
          )}
        />
      )}
      <p className="quiet count">
        {shown.length} of {all.length} loaded
        {(query.data?.length ?? 0) >= PAGE && more !== 'none' && (
          <button type="button" disabled={more === 'loading'} onClick={() => void loadOlder()}>
            {more === 'loading' ? 'Loading' : 'Load older runs'}
          </button>
        )}
      </p>
    </div>
  );
}
