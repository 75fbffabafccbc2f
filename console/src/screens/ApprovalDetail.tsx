// One approval with its context, and the answer to it.

import { useRef, useState, type RefObject } from 'react';
import { told, topTerms, verb, type Action, type Explained } from '../actions';
import { api, ApiFailure, explain, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import { Untrusted, UntrustedJson } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { FactDetail, FindingList, Reasons, RiskDetail } from '../parts/Explanation';
import { Effect, Facts, Panel, Problem, Risk, span, Time, useNow } from '../parts/show';
import { proposed } from '../proposed';
import { go, Link, to } from '../router';
import { NotYours, useMay } from '../who';
import { Answer, type Asked } from './Answer';

type Approval = Schema['ApprovalBody'];

/** Actions among which the one that asked is looked for. */
const LOOKED_AT = 200;
const CANDIDATES = 5;

interface Context {
  explained: Explained;
  before: Action[];
}

/** The decision that asked: it has the approval's digest. */
async function contextOf(approval: Approval, signal: AbortSignal): Promise<Context | null> {
  const where = approval.run_id === '' ? { agent_id: approval.agent_id } : { run_id: approval.run_id };
  const actions = await api.get('/api/actions', { query: { ...where, limit: LOOKED_AT }, signal });
  const candidates = actions.filter(
    (a) => a.effect === 'require_approval' && a.agent_id === approval.agent_id && a.action_type === approval.action_type && a.resource === approval.resource,
  );
  const asked = Date.parse(approval.requested_at);
  const far = (a: Action) => Math.abs(Date.parse(a.timestamp) - asked);
  candidates.sort((a, b) => far(a) - far(b));
  for (const candidate of candidates.slice(0, CANDIDATES)) {
    const explained = await api.get('/api/actions/{id}', { path: { id: candidate.id }, signal });
    if (told(explained.decision).actionHash === approval.action_hash) {
      return { explained, before: actions.filter((a) => a.seq < candidate.seq).slice(0, 3) };
    }
  }
  return null;
}

interface Detail {
  arguments?: unknown;
  approvals?: unknown;
  reasons?: unknown;
  user?: unknown;
  erased?: unknown;
}

const strings = (value: unknown): string[] => (Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : []);

function Countdown({ until }: { until: string }) {
  const left = Date.parse(until) - useNow();
  return <span className={left < 300_000 ? 'soon' : ''}>{left > 0 ? `expires in ${span(left)}, which denies` : 'has expired, which denies'}</span>;
}

const STATES: Readonly<Record<string, string>> = {
  pending: 'waits for an answer',
  approved: 'approved; the agent has not used it yet',
  approved_edited: 'approved with other arguments; the agent has not used it yet',
  denied: 'denied',
  expired: 'expired, which denied it',
  claimed: 'approved, and the agent has begun',
  executed: 'approved and done',
  failed: 'approved, and it failed',
  unknown: 'approved; nobody knows how it ended',
  resolved: 'approved; a person found out how it ended',
  cancelled: 'withdrawn',
  superseded: 'void: the policy became stricter',
};

/** What the answer did, said as it is. */
function outcome(approval: Approval, asked: Asked): { good: boolean; text: string } {
  const state = STATES[approval.state] ?? approval.state;
  if (approval.already_decided) {
    return approval.state === 'pending'
      ? { good: false, text: 'You had answered before; that answer counts once.' }
      : { good: false, text: `It was decided before: ${state}. Your answer changed nothing.` };
  }
  if (approval.state === 'pending') {
    return { good: true, text: `You agreed: ${approval.agreed} of ${approval.quorum} so far. The agent goes on waiting.` };
  }
  return asked === 'approve'
    ? { good: true, text: 'You approved it. The agent may run exactly this action, once.' }
    : { good: true, text: 'You denied it. The agent is told so.' };
}

export interface ApprovalDetailProps {
  id: string;
  heading: RefObject<HTMLHeadingElement | null>;
  onDecided: () => void;
}

export function ApprovalDetail({ id, heading, onDecided }: ApprovalDetailProps) {
  const mayDecide = useMay('decide');
  const query = useQuery(`approval ${id}`, (signal) => api.get('/api/approvals/{id}/wait', { path: { id }, query: { hold: 0 }, signal }), 2_000);
  const approval = query.data;
  const context = useQuery(approval ? `approval context ${id}` : null, (signal) =>
    approval ? contextOf(approval, signal) : Promise.resolve(null),
  );
  const [asking, setAsking] = useState<Asked | null>(null);
  const [said, setSaid] = useState<{ good: boolean; text: string } | null>(null);
  const pending = approval?.state === 'pending';
  const can = mayDecide && pending && asking === null;
  // What the person sees here is what was asked: another action is approved where it is shown.
  const canApprove = can && approval !== undefined && !proposed(approval).edited;
  const seen = useRef<{ action_hash?: string }>({});
  const ask = (asked: Asked) => {
    if (!approval) return;
    seen.current = asked === 'approve' ? proposed(approval).seen : {};
    setAsking(asked);
  };

  useKeys({
    a: () => canApprove && ask('approve'),
    d: () => can && ask('deny'),
    o: () => approval && approval.run_id !== '' && go(to('runs', approval.run_id)),
  });

  if (!approval) return <Problem error={query.error} retry={query.refresh} />;

  const decide = async (asked: Asked, reason: string): Promise<string | null> => {
    try {
      const answered = await api.post('/api/approvals/{id}/decide', {
        path: { id },
        body: { decision: asked, ...(reason === '' ? {} : { reason }), ...seen.current },
      });
      setSaid(outcome(answered, asked));
    } catch (error) {
      // Nobody knows whether an answer without a reply arrived: the approval itself says so below.
      if (error instanceof ApiFailure && error.status !== 409 && error.status !== 404) return explain(error);
      setSaid({ good: false, text: `Your answer changed nothing: ${explain(error)}` });
    }
    setAsking(null);
    query.refresh();
    onDecided();
    heading.current?.focus();
    return null;
  };

  const detail = (approval.detail ?? {}) as Detail;
  const known = context.data;
  const decision = known ? told(known.explained.decision) : null;
  const rules = strings(detail.approvals);
  return (
    <article className="detail">
      <header className="detail-head">
        <Link href="/approvals" className="back">
          Back
        </Link>
        <h1 ref={heading} tabIndex={-1}>
          <Untrusted text={approval.agent_id} /> wants to {verb(approval.action_type)}{' '}
          <Untrusted text={approval.resource || approval.tool || approval.action_type} />
        </h1>
        <p className="state">
          <Risk risk={approval.risk} /> <strong data-state={approval.state}>{STATES[approval.state] ?? approval.state}</strong>
          {pending && (
            <>
              , <Countdown until={approval.expires_at} />
            </>
          )}
          {approval.quorum > 1 && `; ${approval.agreed} of ${approval.quorum} have agreed`}
        </p>
        <p className={`said ${said?.good ? 'said-good' : 'said-bad'}`} role="status" data-said>
          {said?.text ?? ''}
        </p>
      </header>
      <Panel title="What it would do">
        <Facts
          items={[
            ['action', approval.action_type],
            ['tool', <Untrusted text={approval.tool} />],
            ['resource', <Untrusted text={approval.resource} />],
            ['on behalf of', <Untrusted text={typeof detail.user === 'string' ? detail.user : ''} />],
            ['asked', <Time at={approval.requested_at} long />],
            ['asks', <Untrusted text={approval.group} />],
            [
              'run',
              approval.run_id === '' ? (
                <span className="none">none</span>
              ) : (
                <Link href={known ? `${to('runs', approval.run_id)}?frame=${known.explained.action.seq}` : to('runs', approval.run_id)}>
                  <Untrusted text={approval.run_id} oneLine />
                </Link>
              ),
            ],
          ]}
        />
        <h3>Arguments</h3>
        {detail.erased === true ? <p className="empty">Its content was erased.</p> : <UntrustedJson value={detail.arguments} />}
        <p className="quiet">Personal data and secrets are masked. What you approve is the action with this digest, once: <code>{approval.action_hash}</code></p>
        {proposed(approval).edited && (
          <p className="problem" role="alert">
            Somebody has edited it since: an approval would be of the action {proposed(approval).hash}, which is not shown here. It can be denied
            here, and seen and approved with `interlock approvals`.
          </p>
        )}
      </Panel>
      <Panel title="Why you are asked">
        <ul>
          {(strings(detail.reasons).length > 0 ? strings(detail.reasons) : [approval.reason]).map((r, i) => (
            <li key={i}>
              <Untrusted text={r} />
            </li>
          ))}
        </ul>
        {rules.length > 0 && (
          <p>
            An approval lifts{' '}
            {rules.map((r, i) => (
              <span key={i}>
                {i > 0 && ', '}
                <code>
                  <Untrusted text={r} oneLine />
                </code>
              </span>
            ))}{' '}
            for this one action; whatever blocks it still blocks it.
          </p>
        )}
        {decision && topTerms(decision.dimensions, 3).length > 0 && (
          <p>
            What weighs most:{' '}
            {topTerms(decision.dimensions, 3).map((t, i) => (
              <span key={t.code}>
                {i > 0 && ', '}
                <code>{t.code}</code> +{t.points}
              </span>
            ))}
          </p>
        )}
      </Panel>
      {context.loading && <p className="quiet">Looking for what the agent did before.</p>}
      {known && decision && (
        <>
          <Panel title="The three steps before">
            {known.before.length === 0 ? (
              <p className="empty">It is the first action{approval.run_id === '' ? ' of this agent' : ' of the run'}.</p>
            ) : (
              <ol className="steps" reversed>
                {known.before.map((a) => (
                  <li key={a.id}>
                    <Effect effect={a.effect} /> <Untrusted text={a.tool || a.action_type} oneLine /> <Untrusted text={a.resource} oneLine />{' '}
                    <span className="quiet">{a.outcome ?? ''}</span>
                  </li>
                ))}
              </ol>
            )}
          </Panel>
          {decision.findings.length > 0 && (
            <Panel title="What the detectors found">
              <FindingList findings={decision.findings} codes={known.explained.codes} empty="" />
            </Panel>
          )}
          <Reasons told={decision} codes={known.explained.codes} />
          <RiskDetail told={decision} />
          <FactDetail told={decision} />
        </>
      )}
      {context.data === null && !context.loading && (
        <p className="quiet">The decision that asked is not among the newest {LOOKED_AT} actions; the record has it.</p>
      )}
      <footer className="answer-bar">
        {!mayDecide ? (
          <NotYours what="decide" verb="answer" />
        ) : (
          <>
            <button type="button" className="primary" disabled={!canApprove} onClick={() => ask('approve')}>
              Approve <kbd>a</kbd>
            </button>
            <button type="button" className="danger" disabled={!can} onClick={() => ask('deny')}>
              Deny <kbd>d</kbd>
            </button>
          </>
        )}
      </footer>
      {asking && <Answer asked={asking} approval={approval} onAnswer={decide} onClose={() => setAsking(null)} />}
    </article>
  );
}
