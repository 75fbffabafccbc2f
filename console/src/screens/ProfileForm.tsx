// The profile of one agent, as it is changed. What a field holds is what will be enforced; an empty
// list of allowed things allows all.

import { useId, useState, type FormEvent } from 'react';
import { api, ApiFailure, explain, type Schema } from '../api/client';
import { Dialog } from '../parts/Dialog';

type Agent = Schema['AgentBody'];

const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

const joined = (globs: string[] | null | undefined) => (globs ?? []).join('\n');

/** A number of a field; null where the field is empty. */
function numberOf(text: string): number | null | undefined {
  if (text.trim() === '') return null;
  const n = Number(text);
  return Number.isFinite(n) ? n : undefined;
}

const same = (a: string[], b: string[]) => a.length === b.length && a.every((x, i) => x === b[i]);

export function ProfileForm({ agent, onClose, onSaved }: { agent: Agent; onClose: () => void; onSaved: () => void }) {
  const id = useId();
  const [types, setTypes] = useState(joined(agent.allowed_action_types));
  const [resources, setResources] = useState(joined(agent.allowed_resources));
  const [blocked, setBlocked] = useState(joined(agent.blocked_resources));
  const [rate, setRate] = useState(agent.max_actions_per_minute?.toString() ?? '');
  const [risk, setRisk] = useState(agent.max_risk_score === null || agent.max_risk_score === undefined ? '' : String(Math.round(agent.max_risk_score * 100)));
  const [day, setDay] = useState(agent.budget_usd?.day ?? '');
  const [month, setMonth] = useState(agent.budget_usd?.month ?? '');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const most = numberOf(rate);
    const highest = numberOf(risk);
    if (most === undefined || highest === undefined) {
      setProblem('Rate and risk are numbers.');
      return;
    }
    // Only what was changed is sent: what somebody else changed meanwhile stays.
    const body: Schema['ProfilePatch'] = {};
    const allowed = (text: string) => (lines(text).length === 0 ? null : lines(text));
    if (!same(lines(types), agent.allowed_action_types ?? [])) body.allowed_action_types = allowed(types);
    if (!same(lines(resources), agent.allowed_resources ?? [])) body.allowed_resources = allowed(resources);
    if (!same(lines(blocked), agent.blocked_resources)) body.blocked_resources = lines(blocked);
    if (most !== (agent.max_actions_per_minute ?? null)) body.max_actions_per_minute = most;
    if (risk.trim() !== (agent.max_risk_score === null || agent.max_risk_score === undefined ? '' : String(Math.round(agent.max_risk_score * 100)))) {
      body.max_risk_score = highest === null ? null : highest / 100;
    }
    if (day.trim() !== (agent.budget_usd?.day ?? '') || month.trim() !== (agent.budget_usd?.month ?? '')) {
      body.budget_usd = day.trim() === '' && month.trim() === '' ? null : { day: day.trim() || null, month: month.trim() || null };
    }
    if (Object.keys(body).length === 0) {
      onClose();
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      await api.patch('/api/agents/{id}/profile', { path: { id: agent.agent_id }, body });
      onSaved();
    } catch (error) {
      setProblem(error instanceof ApiFailure && error.field ? `${error.field}: ${error.message}` : explain(error));
      setBusy(false);
    }
  };

  const area = (name: string, label: string, value: string, set: (v: string) => void) => (
    <>
      <label htmlFor={`${id}-${name}`}>{label}</label>
      <textarea id={`${id}-${name}`} rows={3} spellCheck={false} value={value} onChange={(e) => set(e.target.value)} />
    </>
  );
  const field = (name: string, label: string, value: string, set: (v: string) => void) => (
    <span className="field">
      <label htmlFor={`${id}-${name}`}>{label}</label>
      <input id={`${id}-${name}`} inputMode="decimal" autoComplete="off" value={value} onChange={(e) => set(e.target.value)} />
    </span>
  );
  return (
    <Dialog title="Profile" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <p className="hint">One pattern a line; `*` stands for anything. Nothing in the first two allows all.</p>
        {area('types', 'Allowed action types', types, setTypes)}
        {area('resources', 'Allowed resources', resources, setResources)}
        {area('blocked', 'Blocked resources', blocked, setBlocked)}
        <div className="fields">
          {field('rate', 'Actions a minute', rate, setRate)}
          {field('risk', 'Highest risk of 100', risk, setRisk)}
          {field('day', 'USD a day', day, setDay)}
          {field('month', 'USD a month', month, setMonth)}
        </div>
        <p className="said said-bad" role="alert">
          {problem ?? ''}
        </p>
        <p className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={busy}>
            {busy ? 'Saving' : 'Put in force'}
          </button>
        </p>
      </form>
    </Dialog>
  );
}
