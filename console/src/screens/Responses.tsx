// What was done by itself because of alerts, and by which rules.

import { useState, type ReactNode } from 'react';
import { api } from '../api/client';
import { useQuery } from '../api/query';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { Empty, Freshness, Problem, Time } from '../parts/show';
import { VirtualList } from '../parts/VirtualList';
import { ResponseRules } from './ResponseRules';

export function Responses({ tabs }: { tabs: ReactNode }) {
  const [selected, setSelected] = useState(0);
  const query = useQuery('responses', (signal) => api.get('/api/responses', { query: { limit: 1_000 }, signal }), 3_000);
  const responses = query.data ?? [];
  const index = Math.min(selected, responses.length - 1);

  useKeys({
    j: () => setSelected(Math.min(responses.length - 1, index + 1)),
    k: () => setSelected(Math.max(0, index - 1)),
  });

  return (
    <div className="screen">
      <header className="screen-head">
        <h1>Alerts</h1>
        {tabs}
        <Freshness query={query} />
      </header>
      <ResponseRules />
      {query.data === undefined && <Problem error={query.error} retry={query.refresh} />}
      {query.data && responses.length === 0 ? (
        <Empty>Nothing was done by itself yet.</Empty>
      ) : (
        <VirtualList
          items={responses}
          rowHeight={56}
          label="Responses"
          className="fill"
          keyOf={(r) => r.id}
          selected={index}
          onSelect={setSelected}
          render={(r) => (
            <>
              <span className="row-main">
                <strong>{r.action}</strong> <Untrusted text={r.agent_id} oneLine /> · {r.result}
              </span>
              <span className="row-side quiet">
                <Time at={r.at} />
              </span>
              <span className="row-sub">
                <Untrusted text={r.rule} oneLine /> for <Untrusted text={r.subject} oneLine />: <Untrusted text={r.message} oneLine />
              </span>
            </>
          )}
        />
      )}
    </div>
  );
}
