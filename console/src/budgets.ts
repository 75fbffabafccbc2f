// What budgets stand at, in exact numbers: amounts are decimal texts, summed in nano-dollars.

import type { Schema } from './api/client';

export type Budget = Schema['BudgetStanding'];
export type Purse = Schema['PurseBody'];
type Used = Schema['UsedBody'];

const NANO = 1_000_000_000n;

/** A decimal text in billionths; null where it is none. */
export function nano(text: string): bigint | null {
  const match = /^(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text);
  return match ? BigInt(match[1] ?? '0') * NANO + BigInt((match[2] ?? '').padEnd(9, '0')) : null;
}

/** Billionths as a decimal text, with two digits after the point at least where there is any. */
export function usd(amount: bigint): string {
  const rest = (amount % NANO).toString().padStart(9, '0').replace(/0+$/, '');
  return rest === '' ? String(amount / NANO) : `${amount / NANO}.${rest.padEnd(2, '0')}`;
}

export function sum(...all: readonly Used[]): { nano: bigint; calls: number } {
  return all.reduce<{ nano: bigint; calls: number }>(
    (total, one) => ({ nano: total.nano + (nano(one.usd) ?? 0n), calls: total.calls + one.calls }),
    { nano: 0n, calls: 0 },
  );
}

export interface Bar {
  /** Per mille of the bar; the limit stands at 1000 unless more than it is used. */
  settled: number;
  reserved: number;
  limit: number;
}

/** The shares of a bar that holds what is used, or the limit if that is more. */
export function bar(settled: bigint, reserved: bigint, limit: bigint): Bar {
  const all = settled + reserved > limit ? settled + reserved : limit;
  if (all === 0n) return { settled: 0, reserved: 0, limit: 1_000 };
  const share = (part: bigint) => Number((part * 1_000n) / all);
  return { settled: share(settled), reserved: share(reserved), limit: share(limit) };
}

/** `6.50 of 10 USD, 3 of 100 calls`: what a purse stands at. */
export function standing(budget: Budget, purse: Purse): string {
  const used = sum(purse.settled, purse.reserved);
  const parts: string[] = [];
  if (budget.limit_usd !== null && budget.limit_usd !== undefined) parts.push(`${usd(used.nano)} of ${budget.limit_usd} USD`);
  if (budget.limit_calls !== null && budget.limit_calls !== undefined) {
    parts.push(`${used.calls.toLocaleString('en')} of ${budget.limit_calls.toLocaleString('en')} calls`);
  }
  return parts.join(', ');
}

/** What happens to what does not fit. */
export function atLimit(budget: Budget): string {
  return budget.at_limit === 'throttle' ? `past it ${budget.calls_per_minute ?? 0} calls a minute go on` : 'past it actions are blocked';
}

/** Whom it is about. */
export function whom(budget: Budget): string {
  if (budget.scope === 'tenant') return 'all together';
  return budget.of === '*' ? `each ${budget.scope}` : `each ${budget.scope} that matches`;
}

/** The fullest purse of all budgets, for one line; null where none is drawn on. */
export function fullest(budgets: readonly Budget[]): { budget: Budget; purse: Purse } | null {
  let best: { budget: Budget; purse: Purse } | null = null;
  for (const budget of budgets) {
    for (const purse of budget.purses) if (best === null || purse.percent > best.purse.percent) best = { budget, purse };
  }
  return best;
}
