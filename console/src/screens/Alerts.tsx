// What somebody should look at.

import { useState } from 'react';
import { api, explain, type Schema } from '../api/client';
import type { Reading } from '../filter/grammar';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { FilterBox, useGoodFilter, useKnown } from '../parts/FilterBox';
import { Further } from '../parts/Further';
import { useSearched } from '../parts/searched';
import { Empty, Freshness, Problem, Time } from '../parts/show';
import { VirtualList } from '../parts/VirtualList';
import { go, useFilterText } from '../router';
import { NotYours, useMay } from '../who';
import { placeOf } from './Now';

type Alert = Schema['AlertBody'];

const keyOf = (a: Alert) => a.id;

/** Only for what is offered while somebody types: the server searches. */
const READING: Reading<Alert> = {
  texts: (a, field) => (field === 'agent' ? [a.agent_id] : []),
  number: () => null,
  name: () => false,
  at: (a) => a.created_at,
};

const PAGE = 200;

export function Alerts() {
  const mayAnswer = useMay('decide');
  const [open, setOpen] = useState(true);
  const [filter, setFilter] = useFilterText();
  const [selected, setSelected] = useState(0);
  const [said, setSaid] = useState('');
  const { text: q } = useGoodFilter(filter, 'alerts');
  const found = useSearched(`alerts ${String(open)} ${q}`, keyOf, (from, signal) =>
    api.page('/api/alerts', { query: { ...(open ? { acknowledged: false } : {}), limit: PAGE, q, ...(from === null ? {} : { before: from }) }, signal }),
  );
  const { query, rows: shown } = found;
  const known = useKnown(shown, 'alerts', READING);
  const index = Math.min(selected, shown.length - 1);

  const acknowledge = async (alert: Alert | undefined) => {
    if (!alert || alert.acknowledged || !mayAnswer) return;
    try {
      const answered = await api.patch('/api/alerts/{id}/acknowledge', { path: { id: alert.id } });
      setSaid(`Acknowledged by ${answered.acknowledged_by ?? 'somebody'}.`);
      query.refresh();
    } catch (error) {
      setSaid(explain(error));
    }
  };
  const follow = async (alert: Alert | undefined) => {
    if (!alert?.action_id) return;
    try {
      const { action } = await api.get('/api/actions/{id}', { path: { id: alert.action_id } });
      go(placeOf(action));
    } catch (error) {
      setSaid(explain(error));
    }
  };

  useKeys({
    j: () => setSelected(Math.min(shown.length - 1, index + 1)),
    k: () => setSelected(Math.max(0, index - 1)),
    x: () => void acknowledge(shown[index]),
    Enter: () => void follow(shown[index]),
  });

  return (
    <div className="screen">
      <header className="screen-head">
        <h1>Alerts</h1>
        <div className="tabs" role="group" aria-label="Which">
          <button type="button" aria-pressed={open} onClick={() => setOpen(true)}>
            Open
          </button>
          <button type="button" aria-pressed={!open} onClick={() => setOpen(false)}>
            All
          </button>
        </div>
        <Freshness query={query} />
        <span className="grow" />
        <button type="button" disabled={!mayAnswer || !shown[index] || shown[index].acknowledged} onClick={() => void acknowledge(shown[index])}>
          Acknowledge <kbd>x</kbd>
        </button>
        <button type="button" disabled={!shown[index]?.action_id} onClick={() => void follow(shown[index])}>
          Show the action <kbd>Enter</kbd>
        </button>
      </header>
      {!mayAnswer && <NotYours what="decide" verb="acknowledge alerts" />}
      <FilterBox value={filter} onChange={setFilter} resource="alerts" known={known} placeholder="level:high agent:billing*" />
      <p className="said" role="status">
        {said !== '' && <Untrusted text={said} oneLine />}
      </p>
      {query.data === undefined && <Problem error={query.error} retry={query.refresh} />}
      <Problem error={found.problem} />
      {query.data && shown.length === 0 && found.next === null ? (
        <Empty>{q === '' ? (open ? 'No alert is open.' : 'There was no alert yet.') : 'The filter lets none through.'}</Empty>
      ) : (
        <VirtualList
          items={shown}
          rowHeight={56}
          label="Alerts of agents"
          className="fill"
          keyOf={keyOf}
          selected={index}
          onSelect={setSelected}
          onOpen={(i) => void follow(shown[i])}
          render={(a) => (
            <>
              <span className="row-main">
                <span className={`level level-${a.level}`}>{a.level}</span> <Untrusted text={a.message} oneLine />
              </span>
              <span className="row-side quiet">
                <Time at={a.created_at} />
              </span>
              <span className="row-sub">
                <Untrusted text={a.agent_id} oneLine />
                {a.acknowledged && (
                  <>
                    , acknowledged by <Untrusted text={a.acknowledged_by} oneLine />
                  </>
                )}
              </span>
            </>
          )}
        />
      )}
      <Further found={found} what="alerts" />
    </div>
  );
}
