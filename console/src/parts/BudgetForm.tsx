// The terms of one budget. What was used in the period stays used, whatever the terms become.

import { useId, useState, type FormEvent } from 'react';
import { api, ApiFailure, explain, type Schema } from '../api/client';
import type { Budget } from '../budgets';
import { Dialog } from './Dialog';

const words = (text: string): string[] =>
  text
    .split(/[\s,]+/)
    .map((word) => word.trim())
    .filter((word) => word !== '');

export interface BudgetFields {
  scope: string;
  of: string;
  period: string;
  usd: string;
  calls: string;
  thresholds: string;
  throttle: string;
  notify: string;
}

/** What a form says, as the server takes it; a text says what is wrong with it. */
export function terms(fields: BudgetFields): Schema['BudgetTerms'] | string {
  const whole = (text: string) => (/^\d{1,13}$/.test(text.trim()) ? Number(text.trim()) : null);
  const thresholds = words(fields.thresholds.replaceAll('%', ' ')).map(whole);
  if (thresholds.includes(null)) return 'Thresholds are whole percentages, such as 50, 80, 100.';
  const calls = fields.calls.trim() === '' ? null : whole(fields.calls);
  if (fields.calls.trim() !== '' && calls === null) return 'Calls are a whole number.';
  const throttle = fields.throttle.trim() === '' ? null : whole(fields.throttle);
  if (fields.throttle.trim() !== '' && throttle === null) return 'Calls a minute are a whole number.';
  if (fields.usd.trim() === '' && calls === null) return 'A budget limits money, calls, or both.';
  return {
    scope: fields.scope,
    period: fields.period,
    at_limit: throttle === null ? 'block' : 'throttle',
    thresholds: thresholds.filter((t) => t !== null),
    notify: words(fields.notify),
    ...(fields.scope === 'tenant' ? {} : { of: fields.of.trim() || '*' }),
    ...(fields.usd.trim() === '' ? {} : { limit_usd: fields.usd.trim() }),
    ...(calls === null ? {} : { limit_calls: calls }),
    ...(throttle === null ? {} : { calls_per_minute: throttle }),
  };
}

export function BudgetForm({ budget, onClose, onSaved }: { budget: Budget | null; onClose: () => void; onSaved: (id: string) => void }) {
  const id = useId();
  const [name, setName] = useState(budget?.id ?? '');
  const [fields, setFields] = useState<BudgetFields>({
    scope: budget?.scope ?? 'tenant',
    of: budget?.of ?? '*',
    period: budget?.period ?? 'day',
    usd: budget?.limit_usd ?? '',
    calls: budget?.limit_calls?.toString() ?? '',
    thresholds: (budget?.thresholds ?? [50, 80, 100]).join(', '),
    throttle: budget?.calls_per_minute?.toString() ?? '',
    notify: (budget?.notify ?? []).join(', '),
  });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const body = terms(fields);
    if (typeof body === 'string') {
      setProblem(body);
      return;
    }
    setBusy(true);
    setProblem('');
    try {
      await api.put('/api/budgets/{id}', { path: { id: name.trim() }, body });
      onSaved(name.trim());
    } catch (error) {
      setProblem(error instanceof ApiFailure && error.field ? `${error.field}: ${error.message}` : explain(error));
      setBusy(false);
    }
  };

  const set = (key: keyof BudgetFields) => (event: { target: { value: string } }) => setFields({ ...fields, [key]: event.target.value });
  const field = (key: keyof BudgetFields, label: string, mode: 'decimal' | 'text' = 'text') => (
    <span className="field">
      <label htmlFor={`${id}-${key}`}>{label}</label>
      <input id={`${id}-${key}`} inputMode={mode} autoComplete="off" value={fields[key]} onChange={set(key)} />
    </span>
  );
  const choice = (key: keyof BudgetFields, label: string, options: readonly (readonly [string, string])[]) => (
    <span className="field">
      <label htmlFor={`${id}-${key}`}>{label}</label>
      <select id={`${id}-${key}`} value={fields[key]} onChange={set(key)}>
        {options.map(([value, shown]) => (
          <option key={value} value={value}>
            {shown}
          </option>
        ))}
      </select>
    </span>
  );
  return (
    <Dialog title={budget === null ? 'New budget' : 'Budget'} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <label htmlFor={`${id}-name`}>Name</label>
        <input id={`${id}-name`} data-first required maxLength={64} autoComplete="off" readOnly={budget !== null} value={name} onChange={(e) => setName(e.target.value)} />
        <div className="fields">
          {choice('scope', 'For', [
            ['tenant', 'all together'],
            ['key', 'each API key'],
            ['agent', 'each agent'],
          ])}
          {choice('period', 'Renews each', [
            ['day', 'day, UTC'],
            ['month', 'month, UTC'],
          ])}
          {fields.scope !== 'tenant' && field('of', fields.scope === 'key' ? 'Ids of keys; * for any' : 'Names of agents; * for any')}
          {field('usd', 'USD', 'decimal')}
          {field('calls', 'Calls', 'decimal')}
          {field('throttle', 'Past it, calls a minute; none when empty', 'decimal')}
          {field('thresholds', 'Tell at %')}
          {field('notify', 'Groups that are told')}
        </div>
        <p className="hint">Who was told of a threshold in this period is not told again. What was used stays used.</p>
        <p className="said said-bad" role="alert">
          {problem}
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
