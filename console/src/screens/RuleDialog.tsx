// One rule of automatic responses, as somebody writes it. What is wrong with it the server says, with
// the field.

import { useId, useState, type FormEvent, type ReactNode } from 'react';
import { ApiFailure, explain, type Schema } from '../api/client';
import { Dialog } from '../parts/Dialog';

export type Rule = Schema['ResponseRuleBody'];

/** What a new rule begins as: it only says what it would do. */
export const NEW: Rule = {
  id: '',
  enabled: true,
  scope: 'agent',
  level: 'high',
  count: 3,
  window_s: 300,
  action: 'pause',
  last: 0,
  notify: [],
  cool_down_s: 3_600,
  dry_run: true,
};

/** The rules with one put in the place of that of the old name, or behind all. */
export function withRule(rules: readonly Rule[], old: string | null, rule: Rule): Rule[] {
  return old === null ? [...rules, rule] : rules.map((r) => (r.id === old ? rule : r));
}

/** Names that stand apart by commas or spaces, each once. */
export function namesOf(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter((name) => name !== ''))];
}

const SCOPES = [
  ['agent', 'of one agent'],
  ['tool', 'with one tool'],
  ['detector', 'of one detector'],
] as const;
const LEVELS = ['low', 'medium', 'high', 'critical'] as const;
const ACTIONS = [
  ['alert', 'tell people'],
  ['pause', 'pause the agent'],
  ['rollback', 'pause the agent and undo its last steps'],
] as const;

interface Props {
  /** The rule that is changed; null for a new one. */
  rule: Rule | null;
  onClose: () => void;
  /** Puts it in force; what the server says is thrown. */
  save: (rule: Rule) => Promise<void>;
}

export function RuleDialog({ rule, onClose, save }: Props) {
  const id = useId();
  const [draft, setDraft] = useState<Rule>(rule ?? NEW);
  const [notify, setNotify] = useState((rule?.notify ?? []).join(', '));
  const [problem, setProblem] = useState<{ text: string; field: string | null }>({ text: '', field: null });
  const [busy, setBusy] = useState(false);
  const set = (change: Partial<Rule>) => setDraft((was) => ({ ...was, ...change }));

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await save({
        ...draft,
        id: draft.id.trim(),
        last: draft.action === 'rollback' ? (draft.last ?? 0) : 0,
        notify: namesOf(notify),
        agent: draft.agent || null,
        detector: draft.detector || null,
      });
    } catch (error) {
      setProblem({ text: explain(error), field: error instanceof ApiFailure ? error.field : null });
      setBusy(false);
    }
  };

  const field = (name: keyof Rule, label: string, input: (props: object) => ReactNode) => (
    <>
      <label htmlFor={`${id}-${name}`}>{label}</label>
      {input({
        id: `${id}-${name}`,
        'aria-invalid': problem.field === name,
        'aria-describedby': problem.field === name ? `${id}-said` : undefined,
      })}
    </>
  );
  const number = (name: 'count' | 'window_s' | 'cool_down_s' | 'last', label: string, min: number, max: number) =>
    field(name, label, (props) => (
      <input
        {...props}
        type="number"
        required
        min={min}
        max={max}
        value={draft[name] ?? 0}
        onChange={(event) => set({ [name]: Number(event.target.value) })}
      />
    ));
  const choice = (name: 'scope' | 'level' | 'action', label: string, options: readonly (readonly [string, string])[]) =>
    field(name, label, (props) => (
      <select {...props} value={draft[name]} onChange={(event) => set({ [name]: event.target.value })}>
        {options.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    ));
  const text = (name: 'agent' | 'detector', label: string) =>
    field(name, label, (props) => (
      <input {...props} maxLength={64} spellCheck={false} value={draft[name] ?? ''} onChange={(event) => set({ [name]: event.target.value })} />
    ));

  return (
    <Dialog title={rule === null ? 'A new rule' : 'Change the rule'} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        {field('id', 'Name', (props) => (
          <input {...props} data-first required maxLength={64} spellCheck={false} value={draft.id} onChange={(event) => set({ id: event.target.value })} />
        ))}
        {number('count', 'So many alerts', 1, 100)}
        {choice('scope', 'counted together', SCOPES)}
        {choice(
          'level',
          'of this level or worse',
          LEVELS.map((level) => [level, level] as const),
        )}
        {number('window_s', 'within so many seconds', 1, 86_400)}
        {text('agent', 'Only of agents like this; * stands for anything, empty for all')}
        {text('detector', 'Only what this detector found; empty for all')}
        {choice('action', 'Then', ACTIONS)}
        {draft.action === 'rollback' && number('last', 'So many steps', 1, 1_000)}
        {field('notify', 'Groups of people that are told', (props) => (
          <input {...props} spellCheck={false} value={notify} onChange={(event) => setNotify(event.target.value)} />
        ))}
        {number('cool_down_s', 'Not again to the same for so many seconds', 10, 604_800)}
        <label>
          <input type="checkbox" checked={draft.dry_run ?? false} onChange={(event) => set({ dry_run: event.target.checked })} /> Only say what it would do
        </label>
        <label>
          <input type="checkbox" checked={draft.enabled ?? true} onChange={(event) => set({ enabled: event.target.checked })} /> In force
        </label>
        <p id={`${id}-said`} className="said" role="alert">
          {problem.text}
        </p>
        <p className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={busy}>
            Put in force
          </button>
        </p>
      </form>
    </Dialog>
  );
}
