// Agreement to further actions like this one: a temporary rule, shown as what it is before it is made.

import { useId, useMemo, useState, type FormEvent } from 'react';
import { api, explain, type Schema } from '../api/client';
import { parse, write, type Json } from '../edit/json';
import { Untrusted } from '../hostile/Untrusted';
import { Dialog } from '../parts/Dialog';
import { REASON_MAX } from './answers';
import { constraint, scope, type Constraint, type Terms } from './rule';

const USES_MAX = 20;
const MINUTES_MAX = 60;

type Kind = 'same' | 'max' | 'glob' | 'any';

interface Limit {
  kind: Kind;
  value: string;
}

/** The names and values of the arguments, when they are an object that can be read. */
function named(text: string | null): [string, Json][] {
  try {
    const read = parse(text ?? '');
    return read.kind === 'object' ? read.entries : [];
  } catch {
    return [];
  }
}

/** A limit as the API takes it; null where it says nothing, a text where it is wrong. */
function limit({ kind, value }: Limit): Constraint | null | string {
  switch (kind) {
    case 'same':
      return null;
    case 'any':
      return { any: true };
    case 'max':
      return /^-?\d{1,15}$/.test(value) ? { max: Number(value) } : 'needs a whole number';
    case 'glob':
      return value === '' ? 'needs a pattern' : { glob: value };
  }
}

export interface SessionDialogProps {
  approval: Schema['ApprovalBody'];
  /** The masked arguments. */
  before: string | null;
  onMade: (rule: Schema['SessionApprovalBody'], alsoThis: boolean) => void;
  onClose: () => void;
}

