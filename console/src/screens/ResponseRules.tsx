// The rules by which something is done by itself because of alerts: read, made, changed, taken away.

import { useState } from 'react';
import { api, ApiFailure, explain } from '../api/client';
import { useQuery } from '../api/query';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { Dialog } from '../parts/Dialog';
import { Problem } from '../parts/show';
import { NotYours, useMay } from '../who';
import { RuleDialog, withRule, type Rule } from './RuleDialog';

const OF = { agent: 'of one agent', tool: 'with one tool', detector: 'of one detector' } as const;

/** A rule as a sentence. */
export function sentence(rule: Rule): string {
  const of = OF[rule.scope as keyof typeof OF] ?? `of one ${rule.scope}`;
  const parts = [`${rule.count} alerts of level ${rule.level} or worse ${of} within ${rule.window_s} s`];
  if (rule.agent) parts.push(`only of agents like ${rule.agent}`);
  if (rule.detector) parts.push(`only what ${rule.detector} found`);
  const done = rule.action === 'rollback' ? `rollback of ${rule.last ?? 0} steps` : rule.action;
  const notes = [done, ...((rule.notify ?? []).length > 0 ? [`tells ${rule.notify?.join(', ')}`] : [])];
  if (rule.dry_run) notes.push('dry run');
  if (rule.enabled === false) notes.push('switched off');
  return `${parts.join(', ')}: ${notes.join(', ')}`;
}

export function ResponseRules() {
  const may = useMay('administer');
  const query = useQuery('response rules', (signal) => api.get('/api/response-rules', { signal }), 10_000);
  const [selected, setSelected] = useState(0);
  const [editing, setEditing] = useState<{ rule: Rule | null } | null>(null);
  const [ending, setEnding] = useState<Rule | null>(null);
  const [said, setSaid] = useState('');
  const rules = query.data?.rules ?? [];
  const index = Math.min(selected, rules.length - 1);
  const chosen = rules[index];

  /** Replaces all: of two people one is told that the other was there first. */
  const put = async (change: (now: Rule[]) => Rule[], done: string) => {
    if (!query.data) return;
    try {
      await api.put('/api/response-rules', { body: { ...query.data, rules: change(query.data.rules) } });
      setSaid(done);
    } finally {
      query.refresh();
    }
  };
  const edit = (rule: Rule | null) => may && query.data && setEditing({ rule });
  const end = async (rule: Rule) => {
    setEnding(null);
    try {
      await put((now) => now.filter((r) => r.id !== rule.id), 'The rule is gone.');
    } catch (error) {
      setSaid(explain(error));
    }
  };

  useKeys({
    J: () => setSelected(Math.min(rules.length - 1, index + 1)),
    K: () => setSelected(Math.max(0, index - 1)),
    n: () => edit(null),
    e: () => chosen && edit(chosen),
    x: () => may && chosen && setEnding(chosen),
  });

  return (
    <section aria-label="Rules" className="response-rules">
      <header className="screen-head">
        <h2>Rules</h2>
        <span className="grow" />
        <button type="button" disabled={!may || !query.data} onClick={() => edit(null)}>
          New rule <kbd>n</kbd>
        </button>
        <button type="button" disabled={!may || !chosen} onClick={() => chosen && edit(chosen)}>
          Change <kbd>e</kbd>
        </button>
        <button type="button" disabled={!may || !chosen} onClick={() => chosen && setEnding(chosen)}>
          Take away <kbd>x</kbd>
        </button>
      </header>
      {!may && <NotYours what="administer" verb="change rules of responses" />}
      <p className="said" role="status">
        {said}
      </p>
      {query.data === undefined && <Problem error={query.error} retry={query.refresh} />}
      {query.data && rules.length === 0 && <p className="quiet">No rule answers to alerts.</p>}
      <ul className="quiet">
        {rules.map((rule, i) => (
          <li key={rule.id} {...(i === index ? { 'aria-current': 'true' as const } : {})}>
            <button type="button" className="plain" aria-pressed={i === index} onClick={() => setSelected(i)}>
              <Untrusted text={rule.id} oneLine />: <Untrusted text={sentence(rule)} oneLine />
            </button>
          </li>
        ))}
      </ul>
      {editing && (
        <RuleDialog
          rule={editing.rule}
          onClose={() => setEditing(null)}
          save={async (rule) => {
            try {
              await put((now) => withRule(now, editing.rule?.id ?? null, rule), 'The rule is in force.');
            } catch (error) {
              if (error instanceof ApiFailure && error.status === 409) {
                throw new ApiFailure(409, error.code, 'Somebody else has changed the rules: they are read again. Look at them, and save once more.');
              }
              throw error;
            }
            setEditing(null);
          }}
        />
      )}
      {ending && (
        <Dialog title="Take the rule away?" onClose={() => setEnding(null)}>
          <p>
            <Untrusted text={ending.id} oneLine />: <Untrusted text={sentence(ending)} oneLine />
          </p>
          <p className="actions">
            <button type="button" data-first onClick={() => setEnding(null)}>
              Cancel
            </button>
            <button type="button" className="danger" onClick={() => void end(ending)}>
              Take away
            </button>
          </p>
        </Dialog>
      )}
    </section>
  );
}
