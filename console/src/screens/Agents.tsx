// Agents, what they may do, and what stops one or all of them.

import { useCallback, useMemo, useRef, useState } from 'react';
import { api, explain, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import type { Reading } from '../filter/grammar';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { FilterBox, useFiltered } from '../parts/FilterBox';
import { KillSwitch } from '../parts/KillSwitch';
import { Effect, Empty, Facts, Freshness, Panel, Problem, Risk, Time } from '../parts/show';
import { VirtualList } from '../parts/VirtualList';
import { go, keepFilter, Link, to, useFilterText } from '../router';
import { NotYours, useMay } from '../who';
import { placeOf } from './Now';
import { ProfileForm } from './ProfileForm';

type Agent = Schema['AgentBody'];

const READING: Reading<Agent> = {
  texts: (a, field) => [field === 'name' ? a.name : a.agent_id],
  number: (a, field) => (field === 'actions' ? a.total_actions : a.flagged_actions),
  name: (a) => a.paused,
  at: (a) => a.last_seen ?? '',
};

function list(globs: string[] | null | undefined, none: string) {
  if (!globs) return <span className="none">{none}</span>;
  if (globs.length === 0) return <span className="none">none</span>;
  return (
    <ul className="globs">
      {globs.map((g, i) => (
        <li key={i}>
          <Untrusted text={g} />
        </li>
      ))}
    </ul>
  );
}

function Recent({ id }: { id: string }) {
  const query = useQuery(`actions of ${id}`, (signal) => api.get('/api/actions', { query: { agent_id: id, limit: 10 }, signal }), 3_000);
  return (
    <Panel title="Latest actions">
      {query.data?.length === 0 && <Empty>It has not asked for anything yet.</Empty>}
      <ul className="short">
        {(query.data ?? []).map((a) => (
          <li key={a.id}>
            <Effect effect={a.effect} />
            <Risk risk={a.risk} />
            <Link href={placeOf(a)}>
              <Untrusted text={a.tool || a.action_type} oneLine /> <Untrusted text={a.resource} oneLine />
            </Link>
            <span className="quiet">
              <Time at={a.timestamp} />
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Detail({ agent, onChange }: { agent: Agent; onChange: () => void }) {
  const may = useMay('administer');
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState('');
  const [editing, setEditing] = useState(false);
  // What the server answered to the last change, until the list says the same.
  const [answered, setAnswered] = useState<boolean | null>(null);
  if (answered === agent.paused) setAnswered(null);
  const paused = answered ?? agent.paused;
  const pause = useCallback(async () => {
    setBusy(true);
    try {
      const now = await api.patch('/api/agents/{id}', { path: { id: agent.agent_id }, body: { paused: !paused } });
      setAnswered(now.paused);
      setSaid(now.paused ? 'Paused: everything that it asks for is blocked.' : 'It may go on.');
      onChange();
    } catch (error) {
      setSaid(explain(error));
    } finally {
      setBusy(false);
    }
  }, [agent.agent_id, paused, onChange]);
  useKeys({ p: () => void (may && !busy && pause()) });
  const money = (spent: string | null | undefined, limit: string | null | undefined) =>
    limit ? `${spent ?? '0'} of ${limit} USD` : <span className="none">no limit</span>;
  return (
    <article className="detail">
      <header className="detail-head">
        <Link href="/agents" className="back">
          Back
        </Link>
        <h1>
          <Untrusted text={agent.name} />
        </h1>
        <p className="state">
          {paused ? <strong data-state="denied">paused</strong> : 'may act'}
          {agent.elevated && ', holds elevated credentials'}
        </p>
        <p className="said" role="status">
          {said}
        </p>
        <p className="actions actions-left">
          {may ? (
            <>
              <button type="button" className={paused ? 'primary' : 'danger'} disabled={busy} onClick={() => void pause()}>
                {paused ? 'Resume' : 'Pause'} <kbd>p</kbd>
              </button>
              <button type="button" onClick={() => setEditing(true)}>
                Change the profile
              </button>
            </>
          ) : (
            <NotYours what="administer" verb="change agents" />
          )}
        </p>
      </header>
      <Panel title="So far">
        <Facts
          items={[
            ['id', <Untrusted text={agent.agent_id} />],
            ['actions', agent.total_actions.toLocaleString('en')],
            ['flagged', agent.flagged_actions.toLocaleString('en')],
            ['undone', agent.rolled_back_actions.toLocaleString('en')],
            ['mean risk of 100', (agent.avg_risk_score * 100).toFixed(0)],
            ['first seen', <Time at={agent.created_at} long />],
            ['last seen', <Time at={agent.last_seen} long />],
          ]}
        />
      </Panel>
      <Panel title="Profile">
        <Facts
          items={[
            ['allowed types', list(agent.allowed_action_types, 'all')],
            ['allowed resources', list(agent.allowed_resources, 'all')],
            ['blocked resources', list(agent.blocked_resources, 'none')],
            ['actions a minute', agent.max_actions_per_minute ?? <span className="none">no limit</span>],
            ['highest risk of 100', agent.max_risk_score === null || agent.max_risk_score === undefined ? <span className="none">no limit</span> : (agent.max_risk_score * 100).toFixed(0)],
            ['spent today', money(agent.budget_usd?.spent_day, agent.budget_usd?.day)],
            ['spent this month', money(agent.budget_usd?.spent_month, agent.budget_usd?.month)],
            ['when it breaks a rule', agent.kill_switch_mode],
          ]}
        />
      </Panel>
      <Recent id={agent.agent_id} />
      {editing && <ProfileForm agent={agent} onClose={() => setEditing(false)} onSaved={() => { setEditing(false); setSaid('The profile is in force.'); onChange(); }} />}
    </article>
  );
}

export function Agents({ id }: { id: string | null }) {
  const [filter, setFilter] = useFilterText();
  const query = useQuery('agents', (signal) => api.get('/api/agents', { signal }), 3_000);
  const all = useMemo(() => query.data ?? [], [query.data]);
  const shown = useFiltered(all, filter, 'agents', READING);
  const at = shown.findIndex((a) => a.agent_id === id);
  const agent = all.find((a) => a.agent_id === id);
  const detail = useRef<HTMLElement>(null);
  const open = (index: number) => {
    const next = shown[Math.min(shown.length - 1, Math.max(0, index))];
    if (next) go(keepFilter(to('agents', next.agent_id)), id !== null);
  };
  useKeys({
    j: () => open(at + 1),
    k: () => open(at < 0 ? 0 : at - 1),
    Enter: () => (id === null ? open(0) : detail.current?.focus()),
    Escape: () => go(keepFilter('/agents')),
  });
  return (
    <div className="split" data-open={id !== null}>
      <section className="split-list" aria-label="Agents">
        <header className="screen-head">
          <h1>Agents</h1>
          <Freshness query={query} />
          <span className="grow" />
          <KillSwitch />
        </header>
        <FilterBox value={filter} onChange={setFilter} resource="agents" placeholder="is:paused flagged:>0" />
        {query.data === undefined && <Problem error={query.error} retry={query.refresh} />}
        {query.data && shown.length === 0 ? (
          <Empty>{all.length === 0 ? 'No agent was seen or registered yet.' : 'The filter lets none through.'}</Empty>
        ) : (
          <VirtualList
            items={shown}
            rowHeight={56}
            label="Known agents"
            keyOf={(a) => a.agent_id}
            selected={at}
            onSelect={open}
            render={(a) => (
              <>
                <span className="row-main">
                  <Untrusted text={a.name} oneLine />
                </span>
                <span className="row-side">
                  {a.paused && <span className="count-bad">paused</span>}
                  <Risk risk={Math.round(a.avg_risk_score * 100)} />
                </span>
                <span className="row-sub">
                  {a.total_actions.toLocaleString('en')} actions, {a.flagged_actions.toLocaleString('en')} flagged
                </span>
              </>
            )}
          />
        )}
      </section>
      <section className="split-detail" aria-label="The agent" ref={detail} tabIndex={-1}>
        {agent ? <Detail key={agent.agent_id} agent={agent} onChange={query.refresh} /> : <Empty>{id !== null && query.data ? 'There is no such agent.' : 'Choose one.'}</Empty>}
      </section>
    </div>
  );
}
