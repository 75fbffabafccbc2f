// What a TypeScript program may write, and what it may not.

import {
  ApprovalRequired, Blocked, Diverged, Interlock, LimitExceeded, OutcomeUnknown, RollbackStopped, guard, maskPii,
} from '@interlock/sdk';
import type { Decision, Effect, RollbackReport, Run } from '@interlock/sdk';
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
  const connected = new Interlock({
    server: 'https://interlock.example', mode: 'connected', onUnavailable: { 'search@staging': 'open' }, approval: 'slack',
    undo: { fileBytesMax: 1_000_000 }, onViolation: 'rollback',
  });
  const leased: boolean | undefined = connected.standing()?.leased;
  const send = async ({ to }: { to: string }) => to.length;
  const length: number = await il.run('r', { resume: true }, async (run: Run) => {
    await run.step('two', (a: number, b: string) => `${a}${b}`, [1, 'x'], { check: (a, b) => a + b.length });
    return run.step('send', send, { to: 'ann' }, { idempotent: true });
  });
  const edit = il.guard(async (args: { path: string }) => args.path, { writes: '{path}', undo: (args, result) => [args, result] });
  await edit({ path: 'x' });
  const report: RollbackReport = await il.rollback({ last: 2, agent: 'a' }).catch((error) => {
    if (error instanceof RollbackStopped) return error.report;
    if (error instanceof OutcomeUnknown || error instanceof Diverged) throw error;
    throw error;
  });
  const paths: readonly string[] | undefined = report.undone[0]?.paths;

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
  // @ts-expect-error the step takes an object
  await il.run((run) => run.step('send', send, 7));
  // @ts-expect-error there is no such mode
  new Interlock({ server: 'https://x', mode: 'both' });
  // @ts-expect-error there is no such durability
  new Interlock('data', { durability: 'often' });
  // @ts-expect-error there is no such tool
  guardTools(il, { t: tool }, { u: {} });
  return `${leased}${length}${paths}${effect}${sum}${now}${id}${other}${tools.t.name}${message?.content}${maskPii('x')}`;
}
