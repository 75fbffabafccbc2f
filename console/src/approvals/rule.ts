// A session approval in plain words: what it lets an agent do, how often and until when.

import type { Schema } from '../api/client';

export type Constraint = Schema['ArgumentConstraint'];

/** What one argument must be. */
export function constraint(value: unknown): string {
  const c = value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {};
  if (c['any'] === true) return 'anything';
  if (typeof c['glob'] === 'string') return `like ${c['glob']}`;
  if (Array.isArray(c['one_of'])) return `one of ${c['one_of'].map((v) => JSON.stringify(v)).join(', ')}`;
  const [min, max] = [c['min'], c['max']];
  if (typeof min === 'number' && typeof max === 'number') return `from ${min} to ${max}`;
  if (typeof max === 'number') return `at most ${max}`;
  if (typeof min === 'number') return `at least ${min}`;
  return 'as it was';
}

export interface Terms {
  within: 'run' | 'session';
  uses: number;
  minutes: number;
  costUsd: string;
  /** By argument; one that is not named must be as it was. */
  arguments: Readonly<Record<string, Constraint>>;
}

/** The rest of the sentence that begins with the agent, the tool and the resource. */
export function scope(terms: Terms): string {
  const times = terms.uses === 1 ? 'once more' : `up to ${terms.uses} times`;
  const cost = terms.costUsd === '' ? '' : `, for ${terms.costUsd} USD together at most`;
  return `${times} within this ${terms.within}, during the next ${terms.minutes} minute${terms.minutes === 1 ? '' : 's'}${cost}, without asking anybody`;
}
