// Every refusal that a program can catch: its class, its code, and nothing in its text that says why.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import { test } from 'node:test';
import * as sdk from '@interlock/sdk';
import { world } from './world.mjs';

const {
  ApprovalDenied, ApprovalRequired, ApprovalTimeout, Blocked, BudgetExceeded, CircuitOpen, Denied, LimitExceeded,
  LoopDetected, OutcomeUnknown,
} = sdk;

const POLICY = `
interlock: 1
default: allow
profiles:
  spender: { budget_usd: { day: 1 } }
rules:
  - { id: secret-rule, match: { tool: [no] }, effect: block, description: an internal reason }
  - { id: ask, match: { tool: [refund] }, effect: require_approval, description: an internal reason }
  - { id: three, match: { tool: [limited] }, require: { limits: { calls: 3/1h } }, effect: block, description: an internal reason }
`;

/** What a framework may send on to the model. */
function safe(error) {
  assert.match(error.message, /^[a-z][^.]*\(reference [0-9a-f-]{36}\)$/);
  for (const shown of [error.message, String(error), JSON.stringify(error), inspect(error), JSON.stringify({ ...error })]) {
    for (const secret of ['internal reason', 'secret-rule', 'three', 'budget', 'breaker']) {
      assert.ok(!shown.replaceAll(/^ +at .*$/gm, '').replace(error.code, '').includes(secret), shown);
    }
  }
  assert.ok(error.decision.reason.length > 0);
}

async function caught(call) {
  const error = await (async () => call())().then((result) => assert.fail(`ran: ${result}`), (e) => e);
  assert.ok(error instanceof Denied, inspect(error));
  safe(error);
  return error;
}

test('each has its class and a safe text', async (t) => {
  const { il } = world(t, { policy: POLICY });
  const ran = [];
  const tool = (name, options) => il.guard(async (args) => ran.push(args), { name, ...options });

  assert.equal((await caught(() => tool('no')())).constructor, Blocked);

  for (let i = 0; i < 3; i++) await tool('limited')({ i });
  const limited = await caught(() => tool('limited')({ i: 4 }));
  assert.ok(limited instanceof LimitExceeded && limited.retryAfterMs > 0);

  /** The first refusal of many calls. */
  const first = async (call) => {
    for (let i = 0; i < 80; i++) {
      const error = await call(i).then(() => undefined, (e) => e);
      if (error instanceof Denied) return error;
    }
    return assert.fail('80 calls and no refusal');
  };
  const again = await first(() => tool('again')({ same: 1 }));
  assert.ok(again instanceof LoopDetected, inspect(again));
  safe(again);

  const fails = il.guard(async () => { throw new RangeError('mine'); }, { name: 'fails' });
  const open = await il.scope({ agent: 'unlucky' }, () => first((i) => fails({ i })));
  assert.ok(open instanceof CircuitOpen, inspect(open));
  safe(open);

  const spent = await il.scope({ agent: 'spender' }, () => first((i) => tool('dear', { costUsd: '0.40' })({ i })));
  assert.ok(spent instanceof BudgetExceeded, inspect(spent));
  safe(spent);

  const required = await caught(() => tool('refund')({ order: 1 }));
  assert.equal(required.constructor, ApprovalRequired);
  il.decideApproval(required.approvalId, true, { approver: 'ann' });
  assert.ok(await il.scope({ approvalId: required.approvalId }, () => tool('refund')({ order: 1 })), 'it resumes');
  const late = await caught(() => tool('refund', { approval: 'wait', approvalTimeoutMs: 30 })({ order: 2 }));
  assert.equal(late.constructor, ApprovalTimeout);
  const no = await caught(() => tool('refund', { approval: () => false })({ order: 3 }));
  assert.deepEqual([no.constructor, no.approval.state], [ApprovalDenied, 'denied']);
});

test('the classes are one family, in both kinds of module', () => {
  const cjs = createRequire(import.meta.url)('@interlock/sdk');
  for (const [name, value] of Object.entries(cjs)) assert.equal(sdk[name], value, name);
  for (const type of [LimitExceeded, LoopDetected, CircuitOpen, BudgetExceeded]) assert.ok(type.prototype instanceof Blocked);
  for (const type of [ApprovalTimeout, OutcomeUnknown]) assert.ok(type.prototype instanceof ApprovalRequired);
  for (const type of [sdk.Diverged, sdk.StepFailed, sdk.ResultNotStored]) assert.ok(type.prototype instanceof sdk.RunError);
  for (const name of Object.keys(cjs)) {
    if (cjs[name].prototype instanceof Error) assert.equal(cjs[name].prototype.name, name);
  }
});
