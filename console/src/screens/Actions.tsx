// Every action, searched by the server.

import { useState } from 'react';
import { ACTION_READING, type Action } from '../actions';
import { api } from '../api/client';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { FilterBox, useGoodFilter, useKnown } from '../parts/FilterBox';
import { Further } from '../parts/Further';
import { useSearched } from '../parts/searched';
import { Effect, Empty, Freshness, Problem, Risk, Time } from '../parts/show';
import { VirtualList } from '../parts/VirtualList';
import { go, useFilterText } from '../router';
import { placeOf } from './Now';

const PAGE = 100;
const keyOf = (a: Action) => a.id;

export function Actions() {
  const [text, setText] = useFilterText();
  const [selected, setSelected] = useState(0);
  const { text: q } = useGoodFilter(text, 'actions');
  const found = useSearched(`actions ${q}`, keyOf, (from, signal) =>
    api.page('/api/actions', { query: { limit: PAGE, q, ...(from === null ? {} : { before: Number(from) }) }, signal }),
  );
  const known = useKnown(found.rows, 'actions', ACTION_READING);
  const index = Math.min(selected, found.rows.length - 1);
  const open = (at: number) => {
    const action = found.rows[at];
    if (action) go(placeOf(action));
  };
  useKeys({
    j: () => setSelected(Math.min(found.rows.length - 1, selected + 1)),
    k: () => setSelected(Math.max(0, selected - 1)),
    Enter: () => open(index),
  });
  return (
    <div className="screen">
      <header className="screen-head">
        <h1>Actions</h1>
        <Freshness query={found.query} />
      </header>
      <FilterBox value={text} onChange={setText} resource="actions" known={known} placeholder="decision:block,redact risk:>70 since:24h" />
      {found.query.data === undefined && <Problem error={found.query.error} retry={found.query.refresh} />}
      <Problem error={found.problem} />
      {found.query.data && found.rows.length === 0 && found.next === null ? (
        <Empty>{q === '' ? 'No agent has done anything yet.' : 'The filter lets none through.'}</Empty>
      ) : (
        <VirtualList
          items={found.rows}
          rowHeight={56}
          label="Actions of agents"
          className="fill"
          keyOf={keyOf}
          selected={index}
          onSelect={setSelected}
          onOpen={open}
          render={(a) => (
            <>
              <span className="row-main">
                <Untrusted text={a.tool || a.action_type} oneLine />{' '}
                <span className="quiet">
                  <Untrusted text={a.resource} oneLine />
                </span>
              </span>
              <span className="row-side">
                <Risk risk={a.risk} />
                <Effect effect={a.effect} />
              </span>
              <span className="row-sub">
                <Untrusted text={a.agent_id} oneLine />, <Time at={a.timestamp} />
                {a.flagged && a.reason !== '' && (
                  <>
                    , <Untrusted text={a.reason} oneLine />
                  </>
                )}
              </span>
            </>
          )}
        />
      )}
      <Further found={found} what="actions" />
    </div>
  );
}
