// One approval with its context, and the answers to it.

import { useRef, useState, type ReactNode, type RefObject } from 'react';
import { told, topTerms, verb, type Explained } from '../actions';
import { api, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import { decide, edit, resolve, SEVERE, STATES, type EditAnswer } from '../approvals/answers';
import { asked as askedOf } from '../approvals/asked';
import { Changes, differences } from '../approvals/Changes';
import { EditDialog } from '../approvals/EditDialog';
import { notCounted, People } from '../approvals/People';
import { Proposal, standing } from '../approvals/Proposal';
import { SessionDialog } from '../approvals/SessionDialog';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { outbox } from '../outbox';
import { FactDetail, FindingList, Reasons, RiskDetail } from '../parts/Explanation';
import { useOutgoing } from '../parts/Outbox';
import { Effect, Facts, Panel, Problem, Risk, span, Time, useNow } from '../parts/show';
import { go, Link, to } from '../router';
import { NotYours, useMay, useWho } from '../who';
import { Answer, type Asked } from './Answer';

type Review = Schema['ReviewBody'];
type Approval = Schema['ApprovalBody'];

/** Done ones of the agent among which the last like this one is looked for: more are not worth the bytes. */
const LOOKED_AT = 200;

/** Milliseconds before its end from which a question is urgent. */
const SOON_MS = 300_000;

function Countdown({ until }: { until: string }) {
  const left = Date.parse(until) - useNow();
  return <span className={left < SOON_MS ? 'soon' : ''}>{left > 0 ? `expires in ${span(left)}, which denies` : 'has expired, which denies'}</span>;
}

/** The newest that was approved and done with the same tool of the same agent. */
async function lastLike(review: Review, signal: AbortSignal): Promise<Approval | null> {
  const done = await api.get('/api/approvals', { query: { state: 'executed', agent_id: review.agent_id, limit: LOOKED_AT }, signal });
  // The oldest come first: of more than these the last one is not among them.
  if (done.length === LOOKED_AT) return null;
  return (
    [...done].reverse().find((a) => a.id !== review.id && a.tool === review.tool && a.action_type === review.action_type && a.requested_at < review.requested_at) ?? null
  );
}

function LastLike({ review }: { review: Review }) {
  const last = useQuery(`approval like ${review.id}`, (signal) => lastLike(review, signal));
  if (!last.data) return null;
  const found = differences(askedOf(last.data.detail).arguments, standing(review));
  return (
    <Panel title="Since the last one that was approved" aside={<Link href={to('approvals', last.data.id)}>show it</Link>}>
      <p className="quiet">
        <Untrusted text={last.data.tool || last.data.action_type} oneLine /> <Untrusted text={last.data.resource} oneLine />,{' '}
        <Time at={last.data.requested_at} />
      </p>
      {found === null ? (
        <p className="empty">The two cannot be compared: one is too long, or too much of it is masked.</p>
      ) : found.length === 0 ? (
        <p>The arguments are the same.</p>
      ) : (
        <Changes found={found} />
      )}
    </Panel>
  );
}

function Before({ review }: { review: Review }) {
  return (
    <Panel title="The three steps before">
      {review.behind > 0 && <p className="quiet">Newer steps are still being added since the server was started.</p>}
      {review.before.length === 0 && !(review.behind > 0) && <p className="empty">It is the first action{review.run_id === '' ? ' of this session' : ' of the run'}.</p>}
      {review.before.length > 0 && (
        <ol className="steps" reversed>
          {review.before.map((a) => (
            <li key={a.id}>
              <Effect effect={a.effect} /> <Untrusted text={a.tool || a.action_type} oneLine /> <Untrusted text={a.resource} oneLine />{' '}
              <span className="quiet">{a.outcome ?? ''}</span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

/** Why there can be no session approval from this one, or null. */
function noSession(review: Review): string | null {
  if (review.quorum > 1) return 'several people must agree';
  if (review.risk >= SEVERE) return 'its risk is too high';
  if (askedOf(review.detail).reach.some(([name, value]) => name === 'resource tier' && value === 'critical')) return 'the resource is critical';
  return null;
}

function Why({ review, explained }: { review: Review; explained: Explained | undefined }) {
  const about = askedOf(review.detail);
  const reasons = about.reasons.length > 0 ? about.reasons : [review.reason];
  const terms =
    about.terms.length > 0
      ? about.terms.slice(0, 3)
      : explained
        ? topTerms(told(explained.decision).dimensions, 3).map((t) => ({ code: t.code, text: '', points: t.points }))
        : [];
  return (
    <Panel title="Why you are asked">
      <ul>
        {reasons.map((r, i) => (
          <li key={i}>
            <Untrusted text={r} />
          </li>
        ))}
      </ul>
      {terms.length > 0 && (
        <>
          <h3>What weighs most</h3>
          <ul className="plain terms">
            {terms.map((t) => (
              <li key={t.code}>
                <span className="points">+{t.points}</span> <Untrusted text={t.text === '' ? t.code : t.text} /> <code>{t.code}</code>
              </li>
            ))}
          </ul>
        </>
      )}
      <p>
        <strong>If you approve:</strong> <Untrusted text={review.allows} />.
        {about.asks.length > 0 && (
          <>
            {' '}
            It lifts{' '}
            {about.asks.map((r, i) => (
              <span key={i}>
                {i > 0 && ', '}
                <code>
                  <Untrusted text={r} oneLine />
                </code>
              </span>
            ))}{' '}
            for this one action; whatever blocks it still blocks it.
          </>
        )}
      </p>
    </Panel>
  );
}

function What({ review, seq }: { review: Review; seq: number | null | undefined }) {
  const about = askedOf(review.detail);
  return (
    <Panel title="What it would do">
      {about.blast.length > 0 && (
        <p className="chips">
          {about.blast.map((word) => (
            <span key={word} className={`chip ${/cannot|deletes|many|leaves|runs code/.test(word) ? 'chip-wait' : ''}`}>
              {word}
            </span>
          ))}
        </p>
      )}
      <Facts
        items={[
          ['action', review.action_type],
          ['tool', <Untrusted text={review.tool} />],
          ['resource', <Untrusted text={review.resource} />],
          ...about.reach.map(([name, value]): [string, ReactNode] => [name, <Untrusted text={value} />]),
          ...(about.costUsd === null ? [] : ([['costs about', `${about.costUsd} USD`]] as [string, ReactNode][])),
          ['on behalf of', <Untrusted text={about.user} />],
          ['asked', <Time at={review.requested_at} long />],
          [
            'run',
            review.run_id === '' ? (
              <span className="none">none</span>
            ) : (
              <Link href={seq ? `${to('runs', review.run_id)}?frame=${seq}` : to('runs', review.run_id)}>
                <Untrusted text={review.run_id} oneLine />
              </Link>
            ),
          ],
        ]}
      />
      <Proposal review={review} />
      <p className="quiet">
        Personal data and secrets are masked. What you approve is the action with the digest <code title={review.proposed_hash}>{review.proposed_hash.slice(0, 16)}</code>, once.
      </p>
    </Panel>
  );
}

export interface ApprovalDetailProps {
  id: string;
  heading: RefObject<HTMLHeadingElement | null>;
  onDecided: () => void;
}

export function ApprovalDetail({ id, heading, onDecided }: ApprovalDetailProps) {
  const mayDecide = useMay('decide');
  const me = useWho().subject;
  const query = useQuery(`approval ${id}`, (signal) => api.get('/api/approvals/{id}', { path: { id }, signal }), 2_000);
  const review = query.data;
  const seq = review?.seq;
  // The decision that asks has the approval's id.
  const context = useQuery(seq === null || seq === undefined ? null : `approval context ${id}`, (signal) => api.get('/api/actions/{id}', { path: { id }, signal }));
  const [asking, setAsking] = useState<Asked | 'edit' | 'session' | null>(null);
  // What was on the screen when a question was put: its digest goes with the answer.
  const seen = useRef('');
  const outgoing = useOutgoing(id);
  const onItsWay = outgoing !== undefined && outgoing.state !== 'said';
  const pending = review?.state === 'pending';
  const can = mayDecide && pending && asking === null && !onItsWay;
  const mine = review ? notCounted(review, me) : null;
  // What the person sees is what is agreed to: what cannot be shown is not.
  const shown = review !== undefined && (review.proposed_hash === review.action_hash || (review.edit !== null && review.edit !== undefined));
  const canApprove = can && shown && mine === null;
  // Whoever agreed before agreed to what was asked.
  const canEdit = canApprove && review !== undefined && review.agreed === 0 && !askedOf(review.detail).erased;
  const canSession = canApprove && review !== undefined && noSession(review) === null && review.proposed_hash === review.action_hash;
  const ask = (what: Asked | 'edit' | 'session') => {
    if (!review) return;
    seen.current = review.proposed_hash;
    setAsking(what);
  };
  const close = () => setAsking(null);
  const after = <T,>(work: Promise<T>) =>
    work.finally(() => {
      query.refresh();
      onDecided();
    });
  const name = review ? `${review.agent_id}, ${review.tool || review.action_type}` : '';

  useKeys({
    a: () => canApprove && ask('approve'),
    d: () => can && ask('deny'),
    r: () => can && ask('deny'),
    e: () => canEdit && ask('edit'),
    s: () => canSession && ask('session'),
    o: () => {
      if (review && review.run_id !== '') go(seq ? `${to('runs', review.run_id)}?frame=${seq}` : to('runs', review.run_id));
    },
  });

  if (!review) {
    return (
      <div className="detail">
        <Problem error={query.error} retry={query.refresh} />
        {query.loading && <p className="quiet">loading</p>}
      </div>
    );
  }

  const answer = (asked: Asked, reason: string) => {
    const hash = seen.current;
    outbox.put(`${asked === 'approve' ? 'Approve' : 'Deny'} ${name}`, [id], () => after(decide(id, asked, reason, hash)));
    close();
    heading.current?.focus();
  };
  const answerEdited = (edited: EditAnswer) => {
    outbox.put(`Approve ${name}, edited`, [id], () => after(edit(id, edited)));
    close();
    heading.current?.focus();
  };
  const madeSession = (_: Schema['SessionApprovalBody'], alsoThis: boolean) => {
    const hash = seen.current;
    if (alsoThis) outbox.put(`Approve ${name}`, [id], () => after(decide(id, 'approve', 'with a session approval', hash)));
    close();
    heading.current?.focus();
  };

  const about = askedOf(review.detail);
  const known = context.data;
  const decision = known ? told(known.decision) : null;
  const said = outgoing?.said ?? null;
  return (
    <article className="detail">
      <header className="detail-head">
        <Link href="/approvals" className="back">
          Back
        </Link>
        <h1 ref={heading} tabIndex={-1}>
          <Untrusted text={review.agent_id} /> wants to {verb(review.action_type)} <Untrusted text={review.resource || review.tool || review.action_type} />
        </h1>
        <p className="state">
          <Risk risk={review.risk} /> <strong data-state={review.state}>{STATES[review.state] ?? review.state}</strong>
          {pending && (
            <>
              , <Countdown until={review.expires_at} />
            </>
          )}
          {review.quorum > 1 && `; ${review.agreed} of ${review.quorum} have agreed`}
        </p>
        <p className={`said ${said?.good ? 'said-good' : 'said-bad'}`} data-said>
          {said?.text ?? ''}
        </p>
      </header>
      <What review={review} seq={seq} />
      <Why review={review} explained={known} />
      <People review={review} />
      {about.context.length > 0 && (
        <Panel title="What it was about">
          {about.context.map(([title, value]) => (
            <div key={title}>
              <h3>{title}</h3>
              <Untrusted text={value} block />
            </div>
          ))}
        </Panel>
      )}
      <Before review={review} />
      {pending && <LastLike key={`${id} ${review.proposed_hash}`} review={review} />}
      {context.loading && seq !== null && <p className="quiet">Loading the decision that asked.</p>}
      {known && decision && (
        <>
          {decision.findings.length > 0 && (
            <Panel title="What the detectors found">
              <FindingList findings={decision.findings} codes={known.codes} empty="" />
            </Panel>
          )}
          <Reasons told={decision} codes={known.codes} />
          <RiskDetail told={decision} />
          <FactDetail told={decision} />
        </>
      )}
      <footer className="answer-bar">
        {!mayDecide ? (
          <NotYours what="decide" verb="answer" />
        ) : review.state === 'unknown' ? (
          <>
            <span>Did it happen?</span>
            <button type="button" className="primary" onClick={() => outbox.put(`${name}: it happened`, [id], () => after(resolve(id, true)))}>
              It happened
            </button>
            <button type="button" onClick={() => outbox.put(`${name}: it did not happen`, [id], () => after(resolve(id, false)))}>
              It did not
            </button>
          </>
        ) : (
          <>
            <button type="button" className="primary" disabled={!canApprove} onClick={() => ask('approve')}>
              Approve <kbd>a</kbd>
            </button>
            <button type="button" className="danger" disabled={!can} onClick={() => ask('deny')}>
              Deny <kbd>d</kbd>
            </button>
            <button type="button" disabled={!canEdit} onClick={() => ask('edit')}>
              Edit <kbd>e</kbd>
            </button>
            <button type="button" disabled={!canSession} title={noSession(review) ?? ''} onClick={() => ask('session')}>
              For a while <kbd>s</kbd>
            </button>
          </>
        )}
      </footer>
      {(asking === 'approve' || asking === 'deny') && <Answer asked={asking} approval={review} onAnswer={answer} onClose={close} />}
      {asking === 'edit' && <EditDialog approval={review} before={standing(review) ?? ''} onAnswer={answerEdited} onClose={close} />}
      {asking === 'session' && <SessionDialog approval={review} before={about.arguments} onMade={madeSession} onClose={close} />}
    </article>
  );
}
