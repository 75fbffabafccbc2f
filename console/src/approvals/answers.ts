// Answers, as they are sent, and what came of them in words.

import { api, ApiFailure, explain, JsonText, type Schema } from '../api/client';
import type { Said } from '../outbox';

type Approval = Schema['ApprovalBody'];
export type Verdict = 'approve' | 'deny' | 'edit';

/** From here on an approval is typed, not clicked, and is no part of a batch. */
export const SEVERE = 80;
export const REASON_MAX = 4_096;
/** Answers of one batch. */
export const BATCH_MAX = 100;

export const STATES: Readonly<Record<string, string>> = {
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

/** What an answer did, said as it is. */
export function outcome(approval: Approval, verdict: Verdict): Said {
  const state = STATES[approval.state] ?? approval.state;
  if (approval.already_decided) {
    return approval.state === 'pending'
      ? { good: false, text: 'You had answered before; that answer counts once.' }
      : { good: false, text: `It was decided before: ${state}. Your answer changed nothing.` };
  }
  if (approval.state === 'pending') {
    return {
      good: true,
      text: `You agreed${verdict === 'edit' ? ' to the edited action' : ''}: ${approval.agreed} of ${approval.quorum} so far. The agent goes on waiting.`,
    };
  }
  if (verdict === 'deny') return { good: true, text: 'You denied it. The agent is told so.' };
  return {
    good: true,
    text:
      verdict === 'edit'
        ? 'You approved the edited action. The agent may run exactly that, once.'
        : 'You approved it. The agent may run exactly this action, once.',
  };
}

/** An answer that got no reply may have arrived: the approval itself says so. */
function refused(error: unknown): Said {
  if (error instanceof ApiFailure && (error.status === 409 || error.status === 404)) {
    return { good: false, text: `Your answer changed nothing: ${explain(error)}` };
  }
  return { good: false, text: explain(error) };
}

/** Agrees to what was on the screen, or denies it. */
export async function decide(id: string, verdict: 'approve' | 'deny', reason: string, seen: string): Promise<Said> {
  try {
    const body = { decision: verdict, ...(reason === '' ? {} : { reason }), action_hash: seen };
    return outcome(await api.post('/api/approvals/{id}/decide', { path: { id }, body }), verdict);
  } catch (error) {
    return refused(error);
  }
}

export interface EditAnswer {
  /** A JSON patch, as text. */
  patch: string;
  resource: string | null;
  reason: string;
  /** The digest of what was on the screen before the edit. */
  seen: string;
  /** The digest of what the preview showed. */
  edited: string;
}

const fields = (parts: readonly (readonly [string, string | null])[]) =>
  new JsonText(`{${parts.flatMap(([name, json]) => (json === null ? [] : [`${JSON.stringify(name)}:${json}`])).join(',')}}`);

const resourceOf = (resource: string | null) => (resource === null ? null : JSON.stringify(resource));

export function preview(id: string, patch: string, resource: string | null, signal: AbortSignal): Promise<Schema['PreviewBody']> {
  const body = fields([['patch', patch], ['resource', resourceOf(resource)]]);
  return api.postText('/api/approvals/{id}/preview', { path: { id }, body, signal });
}

/** Agrees to the edited action that the preview showed, and to no other. */
export async function edit(id: string, answer: EditAnswer): Promise<Said> {
  try {
    const body = fields([
      ['decision', '"edit"'],
      ['patch', answer.patch],
      ['resource', resourceOf(answer.resource)],
      ['reason', answer.reason === '' ? null : JSON.stringify(answer.reason)],
      ['action_hash', JSON.stringify(answer.seen)],
      ['edited_hash', JSON.stringify(answer.edited)],
    ]);
    return outcome(await api.postText('/api/approvals/{id}/decide', { path: { id }, body }), 'edit');
  } catch (error) {
    return refused(error);
  }
}

/** The same answer to many, each as it was on the screen. */
export async function batch(verdict: 'approve' | 'deny', reason: string, approvals: readonly Approval[]): Promise<Said> {
  const items = approvals.map((a) => ({ id: a.id, action_hash: a.proposed_hash }));
  const about = new Map(approvals.map((a) => [a.id, `${a.tool || a.action_type} ${a.resource}`]));
  try {
    const results = await api.post('/api/approvals/batch', {
      body: { decision: verdict, ...(reason === '' ? {} : { reason }), items },
    });
    const each = results.map((r) => ({
      about: about.get(r.id) ?? r.id,
      good: !r.error && !r.already_decided,
      text: r.error ? `not answered: ${r.error.message}` : `${STATES[r.state ?? ''] ?? r.state}${r.already_decided ? ', decided before' : ''}`,
    }));
    const counts = results.filter((r) => !r.error && !r.already_decided).length;
    const word = verdict === 'approve' ? 'approved' : 'denied';
    return counts === results.length
      ? { good: true, text: `All ${counts} are answered: ${word}.`, each }
      : { good: false, text: `${counts} of ${results.length} are ${word}.`, each };
  } catch (error) {
    return refused(error);
  }
}

/** Ends the doubt about an action whose executor went away. */
export async function resolve(id: string, happened: boolean): Promise<Said> {
  try {
    const answered = await api.post('/api/approvals/{id}/resolve', { path: { id }, body: { happened } });
    return answered.already_decided
      ? { good: false, text: 'Somebody had found out before; that stands.' }
      : { good: true, text: happened ? 'Noted: it happened.' : 'Noted: it did not happen.' };
  } catch (error) {
    return refused(error);
  }
}
