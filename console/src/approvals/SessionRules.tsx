// The temporary rules that people made: what each lets through, how much of it is used, and its end.

import { useState } from 'react';
import { api, explain, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import { Untrusted } from '../hostile/Untrusted';
import { Empty, Facts, Problem, span, Time, useNow } from '../parts/show';
import { Link, to } from '../router';
import { useMay } from '../who';
import { constraint } from './rule';

const LISTED = 200;

function state(rule: Schema['SessionApprovalBody'], now: number): string {
  if (rule.revoked) return `taken back by ${rule.revoked_by ?? 'somebody'}`;
  if (rule.live) return `holds for ${span(Date.parse(rule.expires) - now)} more`;
  return rule.uses >= rule.uses_max ? 'used up' : 'over';
}

function Rule({ rule, now, onChanged }: { rule: Schema['SessionApprovalBody']; now: number; onChanged: () => void }) {
  const may = useMay('decide');
  const [problem, setProblem] = useState<string | null>(null);
  const revoke = async () => {
    try {
      await api.delete('/api/session-approvals/{id}', { path: { id: rule.id } });
      onChanged();
    } catch (error) {
      setProblem(explain(error));
    }
  };
  const limits = Object.entries((rule.arguments ?? {}) as Record<string, unknown>);
  return (
    <li className="panel" data-session-rule={rule.live ? 'live' : 'over'}>
      <header>
        <h2>
          <Untrusted text={rule.agent_id} oneLine /> may run <Untrusted text={rule.tool || rule.action_type} oneLine /> on <Untrusted text={rule.resource} oneLine />
        </h2>
        {rule.live && may && (
          <button type="button" className="danger" onClick={() => void revoke()}>
            Take back
          </button>
        )}
      </header>
      <Facts
        items={[
          ['state', <span className={rule.live ? 'said-good' : 'quiet'}>{state(rule, now)}</span>],
          ['used', `${rule.uses} of ${rule.uses_max} times`],
          ...(limits.map(([name, value]) => [
            'argument',
            <>
              <Untrusted text={name} oneLine />: <Untrusted text={constraint(value)} oneLine />
            </>,
          ]) as [string, React.ReactNode][]),
          ['cost', rule.cost_usd_max ? `${Number(rule.cost_usd).toFixed(2)} of ${Number(rule.cost_usd_max).toFixed(2)} USD` : 'no limit of its own'],
          [rule.run_id === '' ? 'within session' : 'within run', <Untrusted text={rule.run_id || rule.session_id} oneLine />],
          ['granted by', <Untrusted text={rule.granted_by} oneLine />],
          ['granted', <Time at={rule.created} />],
          ['reason', <Untrusted text={rule.reason} />],
          ['lifts', <Untrusted text={rule.rules.join(', ')} />],
          ['made from', <Link href={to('approvals', rule.approval_id)}>the approval</Link>],
        ]}
      />
      {problem !== null && (
        <p className="said said-bad" role="alert">
          {problem}
        </p>
      )}
    </li>
  );
}

export function SessionRules() {
  const now = useNow();
  const query = useQuery('session approvals', (signal) => api.get('/api/session-approvals', { query: { limit: LISTED }, signal }), 3_000);
  const all = query.data ?? [];
  return (
    <div className="session-rules">
      {query.data === undefined && <Problem error={query.error} retry={query.refresh} />}
      {query.data?.length === 0 && <Empty>No agent may do anything without asking because somebody said so for a while.</Empty>}
      <ul className="plain">
        {all.map((rule) => (
          <Rule key={rule.id} rule={rule} now={now} onChanged={query.refresh} />
        ))}
      </ul>
      {all.length === LISTED && <p className="quiet">Only the newest {LISTED} are listed.</p>}
    </div>
  );
}
