// The tasks of agents, the one that acted last first.

import { useState } from 'react';
import { api, type Schema } from '../api/client';
import type { Reading } from '../filter/grammar';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { FilterBox, useGoodFilter, useKnown } from '../parts/FilterBox';
import { Further } from '../parts/Further';
import { useSearched } from '../parts/searched';
import { Empty, Freshness, Problem, Risk, span, Time } from '../parts/show';
import { VirtualList } from '../parts/VirtualList';
import { go, to, useFilterText } from '../router';

type Run = Schema['RunBody'];

const PAGE = 100;
const keyOf = (r: Run) => r.run_id;

/** Only for what is offered while somebody types: the server searches. */
const READING: Reading<Run> = {
  texts: (r, field) => [field === 'run' ? r.run_id : r.agent_id],
  number: () => null,
  name: () => false,
  at: (r) => r.last_at,
};

export function Runs() {
  const [filter, setFilter] = useFilterText();
  const [selected, setSelected] = useState(0);
  const { text: q } = useGoodFilter(filter, 'runs');
  const found = useSearched(`runs ${q}`, keyOf, (from, signal) =>
    api.page('/api/runs', { query: { limit: PAGE, q, ...(from === null ? {} : { before: Number(from) }) }, signal }),
  );
  const known = useKnown(found.rows, 'runs', READING);
  const shown = found.rows;

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
        <Freshness query={found.query} />
      </header>
      <FilterBox value={filter} onChange={setFilter} resource="runs" known={known} placeholder="blocked:>0 agent:billing*" />
      {found.query.data === undefined && <Problem error={found.query.error} retry={found.query.refresh} />}
      <Problem error={found.problem} />
      {found.query.data && shown.length === 0 && found.next === null ? (
        <Empty>{q === '' ? 'No agent has named a run yet: give `run_id` with actions.' : 'The filter lets none through.'}</Empty>
      ) : (
        <VirtualList
          items={shown}
          rowHeight={56}
          label="Runs of agents"
          className="fill"
          keyOf={keyOf}
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
      <Further found={found} what="runs" />
    </div>
  );
}
