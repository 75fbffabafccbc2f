// What is kept with a question, read defensively: an older server wrote less.

import type { Schema } from '../api/client';

export type Review = Schema['ReviewBody'];

export interface Asked {
  /** Masked JSON; cut where it is very long. */
  arguments: string | null;
  /** What asks, and is lifted by an approval. */
  asks: string[];
  reasons: string[];
  user: string;
  context: [string, string][];
  blast: string[];
  /** What the action is about, by name: where it happens, how much. */
  reach: [string, string][];
  terms: { code: string; text: string; points: number }[];
  costUsd: string | null;
  erased: boolean;
}

const object = (value: unknown): Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
const strings = (value: unknown): string[] => (Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const CONTEXT: Readonly<Record<string, string>> = {
  prompt: 'What the agent was told',
  task: 'Its task',
  goal: 'Its goal',
  plan: 'Its plan',
  reasoning: 'Its reasoning',
  model: 'The model',
};

/** How far it reaches, in words. */
function words(blast: Record<string, unknown>): string[] {
  const out: string[] = [];
  if (blast['side_effect'] === false) out.push('reads only');
  if (blast['side_effect'] === true) out.push('changes something');
  if (blast['reversible'] === false) out.push('cannot be undone');
  if (blast['reversible'] === true) out.push('can be undone');
  if (blast['delete'] === true) out.push('deletes');
  if (blast['bulk'] === true) out.push('many at once');
  if (blast['outbound'] === true) out.push('leaves the network');
  if (blast['executes'] === true) out.push('runs code');
  return out;
}

function reach(blast: Record<string, unknown>): [string, string][] {
  const out: [string, string][] = [];
  const amount = blast['amount'];
  if (typeof amount === 'number') out.push(['money', `${amount.toLocaleString('en')} ${text(blast['currency'])}`.trim()]);
  if (typeof blast['records'] === 'number') out.push(['records', blast['records'].toLocaleString('en')]);
  if (text(blast['environment']) !== '') out.push(['environment', text(blast['environment'])]);
  if (typeof blast['tier'] === 'string' && blast['tier'] !== '') out.push(['resource tier', blast['tier']]);
  return out;
}

export function asked(detail: unknown): Asked {
  const d = object(detail);
  const context = object(d['context']);
  const cost = d['cost_nano_usd'];
  const value = d['arguments'];
  return {
    arguments: typeof value === 'string' ? value : value === undefined || value === null ? null : JSON.stringify(value),
    asks: strings(d['approvals']),
    reasons: strings(d['reasons']),
    user: text(d['user']),
    context: Object.entries(CONTEXT).flatMap(([name, title]): [string, string][] => (typeof context[name] === 'string' ? [[title, context[name]]] : [])),
    blast: words(object(d['blast_radius'])),
    reach: reach(object(d['blast_radius'])),
    terms: (Array.isArray(d['risk_terms']) ? d['risk_terms'] : [])
      .map((t) => ({ code: text(object(t)['code']), text: text(object(t)['text']), points: Number(object(t)['points']) || 0 }))
      .filter((t) => t.points > 0),
    costUsd: typeof cost === 'number' && cost > 0 ? (cost / 1e9).toFixed(2) : null,
    erased: d['erased'] === true,
  };
}
