import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigurationError } from '@interlock/sdk';
import { guardTools } from '@interlock/sdk/ai';
import { installed, world } from './world.mjs';

const ai = await installed('ai');
const zod = await installed('zod');
const skip = ai && zod ? false : 'ai and zod are not installed (make tools)';

/** A model that asks for these calls, one in each turn, and then says what it was told. */
async function scripted(calls) {
  const { MockLanguageModelV3 } = await import('ai/test');
  const told = [];
  let turn = 0;
  const usage = {
    inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 1, text: 1, reasoning: 0 },
  };
  const model = new MockLanguageModelV3({
    async doGenerate({ prompt }) {
      for (const part of prompt.at(-1).role === 'tool' ? prompt.at(-1).content : []) told.push(part.output);
      const call = calls[turn++];
      if (call === undefined) {
        return { content: [{ type: 'text', text: 'done' }], finishReason: { unified: 'stop', raw: 'stop' }, usage, warnings: [] };
      }
      const [toolName, input] = call;
      return {
        content: [{ type: 'tool-call', toolCallId: `call-${turn}`, toolName, input: JSON.stringify(input) }],
        finishReason: { unified: 'tool-calls', raw: 'tool_calls' },
        usage,
        warnings: [],
      };
    },
  });
  return { model, told };
}

function tools(ran) {
  const { tool } = ai;
  const inputSchema = zod.z.object({ id: zod.z.number() });
  const execute = (name) => async (input, { toolCallId, abortSignal }) => {
    ran.push([name, input, toolCallId, abortSignal]);
    return `${name} ${input.id}`;
  };
  return {
    fine: tool({ inputSchema, execute: execute('fine') }),
    delete_record: tool({ inputSchema, execute: execute('delete_record') }),
    refund: tool({ inputSchema, execute: execute('refund') }),
    streaming: tool({
      inputSchema,
      async *execute(input) {
        ran.push(['streaming', input]);
        yield 'half';
        yield 'whole';
      },
    }),
  };
}

test('allowed runs once, blocked never, approval waits and then runs once', { skip }, async (t) => {
  const { il } = world(t);
  const ran = [];
  const guarded = guardTools(il, tools(ran), {
    refund: { approval: async ({ asked }) => asked.tool === 'refund', actionType: 'payment' },
  });
  const { model, told } = await scripted([
    ['fine', { id: 1 }], ['delete_record', { id: 2 }], ['refund', { id: 3 }], ['streaming', { id: 4 }],
  ]);
  const { text } = await ai.generateText({
    model, tools: guarded, prompt: 'go', stopWhen: ai.stepCountIs(6), maxRetries: 0,
  });
  assert.equal(text, 'done');
  assert.deepEqual(ran.map(([name, input]) => [name, input]), [
    ['fine', { id: 1 }], ['refund', { id: 3 }], ['streaming', { id: 4 }],
  ]);
  assert.match(ran[0][2], /^call-/);
  assert.deepEqual(told.map(({ type }) => type), ['text', 'error-text', 'text', 'text']);
  assert.match(told[1].value, /not permitted/);
  assert.ok(!JSON.stringify(told).includes('records are kept'));
  assert.equal(told[3].value, 'whole');
});

test('a refused approval does not run', { skip }, async (t) => {
  const { il } = world(t);
  const ran = [];
  const guarded = guardTools(il, tools(ran), { refund: { approval: () => false } });
  const { model, told } = await scripted([['refund', { id: 3 }]]);
  await ai.generateText({ model, tools: guarded, prompt: 'go', stopWhen: ai.stepCountIs(3) });
  assert.deepEqual(ran, []);
  assert.equal(told[0].type, 'error-text');
});

test('a tool that runs elsewhere is not guarded by accident', { skip }, (t) => {
  const { il } = world(t);
  const elsewhere = ai.tool({ inputSchema: zod.z.object({}) });
  assert.throws(() => guardTools(il, { elsewhere }), ConfigurationError);
  assert.equal(guardTools(il, { elsewhere }, { elsewhere: false }).elsewhere, elsewhere);
  assert.throws(() => guardTools(il, {}, { other: {} }), ConfigurationError);
});
