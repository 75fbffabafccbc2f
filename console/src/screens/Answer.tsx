// The last question before an answer is sent.

import { useId, useState, type FormEvent } from 'react';
import type { Schema } from '../api/client';
import { Untrusted } from '../hostile/Untrusted';
import { Dialog } from '../parts/Dialog';

export type Asked = 'approve' | 'deny';

/** From here on an approval is typed, not clicked. */
const SEVERE = 80;
const REASON_MAX = 4_096;

export interface AnswerProps {
  asked: Asked;
  approval: Schema['ApprovalBody'];
  /** Sends it; answers what went wrong, or null. */
  onAnswer: (asked: Asked, reason: string) => Promise<string | null>;
  onClose: () => void;
}

export function Answer({ asked, approval, onAnswer, onClose }: AnswerProps) {
  const id = useId();
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const severe = asked === 'approve' && approval.risk >= SEVERE;
  const ready = !busy && (asked === 'approve' ? !severe || typed === 'approve' : reason.trim() !== '');

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    setProblem(null);
    const wrong = await onAnswer(asked, reason.trim());
    if (wrong !== null) {
      setProblem(wrong);
      setBusy(false);
    }
  };

  return (
    <Dialog title={asked === 'approve' ? 'Approve?' : 'Deny?'} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} data-answer={asked}>
        <p>
          <Untrusted text={approval.agent_id} oneLine />: <Untrusted text={approval.tool || approval.action_type} oneLine />{' '}
          <Untrusted text={approval.resource} oneLine />
        </p>
        {severe && (
          <>
            <label htmlFor={`${id}-typed`}>Risk {approval.risk} of 100. Type approve to go on.</label>
            <input id={`${id}-typed`} data-first autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />
          </>
        )}
        <label htmlFor={`${id}-reason`}>{asked === 'approve' ? 'Reason, if you want to give one' : 'Reason'}</label>
        <textarea
          id={`${id}-reason`}
          rows={3}
          maxLength={REASON_MAX}
            {...(asked === 'deny' ? { 'data-first': true } : {})}
          required={asked === 'deny'}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void submit(event);
          }}
        />
        <p className="hint">It goes into the record, with your name.</p>
        <p className="said said-bad" role="alert">
          {problem ?? ''}
        </p>
        <p className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className={asked === 'approve' ? 'primary' : 'danger'} disabled={!ready} {...(asked === 'approve' && !severe ? { 'data-first': true } : {})}>
            {busy ? 'Sending' : asked === 'approve' ? 'Approve' : 'Deny'}
          </button>
        </p>
      </form>
    </Dialog>
  );
}
