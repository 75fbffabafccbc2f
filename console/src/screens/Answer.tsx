// The last question before an answer is on its way.

import { useId, useState, type FormEvent } from 'react';
import type { Schema } from '../api/client';
import { REASON_MAX, SEVERE } from '../approvals/answers';
import { Changes, differences } from '../approvals/Changes';
import { asked as askedOf } from '../approvals/asked';
import { Untrusted } from '../hostile/Untrusted';
import { Dialog } from '../parts/Dialog';

export type Asked = 'approve' | 'deny';

export interface AnswerProps {
  asked: Asked;
  approval: Schema['ReviewBody'];
  onAnswer: (asked: Asked, reason: string) => void;
  onClose: () => void;
}

export function Answer({ asked, approval, onAnswer, onClose }: AnswerProps) {
  const id = useId();
  // What was on the screen when the question was put, whatever comes meanwhile.
  const [shown] = useState(approval);
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const severe = asked === 'approve' && shown.risk >= SEVERE;
  const ready = asked === 'approve' ? !severe || typed === 'approve' : reason.trim() !== '';
  const edit = asked === 'approve' ? shown.edit : null;
  const found = edit ? differences(askedOf(shown.detail).arguments, edit.arguments) : null;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready) onAnswer(asked, reason.trim());
  };

  return (
    <Dialog title={asked === 'approve' ? 'Approve?' : 'Deny?'} onClose={onClose} wide={found !== null && found.length > 0}>
      <form onSubmit={submit} data-answer={asked}>
        <p>
          <Untrusted text={shown.agent_id} oneLine />: <Untrusted text={shown.tool || shown.action_type} oneLine />{' '}
          <Untrusted text={edit?.resource ?? shown.resource} oneLine />
        </p>
        {edit && (
          <>
            <p>
              As <Untrusted text={edit.editor} oneLine /> edited it:
            </p>
            {found !== null && <Changes found={found} />}
          </>
        )}
        {severe && (
          <>
            <label htmlFor={`${id}-typed`}>Risk {shown.risk} of 100. Type approve to go on.</label>
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
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit(event);
          }}
        />
        <p className="hint">It goes into the record, with your name. You have five seconds to take it back.</p>
        <p className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className={asked === 'approve' ? 'primary' : 'danger'} disabled={!ready} {...(asked === 'approve' && !severe ? { 'data-first': true } : {})}>
            {asked === 'approve' ? 'Approve' : 'Deny'}
          </button>
        </p>
      </form>
    </Dialog>
  );
}
