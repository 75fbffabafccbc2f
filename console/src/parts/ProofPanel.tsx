// The proof of one entry, checked in this browser.

import { useEffect, useImperativeHandle, useRef, useState, type RefObject } from 'react';
import { api, explain } from '../api/client';
import { cannotVerify, verifyEntry, type Verdict } from '../proof/verify';
import { remember, trustedKey } from '../proof/trust';
import { NotYours, useMay } from '../who';
import { Panel } from './show';

const SIGNS = { ok: '\u2713', failed: '\u2717', unchecked: '?' } as const;
const WORDS = { ok: 'holds', failed: 'does not hold', unchecked: 'was not checked' } as const;
const STEPS = { leaf: 'The entry', inclusion: 'Its place in the log', signature: 'The signature of the checkpoint' } as const;

export function Steps({ verdict }: { verdict: Verdict }) {
  return (
    <ul className="proof-steps">
      {verdict.steps.map((s) => (
        <li key={s.name} data-outcome={s.outcome}>
          <span aria-hidden="true">{SIGNS[s.outcome]}</span>{' '}
          <span>
            <strong>
              {STEPS[s.name]} {WORDS[s.outcome]}
            </strong>
            : {s.text}
          </span>
        </li>
      ))}
    </ul>
  );
}

export function ProofPanel({ seq, verifyRef }: { seq: number; verifyRef?: RefObject<(() => void) | null> }) {
  const may = useMay('audit');
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [trust, setTrust] = useState('');
  const [problem, setProblem] = useState<string | null>(cannotVerify());
  const [busy, setBusy] = useState(false);
  const current = useRef(seq);
  current.current = seq;

  useEffect(() => {
    setVerdict(null);
    setTrust('');
    setProblem(cannotVerify());
  }, [seq]);

  const verify = async () => {
    if (!may || busy || cannotVerify() !== null) return;
    setBusy(true);
    setProblem(null);
    try {
      const [body, proof, checkpoint] = await Promise.all([
        api.storedBytes(seq),
        // The paths of the document are those of whole numbers.
        api.get('/api/audit/proof/{seq}', { path: { seq } }),
        api.get('/api/audit/checkpoint'),
      ]);
      const key = trustedKey(checkpoint.vkey);
      const found = await verifyEntry({ seq, body, leaf: proof.leaf, proof: proof.proof, vkey: key.vkey });
      if (current.current !== seq) return;
      if (found.outcome === 'ok' && found.checkpoint) await remember(found.checkpoint);
      setVerdict(found);
      setTrust(key.said);
    } catch (error) {
      if (current.current === seq) setProblem(explain(error));
    } finally {
      setBusy(false);
    }
  };
  useImperativeHandle(verifyRef, () => () => void verify());

  return (
    <Panel
      title="Proof"
      aside={
        may && (
          <button type="button" onClick={() => void verify()} disabled={busy || cannotVerify() !== null}>
            {busy ? 'Verifying' : 'Verify here'} <kbd>v</kbd>
          </button>
        )
      }
    >
      {!may && <NotYours what="audit" verb="read the record and its proofs" />}
      <div role="status" data-verdict={verdict?.outcome ?? 'none'}>
        {verdict ? (
          <>
            <p className={`verdict verdict-${verdict.outcome}`}>
              {verdict.outcome === 'ok'
                ? `Entry ${seq} stands in the record as it was written.`
                : verdict.outcome === 'failed'
                  ? `Entry ${seq} is not what the record commits to.`
                  : `Entry ${seq} stands in the log, whose signature could not be checked here.`}
            </p>
            <Steps verdict={verdict} />
            <p className="quiet">{trust}</p>
          </>
        ) : (
          <p className="quiet">{problem ?? `Entry ${seq} of the record; nothing was checked yet.`}</p>
        )}
      </div>
    </Panel>
  );
}
