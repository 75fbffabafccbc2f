// What waits for a person: the list, and one of them with everything that is needed to judge it.

import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { api, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import { batch } from '../approvals/answers';
import { BatchDialog, single } from '../approvals/BatchDialog';
import { SessionRules } from '../approvals/SessionRules';
import type { Reading } from '../filter/grammar';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { outbox } from '../outbox';
import { FilterBox, useFiltered, useKnown } from '../parts/FilterBox';
import { useOutbox } from '../parts/Outbox';
import { Empty, Freshness, Problem, Risk, span, useNow } from '../parts/show';
import { VirtualList } from '../parts/VirtualList';
import { go, keepFilter, Link, to, useFilterText } from '../router';
import { useMay } from '../who';
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

/** Each brings the arguments that it is about. */
const PAGE = 200;
/** Pages that are held; nobody reads further down than this. */
const PAGES_MAX = 25;
/** Milliseconds between two looks at one page; more pages are looked at more rarely. */
const EVERY_MS = 3_000;

type Which = 'pending' | 'all' | 'rules';
const TABS: readonly (readonly [Which, string])[] = [
  ['pending', 'Waiting'],
  ['all', 'All'],
  ['rules', 'For a while'],
];

/** What waits longest is first; of what is over, the newest is. */
async function load(state: string, pages: number, signal: AbortSignal): Promise<Approval[]> {
  const found: Approval[] = [];
  for (let page = 0; page < pages; page += 1) {
    const after = found.at(-1)?.cursor;
    const next = await api.get('/api/approvals', { query: { state, limit: PAGE, ...(state === 'all' ? { newest: true } : {}), ...(after === undefined ? {} : { after }) }, signal });
    found.push(...next);
    if (next.length < PAGE) break;
  }
  return found;
}

function Row({ approval, now, chosen, leaving, onChoose }: { approval: Approval; now: number; chosen: boolean; leaving: boolean; onChoose: () => void }) {
  const left = Date.parse(approval.expires_at) - now;
  return (
    <>
      <span className="row-main">
        <span
          className="choose"
          data-chosen={chosen}
          title="choose for a batch (x)"
          onClick={(event) => {
            event.stopPropagation();
            onChoose();
          }}
        >
          <span aria-hidden="true">{chosen ? '\u2611' : '\u2610'}</span>
          {chosen && <span className="sr">chosen, </span>}
        </span>
        <Untrusted text={approval.tool || approval.action_type} oneLine />{' '}
        <span className="quiet">
          <Untrusted text={approval.resource} oneLine />
        </span>
      </span>
      <span className="row-side">
        <Risk risk={approval.risk} />
        <span className={approval.state === 'pending' && left < 300_000 ? 'soon' : 'quiet'}>
          {leaving ? 'answered' : approval.state === 'pending' ? (left > 0 ? span(left) : 'expiring') : approval.state.replaceAll('_', ' ')}
        </span>
      </span>
      <span className="row-sub">
        <Untrusted text={approval.agent_id} oneLine />
        {approval.quorum > 1 && ` \u00b7 ${approval.agreed} of ${approval.quorum} have agreed`}
        {approval.proposed_hash !== approval.action_hash && ' \u00b7 edited'}
      </span>
    </>
  );
}

export function Approvals({ id, show }: { id: string | null; show: string | null }) {
  const which: Which = show === 'all' || show === 'rules' ? show : 'pending';
  const place = useCallback((part: string | null) => keepFilter(`${part === null ? '/approvals' : to('approvals', part)}${which === 'pending' ? '' : `?show=${which}`}`), [which]);
  const mayDecide = useMay('decide');
  const [filter, setFilter] = useFilterText();
  const [pages, setPages] = useState(1);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [asking, setAsking] = useState<'approve' | 'deny' | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const now = useNow();
  const query = useQuery(
    which === 'rules' ? null : `approvals ${which} ${pages}`,
    (signal) => load(which, pages, signal),
    EVERY_MS * pages,
  );
  // Another page keeps what is there until it has come.
  const kept = useRef<{ which: Which; data: Approval[] | undefined }>({ which, data: undefined });
  if (query.data !== undefined) kept.current = { which, data: query.data };
  const data = query.data ?? (kept.current.which === which ? kept.current.data : undefined);
  const all = useMemo(() => data ?? [], [data]);
  const shown = useFiltered(all, filter, 'approvals', READING);
  const known = useKnown(all, 'approvals', READING);
  const at = shown.findIndex((a) => a.id === id);
  const more = all.length === PAGE * pages && pages < PAGES_MAX;
  // Where the open one stood before it left the list.
  const stood = useRef(0);
  useEffect(() => {
    if (at >= 0) stood.current = at;
  }, [at]);
  const outgoing = useOutbox();
  const leaving = new Set(outgoing.flatMap((o) => (o.state === 'said' ? [] : o.about)));
  // An answer that arrived changes the list, wherever it was given.
  const arrived = outgoing.reduce((last, o) => (o.state === 'said' ? Math.max(last, o.id) : last), 0);
  const { refresh } = query;
  useEffect(() => {
    if (arrived > 0) refresh();
  }, [arrived, refresh]);

  const open = useCallback((index: number) => {
    const next = shown[Math.min(shown.length - 1, Math.max(0, index))];
    if (next) go(place(next.id), id !== null);
    if (more && index >= shown.length - 1) setPages((n) => n + 1);
  }, [shown, id, place, more]);

  const toggle = useCallback((which: string | undefined) => {
    if (which === undefined) return;
    setChosen((was) => {
      const next = new Set(was);
      if (!next.delete(which)) next.add(which);
      return next;
    });
  }, []);
  // Only what waits and is listed can be answered.
  const batched = useMemo(() => shown.filter((a) => chosen.has(a.id) && a.state === 'pending'), [shown, chosen]);
  const atOr = at >= 0 ? at : 0;

  useKeys({
    j: () => open(id === null ? 0 : at < 0 ? stood.current : at + 1),
    k: () => open(id === null ? 0 : at < 0 ? stood.current - 1 : at - 1),
    J: () => {
      if (id !== null) toggle(shown[atOr]?.id);
      open(id === null ? 0 : at + 1);
    },
    x: () => id !== null && toggle(shown[at]?.id),
    X: () => setChosen(chosen.size > 0 ? new Set() : new Set(shown.filter((a) => single(a, 'approve') === null).map((a) => a.id))),
    A: () => mayDecide && batched.length > 0 && setAsking('approve'),
    D: () => mayDecide && batched.length > 0 && setAsking('deny'),
    Enter: () => (id === null ? open(0) : heading.current?.focus()),
    Escape: () => (chosen.size > 0 ? setChosen(new Set()) : go(place(null))),
  });

  const answer = (items: readonly Approval[], reason: string) => {
    if (asking === null) return;
    const verdict = asking;
    outbox.put(`${verdict === 'approve' ? 'Approve' : 'Deny'} ${items.length}`, items.map((a) => a.id), () =>
      batch(verdict, reason, items),
    );
    setChosen(new Set());
    setAsking(null);
  };

  return (
    <div className="split" data-open={id !== null && which !== 'rules'} data-which={which}>
      <section className="split-list" aria-label="Approvals">
        <header className="screen-head">
          <h1>Approvals</h1>
          <div className="tabs" role="group" aria-label="Which approvals">
            {TABS.map(([name, title]) => (
              <Link key={name} href={name === 'pending' ? '/approvals' : `/approvals?show=${name}`} {...(which === name ? { 'aria-current': 'page' as const } : {})}>
                {title}
              </Link>
            ))}
          </div>
          <Freshness query={query} />
        </header>
        {which === 'rules' ? (
          <SessionRules />
        ) : (
          <>
            <FilterBox value={filter} onChange={setFilter} resource="approvals" known={known} placeholder="risk:>60 -type:file_read" />
            {data === undefined && <Problem error={query.error} retry={query.refresh} />}
            {shown.length === 0 && data ? (
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
                render={(a) => <Row approval={a} now={now} chosen={chosen.has(a.id)} leaving={leaving.has(a.id)} onChoose={() => toggle(a.id)} />}
              />
            )}
            {chosen.size > 0 && (
              <div className="batch-bar" role="group" aria-label="The chosen ones">
                <span>{batched.length} chosen</span>
                <button type="button" className="primary" disabled={!mayDecide || batched.length === 0} onClick={() => setAsking('approve')}>
                  Approve <kbd>A</kbd>
                </button>
                <button type="button" className="danger" disabled={!mayDecide || batched.length === 0} onClick={() => setAsking('deny')}>
                  Deny <kbd>D</kbd>
                </button>
                <button type="button" onClick={() => setChosen(new Set())}>
                  None
                </button>
              </div>
            )}
            <p className="quiet count">
              {shown.length === all.length ? all.length.toLocaleString('en') : `${shown.length.toLocaleString('en')} of ${all.length.toLocaleString('en')}`}
              {more && (
                <>
                  , and there are more{' '}
                  <button type="button" className="link" onClick={() => setPages(pages + 1)}>
                    load {PAGE} more
                  </button>
                </>
              )}
              {pages === PAGES_MAX && all.length === PAGE * pages && `; no more than these are listed`}
            </p>
          </>
        )}
      </section>
      {which !== 'rules' && (
        <section className="split-detail" aria-label="The approval">
          {id === null ? (
            <Empty>
              Choose one with <kbd>j</kbd> and <kbd>k</kbd>; <kbd>a</kbd> approves, <kbd>e</kbd> edits first, <kbd>d</kbd> denies, <kbd>x</kbd> chooses
              several, <kbd>?</kbd> shows all keys.
            </Empty>
          ) : (
            <ApprovalDetail key={id} id={id} heading={heading} onDecided={query.refresh} />
          )}
        </section>
      )}
      {asking !== null && <BatchDialog verdict={asking} chosen={batched} onAnswer={answer} onClose={() => setAsking(null)} />}
    </div>
  );
}
