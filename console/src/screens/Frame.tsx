// One action of a run: what it wanted, what was decided and why, how it ended, and its proof.

import { useEffect, useState, type RefObject } from 'react';
import { ended, told, verb, type Action } from '../actions';
import { api, explain, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import { Untrusted, UntrustedJson } from '../hostile/Untrusted';
import { FactDetail, FindingList, Reasons, RiskDetail } from '../parts/Explanation';
import { Grant } from '../parts/Grant';
import { FrameRule } from '../parts/FrameRule';
import { ProofPanel } from '../parts/ProofPanel';
import { Effect, Facts, Panel, Problem, Risk, Time } from '../parts/show';
import { Link, to } from '../router';
import { useMay } from '../who';

/** Whoever holds an arrow key down steps past frames that nobody reads. */
const REST_MS = 80;

function useRested<T>(value: T): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), REST_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return rested;
}

function Content({ seq }: { seq: number }) {
  const may = useMay('audit');
  const [content, setContent] = useState<Schema['ContentBody'] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    setContent(null);
    setProblem(null);
  }, [seq]);
  if (!may) return null;
  const load = async () => {
    try {
      setContent(await api.get('/api/audit/content/{seq}', { path: { seq } }));
    } catch (error) {
      setProblem(explain(error));
    }
  };
  return (
    <div className="content">
      {content === null ? (
        <p>
          <button type="button" onClick={() => void load()}>
            Show unmasked content
          </button>{' '}
          <span className="quiet">That you looked goes into the record.</span>
        </p>
      ) : (
        content.fields.map((field) => (
          <div key={field.name}>
            <h3>{field.name}</h3>
            {field.text === null || field.text === undefined ? <p className="empty">Only a commitment to it was kept.</p> : <UntrustedJson value={field.text} />}
          </div>
        ))
      )}
      <p className="said said-bad" role="alert">
        {problem ?? ''}
      </p>
    </div>
  );
}

function sentence(action: Action): string {
  switch (action.effect) {
    case 'block':
      return 'and was stopped';
    case 'require_approval':
      return 'and had to wait for a person';
    case 'sandbox':
      return 'and was let do so in a sandbox';
    case 'redact':
      return 'and was let do so without the personal data';
    default:
      return action.outcome === 'failed' ? 'was let do so, and it failed' : 'and was let do so';
  }
}

export function Frame({ action, verifyRef }: { action: Action; verifyRef?: RefObject<(() => void) | null> }) {
  const id = useRested(action.id);
  const query = useQuery(`action ${id} ${action.outcome ?? ''}`, (signal) => api.get('/api/actions/{id}', { path: { id }, signal }));
  const explained = query.data && query.data.action.id === action.id ? query.data : null;
  const decision = explained ? told(explained.decision) : null;
  const result = explained ? ended(explained.outcome) : null;
  return (
    <article className="detail" data-frame={action.seq} data-ready={explained !== null}>
      <header className="detail-head">
        <h2 className="h1">
          <Untrusted text={action.agent_id} oneLine /> wanted to {verb(action.action_type)}{' '}
          <Untrusted text={action.resource || action.tool || action.action_type} />, {sentence(action)}
        </h2>
        <p className="state">
          <Risk risk={action.risk} /> <Effect effect={action.effect} /> <Time at={action.timestamp} long />
          {action.rolled_back && <strong> undone since</strong>}
        </p>
      </header>
      <FrameRule id={action.id} />
      <Panel title="Action">
        <Facts
          items={[
            ['type', action.action_type],
            ['tool', <Untrusted text={action.tool} />],
            ['resource', <Untrusted text={action.resource} />],
            ['session', <Untrusted text={action.session_id} />],
            ['step', action.step ?? <span className="none">none</span>],
            ['asked by', <Untrusted text={action.source} />],
          ]}
        />
        <h3>Arguments, masked</h3>
        {action.erased ? <p className="empty">Its content was erased.</p> : <UntrustedJson value={action.payload} />}
        <Content seq={action.seq} />
      </Panel>
      {query.error !== null && <Problem error={query.error} retry={query.refresh} />}
      {decision && explained && (
        <>
          <Reasons told={decision} codes={explained.codes} />
          {decision.approval && <Grant approval={decision.approval} />}
          <Panel title="Result">
            {result ? (
              <>
                <Facts
                  items={[
                    ['status', result.status],
                    ['took', result.latencyMs === null ? <span className="none">not said</span> : `${result.latencyMs.toLocaleString('en')} ms`],
                    ['cost', result.costUsd === null ? <span className="none">none said</span> : `${result.costUsd} USD`],
                    ['rows', result.rows ?? <span className="none">not said</span>],
                    ['bytes', result.bytes ?? <span className="none">not said</span>],
                  ]}
                />
                <FindingList findings={result.findings} codes={explained.codes} empty="The detectors found nothing in it." />
                {explained.outcome_seq !== null && explained.outcome_seq !== undefined && <Content seq={explained.outcome_seq} />}
              </>
            ) : (
              <p className="empty">
                {action.outcome
                  ? `It ended: ${action.outcome}. The entry that says so stands further on in the record.`
                  : action.effect === 'block' || action.effect === 'require_approval'
                    ? 'It did not run.'
                    : 'Nobody has reported how it ended.'}
              </p>
            )}
          </Panel>
          <Panel title="Findings">
            <FindingList findings={decision.findings} codes={explained.codes} empty="The detectors found nothing." />
          </Panel>
          <RiskDetail told={decision} />
          <FactDetail told={decision} />
          <Panel title="Provenance">
            <Facts
              items={[
                ['enforcement point', decision.assurance ?? ''],
                ['policies', <code>{decision.program ?? ''}</code>],
                ['digest of the action', <code>{decision.actionHash ?? ''}</code>],
                ['entry', <Link href={to('audit', action.seq)}>{action.seq}</Link>],
              ]}
            />
          </Panel>
        </>
      )}
      <ProofPanel seq={action.seq} {...(verifyRef ? { verifyRef } : {})} />
    </article>
  );
}
