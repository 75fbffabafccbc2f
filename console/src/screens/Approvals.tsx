// What waits for a person: the list, and one of them with everything that is needed to judge it.

import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { api, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import type { Reading } from '../filter/grammar';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { FilterBox, useFiltered, useKnown } from '../parts/FilterBox';
import { Empty, Freshness, Problem, Risk, span, useNow } from '../parts/show';
import { VirtualList } from '../parts/VirtualList';
import { go, keepFilter, to, useFilterText } from '../router';
import { ApprovalDetail } from './ApprovalDetail';

export type Approval = Schema['ApprovalBody'];

const READING: Reading<Approval> = {
  texts: (a, field) => {
    switch (field) {
      case 'agent':
        return [a.agent_id];
      case 'type':
        return [a.action_type];
      case 'tool':
        return [a.tool];
      case 'resource':
        return [a.resource];
      case 'group':
        return [a.group];
      case 'run':
        return [a.run_id];
      case 'reason':
        return [a.reason];
      default:
        return a.votes.map((v) => v.approver);
    }
  },
  number: (a) => a.risk,
  name: () => false,
  at: (a) => a.requested_at,
};

/** Each brings the arguments that it is about: a page is asked for every three seconds. */
const PAGE = 500;

function Row({ approval, now }: { approval: Approval; now: number }) {
  const left = Date.parse(approval.expires_at) - now;
  return (
    <>
      <span className="row-main">
        <Untrusted text={approval.tool || approval.action_type} oneLine />{' '}
        <span className="quiet">
          <Untrusted text={approval.resource} oneLine />
        </span>
      </span>
      <span className="row-side">
        <Risk risk={approval.risk} />
        <span className="quiet">
          {approval.state === 'pending' ? (left > 0 ? span(left) : 'expiring') : approval.state.replaceAll('_', ' ')}
        </span>
      </span>
      <span className="row-sub">
        <Untrusted text={approval.agent_id} oneLine />
      </span>
    </>
  );
}

export function Approvals({ id }: { id: string | null }) {
  const [which, setWhich] = useState<'pending' | 'all'>('pending');
  const [filter, setFilter] = useFilterText();
  const heading = useRef<HTMLHeadingElement>(null);
  const now = useNow();
  const query = useQuery(
    `approvals ${which}`,
    (signal) => api.get('/api/approvals', { query: { state: which, limit: PAGE }, signal }),
    3_000,
  );
  const all = useMemo(() => {
    const found = query.data ?? [];
    // What waits longest is first; of what is over, the newest is.
    return which === 'pending' ? found : [...found].reverse();
  }, [query.data, which]);
  const shown = useFiltered(all, filter, 'approvals', READING);
  const known = useKnown(all, 'approvals', READING);
  const at = shown.findIndex((a) => a.id === id);
  // Where the open one stood before it left the list.
  const stood = useRef(0);
  useEffect(() => {
    if (at >= 0) stood.current = at;
  }, [at]);

  const open = useCallback((index: number) => {
    const next = shown[Math.min(shown.length - 1, Math.max(0, index))];
    if (next) go(keepFilter(to('approvals', next.id)), id !== null);
  }, [shown, id]);

  useKeys({
    j: () => open(id === null ? 0 : at < 0 ? stood.current : at + 1),
    k: () => open(id === null ? 0 : at < 0 ? stood.current - 1 : at - 1),
    Enter: () => (id === null ? open(0) : heading.current?.focus()),
    Escape: () => go(keepFilter('/approvals')),
  });

  return (
    <div className="split" data-open={id !== null}>
      <section className="split-list" aria-label="Approvals">
        <header className="screen-head">
          <h1>Approvals</h1>
          <div className="tabs" role="group" aria-label="Which">
            {(['pending', 'all'] as const).map((name) => (
              <button key={name} type="button" aria-pressed={which === name} onClick={() => setWhich(name)}>
                {name === 'pending' ? 'Waiting' : 'All'}
              </button>
            ))}
          </div>
          <Freshness query={query} />
        </header>
        <FilterBox value={filter} onChange={setFilter} resource="approvals" known={known} placeholder="risk:>60 -type:file_read" />
        {query.data === undefined && <Problem error={query.error} retry={query.refresh} />}
        {shown.length === 0 && query.data ? (
          <Empty>{all.length === 0 ? (which === 'pending' ? 'Nobody waits for an answer.' : 'Nobody has asked for one yet.') : 'The filter lets none through.'}</Empty>
        ) : (
          <VirtualList
            items={shown}
            rowHeight={60}
            label="Approvals that wait"
            keyOf={(a) => a.id}
            selected={at}
            onSelect={open}
            onOpen={() => heading.current?.focus()}
            render={(a) => <Row approval={a} now={now} />}
          />
        )}
        <p className="quiet count">
          {shown.length === all.length ? `${all.length}` : `${shown.length} of ${all.length}`}
          {all.length === PAGE && `; only the first ${PAGE} are listed`}
        </p>
      </section>
      <section className="split-detail" aria-label="The approval">
        {id === null ? (
          <Empty>
            Choose one with <kbd>j</kbd> and <kbd>k</kbd>; <kbd>a</kbd> approves, <kbd>d</kbd> denies, <kbd>?</kbd> shows all keys.
          </Empty>
        ) : (
          <ApprovalDetail key={id} id={id} heading={heading} onDecided={query.refresh} />
        )}
      </section>
    </div>
  );
}
