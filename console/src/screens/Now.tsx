// What happens now: what waits, what was stopped, what runs.

import { useMemo, useRef, useState } from 'react';
import { ACTION_READING, type Action } from '../actions';
import { api } from '../api/client';
import { useQuery } from '../api/query';
import { fullest, standing } from '../budgets';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { FilterBox, useFiltered, useKnown } from '../parts/FilterBox';
import { FirstSteps } from '../parts/FirstSteps';
import { KillSwitch } from '../parts/KillSwitch';
import { LogHead } from '../parts/LogHead';
import { Reach } from '../parts/Reach';
import { Effect, Empty, Freshness, Panel, Problem, Risk, span, Time, useNow } from '../parts/show';
import { VirtualList } from '../parts/VirtualList';
import { go, Link, to, useFilterText } from '../router';

const LIVE = 500;

export function ActionRow({ action }: { action: Action }) {
  return (
    <>
      <span className="cell-time">
        <Time at={action.timestamp} />
      </span>
      <Effect effect={action.effect} />
      <Risk risk={action.risk} />
      <span className="cell-agent">
        <Untrusted text={action.agent_id} oneLine />
      </span>
      <span className="cell-what">
        <Untrusted text={action.tool || action.action_type} oneLine />{' '}
        <span className="quiet">
          <Untrusted text={action.resource} oneLine />
        </span>
      </span>
    </>
  );
}

/** Where an action is shown with everything. */
export function placeOf(action: Action): string {
  return action.run_id === '' ? to('audit', action.seq) : `${to('runs', action.run_id)}?frame=${action.seq}`;
}

function Tile({ name, value, href, tone }: { name: string; value: string; href?: string; tone?: 'bad' | 'wait' | undefined }) {
  const inside = (
    <>
      <span className="tile-value">{value}</span>
      <span className="tile-name">{name}</span>
    </>
  );
  return href ? (
    <Link href={href} className={`tile ${tone ? `tile-${tone}` : ''}`}>
      {inside}
    </Link>
  ) : (
    <div className={`tile ${tone ? `tile-${tone}` : ''}`}>{inside}</div>
  );
}

/** Decisions per second, from two sums. */
function usePace(total: number | undefined, at: number): number | null {
  const before = useRef<{ total: number; at: number } | null>(null);
  const pace = useRef<number | null>(null);
  if (total !== undefined && at > 0 && before.current?.at !== at) {
    const was = before.current;
    if (was && at > was.at && total >= was.total) pace.current = ((total - was.total) * 1_000) / (at - was.at);
    before.current = { total, at };
  }
  return pace.current;
}

/** A time in words; the server says the upper bound of its class. */
function within(us: number | null | undefined): string {
  if (us === null || us === undefined) return '\u2013';
  return us < 1_000 ? `${us} \u00b5s` : `${us / 1_000} ms`;
}

