// One answer to many: each is listed as it is, and each has its own result.

import { useId, useState, type FormEvent } from 'react';
import type { Schema } from '../api/client';
import { Untrusted } from '../hostile/Untrusted';
import { Dialog } from '../parts/Dialog';
import { Risk } from '../parts/show';
import { BATCH_MAX, REASON_MAX, SEVERE } from './answers';
import { asked } from './asked';

type Approval = Schema['ApprovalBody'];

/** Why one is no part of a batch, or null. */
export function single(approval: Approval, verdict: 'approve' | 'deny'): string | null {
  if (approval.state !== 'pending') return 'is decided';
  if (verdict === 'deny') return null;
  if (approval.risk >= SEVERE) return `has a risk of ${approval.risk}: answer it by itself`;
  if (approval.proposed_hash !== approval.action_hash) return 'was edited: look at it by itself';
  return null;
}

export interface BatchDialogProps {
  verdict: 'approve' | 'deny';
  chosen: readonly Approval[];
  onAnswer: (items: readonly Approval[], reason: string) => void;
  onClose: () => void;
}

export function BatchDialog({ verdict, chosen, onAnswer, onClose }: BatchDialogProps) {
  const id = useId();
  // What is on the screen now is what is answered, whatever comes meanwhile.
  const [listed] = useState(() => chosen.map((approval) => ({ approval, why: single(approval, verdict) })));
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const taken = listed.filter((l) => l.why === null).slice(0, BATCH_MAX);
  const left = listed.length - taken.length;
  const kinds = new Set(taken.map(({ approval: a }) => `${a.agent_id}\n${a.tool}\n${a.action_type}`));
  // Different things at once are counted by the person too.
  const mixed = verdict === 'approve' && kinds.size > 1;
  const ready = taken.length > 0 && (verdict === 'deny' ? reason.trim() !== '' : !mixed || typed === String(taken.length));
  const word = verdict === 'approve' ? 'Approve' : 'Deny';

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready) onAnswer(taken.map((t) => t.approval), reason.trim());
  };
  return (
    <Dialog title={`${word} ${taken.length}?`} onClose={onClose} wide>
      <form onSubmit={submit} data-answer={`batch-${verdict}`}>
        <div className="scroll-x batch" tabIndex={0} role="region" aria-label="What is answered">
          <table>
            <thead>
              <tr>
                <th scope="col">risk</th>
                <th scope="col">agent</th>
                <th scope="col">what</th>
                <th scope="col">arguments, masked</th>
              </tr>
            </thead>
            <tbody>
              {listed.map(({ approval: a, why }) => (
                <tr key={a.id} data-batch={why === null ? 'taken' : 'left'}>
                  <td>
                    <Risk risk={a.risk} />
                  </td>
                  <td>
                    <Untrusted text={a.agent_id} oneLine />
                  </td>
                  <td>
                    <Untrusted text={a.tool || a.action_type} oneLine /> <Untrusted text={a.resource} oneLine />
                    {why !== null && <span className="odd">left out: {why}</span>}
                  </td>
                  <td>
                    <Untrusted text={asked(a.detail).arguments} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {left > 0 && <p className="quiet">{left} of {listed.length} are left out.{listed.length > BATCH_MAX ? ` At most ${BATCH_MAX} at once.` : ''}</p>}
        {mixed && (
          <>
            <label htmlFor={`${id}-typed`}>
              These are {kinds.size} different kinds of action. Type {taken.length}, how many you approve, to go on.
            </label>
            <input id={`${id}-typed`} data-first inputMode="numeric" autoComplete="off" value={typed} onChange={(e) => setTyped(e.target.value.trim())} />
          </>
        )}
        <label htmlFor={`${id}-reason`}>{verdict === 'approve' ? 'Reason, if you want to give one' : 'Reason'}</label>
        <textarea
          id={`${id}-reason`}
          rows={2}
          maxLength={REASON_MAX}
          value={reason}
          required={verdict === 'deny'}
          {...(verdict === 'deny' ? { 'data-first': true } : {})}
          onChange={(e) => setReason(e.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit(event);
          }}
        />
        <p className="hint">It goes into the record with each, with your name.</p>
        <p className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className={verdict === 'approve' ? 'primary' : 'danger'} disabled={!ready} {...(verdict === 'approve' && !mixed ? { 'data-first': true } : {})}>
            {word} {taken.length}
          </button>
        </p>
      </form>
    </Dialog>
  );
}
