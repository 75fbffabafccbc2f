import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';
import { ConfigurationError, InvalidAction } from '@interlock/sdk';
import { guardTools, runToolCalls } from '@interlock/sdk/openai';
import { installed, world } from './world.mjs';

const openai = await installed('openai');
const skip = openai ? false : 'openai is not installed (make tools)';

/** A server that speaks Chat Completions: asks for these calls, one a turn, and keeps what it is told. */
async function scripted(t, calls) {
  const told = [];
  let turn = 0;
  const server = http.createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const last = JSON.parse(body).messages.at(-1);
    if (last.role === 'tool') told.push(last.content);
    const call = calls[turn++];
    const message = { role: 'assistant', content: call ? null : 'done', refusal: null };
    if (call) {
      const [name, args] = call;
      const text = typeof args === 'string' ? args : JSON.stringify(args);
      message.tool_calls = [{ id: `call_${turn}`, type: 'function', function: { name, arguments: text } }];
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({
      id: `chatcmpl-${turn}`, object: 'chat.completion', created: 0, model: 'scripted',
      choices: [{ index: 0, message, logprobs: null, finish_reason: call ? 'tool_calls' : 'stop' }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
  return { client: new openai.OpenAI({ apiKey: 'none', baseURL, maxRetries: 0 }), told };
}

function tools(ran) {
  const parameters = { type: 'object', properties: { id: { type: 'number' } } };
  const make = (name, more) => ({
    type: 'function',
    function: { name, parameters, description: name, function: (input) => {
      ran.push([name, input]);
      return `${name} ran`;
    }, ...more },
  });
  return [
    make('fine', { parse: JSON.parse }), make('delete_record', { parse: JSON.parse }),
    make('refund', { parse: JSON.parse }), make('raw', {}),
  ];
}

test('allowed runs once, blocked never, approval waits and then runs once', { skip }, async (t) => {
  const { il } = world(t);
  const ran = [];
  const { client, told } = await scripted(t, [
    ['fine', { id: 1 }], ['delete_record', { id: 2 }], ['refund', { id: 3 }], ['raw', { id: 4 }],
  ]);
  const run = client.chat.completions.runTools({
    model: 'scripted',
    messages: [{ role: 'user', content: 'go' }],
    tools: guardTools(il, tools(ran), { refund: { approval: async () => true } }),
  });
  assert.equal(await run.finalContent(), 'done');
  assert.deepEqual(ran, [['fine', { id: 1 }], ['refund', { id: 3 }], ['raw', '{"id":4}']]);
  assert.deepEqual([told[0], told[2], told[3]], ['fine ran', 'refund ran', 'raw ran']);
  assert.match(told[1], /not permitted/);
  assert.ok(!told[1].includes('records are kept'));
});

test('arguments that are no object are not run with', { skip }, async (t) => {
  const { il } = world(t);
  const ran = [];
  const { client } = await scripted(t, [['raw', '[1]']]);
  const run = client.chat.completions.runTools({
    model: 'scripted', messages: [{ role: 'user', content: 'go' }], tools: guardTools(il, tools(ran)),
  });
  await assert.rejects(run.finalContent(), /no object/);
  assert.deepEqual(ran, []);
});

test('calls that a program runs by itself', async (t) => {
  const { il } = world(t);
  const ran = [];
  const functions = {
    fine: (args) => ran.push(args),
    delete_record: (args) => ran.push(args),
  };
  const results = await runToolCalls(il, [
    { type: 'function', id: 'a', function: { name: 'fine', arguments: '{"id":1}' } },
    { type: 'function_call', call_id: 'b', name: 'delete_record', arguments: '{"id":2}' },
    { type: 'function_call', call_id: 'c', name: 'toString', arguments: '{}' },
    { type: 'message' },
  ], functions);
  assert.deepEqual(ran, [{ id: 1 }]);
  assert.deepEqual(results[0], { role: 'tool', tool_call_id: 'a', content: '1' });
  assert.equal(results[1].call_id, 'b');
  assert.match(results[1].output, /not permitted/);
  assert.match(results[2].output, /there is no tool/);
  assert.equal(results.length, 3);
  const malformed = [{ type: 'function_call', call_id: 'd', name: 'fine', arguments: '{' }];
  await assert.rejects(runToolCalls(il, malformed, functions), InvalidAction);
  assert.throws(() => guardTools(il, [{ type: 'function', function: { name: 'x' } }]), ConfigurationError);
});