export function Now() {
  const [filter, setFilter] = useFilterText();
  const [selected, setSelected] = useState(-1);
  const stats = useQuery('now stats', (signal) => api.get('/api/stats', { signal }), 2_000);
  const waiting = useQuery('now approvals', (signal) => api.get('/api/approvals', { query: { limit: 5 }, signal }), 2_000);
  const actions = useQuery('now actions', (signal) => api.get('/api/actions', { query: { limit: LIVE }, signal }), 2_000);
  const stopped = useQuery('now flagged', (signal) => api.get('/api/actions', { query: { flagged: true, limit: 50 }, signal }), 3_000);
  const budgets = useQuery('now budgets', (signal) => api.get('/api/budgets', { signal }), 10_000);
  const full = fullest(budgets.data ?? []);
  const health = useQuery('now health', (signal) => api.get('/readyz', { signal }), 5_000);
  const all = useMemo(() => actions.data ?? [], [actions.data]);
  const shown = useFiltered(all, filter, 'actions', ACTION_READING);
  const known = useKnown(all, 'actions', ACTION_READING);
  const blocked = (stopped.data ?? []).filter((a) => a.effect === 'block').slice(0, 5);
  const now = useNow();
  const pace = usePace(stats.data?.total_actions, stats.at);
  const number = (n: number | undefined) => (n === undefined ? '\u2013' : n.toLocaleString('en'));
  const s = stats.data;

  useKeys({
    j: () => setSelected(Math.min(shown.length - 1, selected + 1)),
    k: () => setSelected(Math.max(0, selected - 1)),
    Enter: () => {
      const chosen = shown[selected];
      if (chosen) go(placeOf(chosen));
    },
  });

  return (
    <div className="screen">
      <header className="screen-head">
        <h1>Now</h1>
        <Freshness query={stats} />
        <span className="quiet">{health.data ? `server up ${span(health.data.uptime_s * 1_000)}` : ''}</span>
        <span className="grow" />
        <KillSwitch />
      </header>
      {stats.data === undefined && <Problem error={stats.error} retry={stats.refresh} />}
      {health.error !== null && health.error !== undefined && (
        <div className="problem" role="alert">
          The record cannot be written, so everything with an effect is denied. `interlock doctor` says more.
        </div>
      )}
      <div className="tiles">
        <Tile name="wait for a person" value={number(s?.approvals_pending)} href="/approvals" tone={s?.approvals_pending ? 'wait' : undefined} />
        <Tile name="blocked" value={number(s?.blocked_actions)} tone={s?.blocked_actions ? 'bad' : undefined} />
        <Tile name="open alerts" value={number(s?.alerts_open)} href="/alerts" />
        <Tile name="actions decided" value={number(s?.total_actions)} />
        <Tile name="decisions per second" value={pace === null ? '\u2013' : pace.toFixed(1)} />
        <Tile name="p50 to decide" value={within(s?.decide_p50_us)} />
        <Tile name="p99 to decide" value={within(s?.decide_p99_us)} />
        {full !== null && <Tile name="of the fullest budget" value={`${full.purse.percent} %`} href="/budgets" tone={full.purse.percent >= 100 ? 'bad' : full.purse.percent >= 80 ? 'wait' : undefined} />}
        <Tile name={s?.agents_paused ? `agents, ${s.agents_paused} paused` : 'agents'} value={number(s?.agents)} href="/agents" />
      </div>
      <LogHead />
      {full !== null && (
        <p className="quiet" data-spent>
          Spent: {standing(full.budget, full.purse)} of budget <Link href="/budgets">{full.budget.id}</Link>, <Untrusted text={full.purse.subject} oneLine />, in this{' '}
          {full.budget.period}.
        </p>
      )}
      {s?.total_actions === 0 && <FirstSteps onTried={actions.refresh} />}
      <div className="pair" hidden={s?.total_actions === 0}>
        <Panel title="Wait for a person">
          {waiting.data?.length === 0 && <Empty>Nobody waits for an answer.</Empty>}
          <ul className="short">
            {(waiting.data ?? []).map((a) => (
              <li key={a.id}>
                <Risk risk={a.risk} />
                <Link href={to('approvals', a.id)}>
                  <Untrusted text={a.agent_id} oneLine />: <Untrusted text={a.tool || a.action_type} oneLine /> <Untrusted text={a.resource} oneLine />
                </Link>
                <span className="quiet">{span(Date.parse(a.expires_at) - now)} left</span>
              </li>
            ))}
          </ul>
        </Panel>
        <Panel title="Blocked last">
          {stopped.data && blocked.length === 0 && <Empty>Nothing was blocked.</Empty>}
          <ul className="short">
            {blocked.map((a) => (
              <li key={a.id}>
                <Risk risk={a.risk} />
                <Link href={placeOf(a)}>
                  <Untrusted text={a.agent_id} oneLine />: <Untrusted text={a.flag_reason ?? a.resource} oneLine />
                </Link>
                <span className="quiet">
                  <Time at={a.timestamp} />
                </span>
              </li>
            ))}
          </ul>
        </Panel>
      </div>
      <Reach />
      <section className="panel grow-panel" aria-label="Live">
        <header>
          <h2>Live</h2>
          <FilterBox value={filter} onChange={setFilter} resource="actions" known={known} placeholder="decision:block agent:billing*" />
        </header>
        {actions.data && shown.length === 0 ? (
          <Empty>{all.length === 0 ? 'No agent has asked for anything yet.' : 'The filter lets none through.'}</Empty>
        ) : (
          <VirtualList
            items={shown}
            rowHeight={36}
            label="Latest actions"
            className="actions-list"
            keyOf={(a) => a.id}
            selected={selected}
            onSelect={setSelected}
            onOpen={(i) => {
              const chosen = shown[i];
              if (chosen) go(placeOf(chosen));
            }}
            render={(a) => <ActionRow action={a} />}
          />
        )}
      </section>
    </div>
  );
}
