// What a TypeScript program may write, and what it may not.

import { ApprovalRequired, Blocked, Interlock, LimitExceeded, guard, maskPii } from '@interlock/sdk';
import type { Decision, Effect } from '@interlock/sdk';
import { guardTools } from '@interlock/sdk/ai';
import { runToolCalls } from '@interlock/sdk/openai';

export async function main(): Promise<string> {
  const il = new Interlock('data', { agent: 'a', durability: 'batch', approval: (a) => a.asked.risk < 50 });
  const decision: Decision = await il.check('database_write', 'postgres://x', { arguments: { sql: 'SELECT 1' } });
  const effect: Effect = decision.effect;

  const add = il.guard((a: number, b: number) => a + b, { parameters: ['a', 'b'] });
  const sum: number = await add(1, 2);
  const now: number = il.guard((a: number) => a, { sync: true })(1);

  const tool = { name: 'crm', execute: async (args: { id: number }) => args.id, other: 7 };
  const guarded = il.guard(tool, { resource: 'crm/{id}', approval: 'wait' });
  const id: number = await guarded.execute({ id: 1 });
  const other: number = guarded.other;
  const seed = guard(tool, { policy: 'production', approval: 'slack' });
  await seed.execute({ id: 1 });

  for await (const item of il.guard(async function* (n: number) { yield n; })(1)) item.toFixed();

  try {
    await il.monitor('agent', () => il.scope({ run: 'r' }, () => 1));
  } catch (error) {
    if (error instanceof LimitExceeded) return String(error.retryAfterMs);
    if (error instanceof ApprovalRequired) return error.approvalId ?? '';
    if (error instanceof Blocked) return error.decision.reason;
    throw error;
  }
  const tools = guardTools(il, { t: tool }, { t: { actionType: 'payment' } });
  const [message] = await runToolCalls(il, [{ type: 'function' as const, id: 'x' }], {});
  il.express({ agent: (request) => request.headers['x'], tool: 'x' });

  // @ts-expect-error an agent is a text
  new Interlock('data', { agent: 7 });
  // @ts-expect-error there is no such option
  await il.check('custom', 'x', { argument: {} });
  // @ts-expect-error the tool takes an object
  await guarded.execute(7);
  // @ts-expect-error a decision is not made, it is given
  decision.effect = 'allow';
  // @ts-expect-error there is no such durability
  new Interlock('data', { durability: 'often' });
  // @ts-expect-error there is no such tool
  guardTools(il, { t: tool }, { u: {} });
  return `${effect}${sum}${now}${id}${other}${tools.t.name}${message?.content}${maskPii('x')}`;
}