export function SessionDialog({ approval, before, onMade, onClose }: SessionDialogProps) {
  const id = useId();
  const all = useMemo(() => named(before), [before]);
  const [limits, setLimits] = useState<Readonly<Record<string, Limit>>>({});
  const [within, setWithin] = useState<'run' | 'session'>(approval.run_id === '' ? 'session' : 'run');
  const [uses, setUses] = useState(5);
  const [minutes, setMinutes] = useState(30);
  const [cost, setCost] = useState('');
  const [reason, setReason] = useState('');
  const [also, setAlso] = useState(true);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  const rules: Record<string, Constraint> = {};
  const wrong: Record<string, string> = {};
  for (const [name] of all) {
    const made = limit(limits[name] ?? { kind: 'same', value: '' });
    if (typeof made === 'string') wrong[name] = made;
    else if (made !== null) rules[name] = made;
  }
  const costWrong = cost !== '' && !/^[0-9]{1,9}([.][0-9]{1,9})?$/.test(cost);
  const ready = !busy && !costWrong && Object.keys(wrong).length === 0 && uses >= 1 && uses <= USES_MAX && minutes >= 1 && minutes <= MINUTES_MAX;
  const terms: Terms = { within, uses, minutes, costUsd: cost, arguments: rules };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    setProblem(null);
    try {
      const made = await api.post('/api/session-approvals', {
        body: {
          approval_id: approval.id,
          within,
          uses,
          minutes,
          arguments: rules,
          ...(cost === '' ? {} : { cost_usd: cost }),
          ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
        },
      });
      onMade(made, also);
    } catch (error) {
      setProblem(explain(error));
      setBusy(false);
    }
  };

  return (
    <Dialog title="Approve for a while" onClose={onClose} wide>
      <form onSubmit={(event) => void submit(event)} data-answer="session">
        <div className="rule-words" data-rule>
          <p>
            <Untrusted text={approval.agent_id} oneLine /> may run <Untrusted text={approval.tool || approval.action_type} oneLine /> on{' '}
            <Untrusted text={approval.resource} oneLine /> {scope(terms)}.
          </p>
          {all.length > 0 && (
            <ul>
              {all.map(([name]) => (
                <li key={name}>
                  <Untrusted text={name} oneLine />: {Object.hasOwn(rules, name) ? constraint(rules[name]) : 'as it was'}
                </li>
              ))}
            </ul>
          )}
          <p className="quiet">It lifts only what asked here. Whatever blocks an action still blocks it, and a risk above {approval.risk} asks again.</p>
        </div>
        {all.length > 0 && (
          <fieldset>
            <legend>Arguments</legend>
            {all.map(([name, value], i) => {
              const now = limits[name] ?? { kind: 'same' as Kind, value: '' };
              const set = (next: Partial<Limit>) => setLimits({ ...limits, [name]: { ...now, ...next } });
              return (
                <div className="argument" key={name}>
                  <span id={`${id}-name-${i}`}>
                    <Untrusted text={name} oneLine />
                    <span className="quiet">
                      {' '}
                      <Untrusted text={value.kind === 'string' ? value.value : write(value)} oneLine />
                    </span>
                  </span>
                  <select
                    aria-labelledby={`${id}-name-${i}`}
                    {...(i === 0 ? { 'data-first': true } : {})}
                    value={now.kind}
                    onChange={(event) =>
                      set({ kind: event.target.value as Kind, value: event.target.value === 'max' && value.kind === 'number' ? value.text.replace(/\..*/, '') : '' })
                    }
                  >
                    <option value="same">as it is</option>
                    {value.kind === 'number' && <option value="max">at most</option>}
                    {value.kind === 'string' && <option value="glob">like a pattern</option>}
                    <option value="any">anything</option>
                  </select>
                  {(now.kind === 'max' || now.kind === 'glob') && (
                    <input
                      aria-label={now.kind === 'max' ? 'at most' : 'pattern'}
                      aria-invalid={Object.hasOwn(wrong, name)}
                      value={now.value}
                      maxLength={256}
                      inputMode={now.kind === 'max' ? 'numeric' : 'text'}
                      onChange={(event) => set({ value: event.target.value })}
                    />
                  )}
                  {wrong[name] && <span className="said-bad">{wrong[name]}</span>}
                </div>
              );
            })}
          </fieldset>
        )}
        <div className="fields">
          <div className="field">
            <label htmlFor={`${id}-uses`}>How often, 1 to {USES_MAX}</label>
            <input id={`${id}-uses`} type="number" min={1} max={USES_MAX} value={uses} {...(all.length === 0 ? { 'data-first': true } : {})} onChange={(e) => setUses(e.target.valueAsNumber || 0)} />
          </div>
          <div className="field">
            <label htmlFor={`${id}-minutes`}>Minutes, 1 to {MINUTES_MAX}</label>
            <input id={`${id}-minutes`} type="number" min={1} max={MINUTES_MAX} value={minutes} onChange={(e) => setMinutes(e.target.valueAsNumber || 0)} />
          </div>
          <div className="field">
            <label htmlFor={`${id}-cost`}>Cost together, USD</label>
            <input id={`${id}-cost`} inputMode="decimal" placeholder="no limit" maxLength={19} aria-invalid={costWrong} value={cost} onChange={(e) => setCost(e.target.value.trim())} />
          </div>
          <div className="field">
            <label htmlFor={`${id}-within`}>Within</label>
            <select id={`${id}-within`} value={within} onChange={(e) => setWithin(e.target.value === 'session' ? 'session' : 'run')}>
              {approval.run_id !== '' && <option value="run">this run</option>}
              <option value="session">this session</option>
            </select>
          </div>
        </div>
        <label htmlFor={`${id}-reason`}>Reason, if you want to give one</label>
        <input id={`${id}-reason`} maxLength={REASON_MAX} value={reason} onChange={(e) => setReason(e.target.value)} />
        <label className="check">
          <input type="checkbox" checked={also} onChange={(e) => setAlso(e.target.checked)} /> Approve the action that waits now as well
        </label>
        <p className="said said-bad" role="alert">
          {problem ?? ''}
        </p>
        <p className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={!ready}>
            {busy ? 'Sending' : 'Make this rule'}
          </button>
        </p>
      </form>
    </Dialog>
  );
}
