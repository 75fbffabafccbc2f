// What people are not told of, why, and until when.

import { useState, type ReactNode } from 'react';
import { api, explain, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { Empty, Freshness, Problem, Time } from '../parts/show';
import { VirtualList } from '../parts/VirtualList';
import { NotYours, useMay } from '../who';

type Mute = Schema['MuteBody'];

const PARTS: readonly (readonly [string, keyof Mute])[] = [
  ['agent', 'agent_id'],
  ['rule', 'rule'],
  ['detector', 'detector'],
  ['cause', 'fingerprint'],
];

export function Mutes({ tabs }: { tabs: ReactNode }) {
  const may = useMay('decide');
  const [selected, setSelected] = useState(0);
  const [said, setSaid] = useState('');
  const query = useQuery('mutes', (signal) => api.get('/api/mutes', { query: { limit: 1_000 }, signal }), 3_000);
  const mutes = query.data ?? [];
  const index = Math.min(selected, mutes.length - 1);

  const end = async (mute: Mute | undefined) => {
    if (!mute?.live || !may) return;
    try {
      await api.delete('/api/mutes/{id}', { path: { id: mute.id } });
      setSaid('It is over.');
    } catch (error) {
      setSaid(explain(error));
    }
    query.refresh();
  };

  useKeys({
    j: () => setSelected(Math.min(mutes.length - 1, index + 1)),
    k: () => setSelected(Math.max(0, index - 1)),
    u: () => void end(mutes[index]),
  });

  return (
    <div className="screen">
      <header className="screen-head">
        <h1>Alerts</h1>
        {tabs}
        <Freshness query={query} />
        <span className="grow" />
        <button type="button" disabled={!may || !mutes[index]?.live} onClick={() => void end(mutes[index])}>
          End the mute <kbd>u</kbd>
        </button>
      </header>
      {!may && <NotYours what="decide" verb="end mutes" />}
      <p className="said" role="status">
        {said}
      </p>
      {query.data === undefined && <Problem error={query.error} retry={query.refresh} />}
      {query.data && mutes.length === 0 ? (
        <Empty>Nothing is muted.</Empty>
      ) : (
        <VirtualList
          items={mutes}
          rowHeight={56}
          label="Mutes"
          className="fill"
          keyOf={(m) => m.id}
          selected={index}
          onSelect={setSelected}
          render={(m) => (
            <>
              <span className="row-main">
                {PARTS.filter(([, key]) => m[key] !== '').map(([name, key]) => (
                  <span key={key}>
                    {name} <Untrusted text={String(m[key])} oneLine />{' '}
                  </span>
                ))}
              </span>
              <span className="row-side quiet">{m.live ? <Time at={m.expires_at} /> : 'over'}</span>
              <span className="row-sub">
                <Untrusted text={m.by} oneLine />: <Untrusted text={m.reason} oneLine />
              </span>
            </>
          )}
        />
      )}
    </div>
  );
}
