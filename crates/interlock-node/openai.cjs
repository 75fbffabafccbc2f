'use strict';
// Tools of the OpenAI client: those of `runTools`, and calls that a program runs by itself.

const errors = require('./lib/errors.cjs');
const { isPlainObject } = require('./lib/plain.cjs');

/** The arguments of a call as the model wrote them: one JSON object. */
function parsed(name, text) {
  let value;
  try {
    value = JSON.parse(text === '' ? '{}' : text);
  } catch (cause) {
    throw new errors.InvalidAction(`the arguments of \`${name}\` are not JSON`, 'json.syntax', { cause });
  }
  if (!isPlainObject(value)) {
    throw new errors.InvalidAction(`the arguments of \`${name}\` are no object`, 'action.field-type');
  }
  return value;
}

/** What the model is told in place of a result. Anything but a refusal is the program's to handle. */
async function told(run) {
  try {
    return await run();
  } catch (error) {
    if (error instanceof errors.Denied) return error.message;
    throw error;
  }
}

function optionsOf(all, name) {
  const { [name]: own = {} } = all;
  return { name, ...own };
}

/**
 * Tools for `client.chat.completions.runTools`, each checked before it runs. A refusal is answered
 * to the model as the result of the tool, so that the run goes on.
 */
function guardTools(interlock, tools, options = {}) {
  return tools.map((tool) => {
    // `zodFunction` keeps its function beside the definition.
    const definition = tool?.$callback
      ? { ...tool.function, function: tool.$callback, parse: tool.$parseRaw }
      : tool?.function;
    const run = definition?.function;
    if (typeof run !== 'function') {
      throw new errors.ConfigurationError('a tool of `runTools` has a `function`', 'guard.tool');
    }
    const name = definition.name ?? run.name;
    const guard = { ...optionsOf(options, name), inputs: 1 };
    let call;
    if (definition.parse) {
      const checked = interlock.guard(run, guard);
      call = (input, ...runner) => told(() => checked(input, ...runner));
    } else {
      // Without `parse` the function gets the text; a policy needs its fields all the same.
      const checked = interlock.guard((input, ...runner) => run(JSON.stringify(input), ...runner), guard);
      call = (text, ...runner) => told(() => checked(parsed(name, text), ...runner));
    }
    return { type: 'function', function: { ...definition, name, function: call } };
  });
}

/**
 * Runs the tool calls of one answer, of Chat Completions or of Responses, and answers the messages
 * or items to send back. `functions` has the tools by name; each gets the arguments as an object.
 */
async function runToolCalls(interlock, calls, functions, options = {}) {
  const results = [];
  for (const call of calls) {
    const { name, arguments: text } = call.type === 'function_call' ? call : (call.function ?? {});
    if (typeof name !== 'string') continue;
    const run = Object.hasOwn(functions, name) ? functions[name] : undefined;
    let output;
    if (run === undefined) {
      output = `there is no tool ${JSON.stringify(name)}`;
    } else {
      const checked = interlock.guard(run, { ...optionsOf(options, name), inputs: 1 });
      const result = await told(() => checked(parsed(name, text)));
      output = typeof result === 'string' ? result : (JSON.stringify(result) ?? '');
    }
    results.push(
      call.type === 'function_call'
        ? { type: 'function_call_output', call_id: call.call_id, output }
        : { role: 'tool', tool_call_id: call.id, content: output },
    );
  }
  return results;
}

module.exports = { guardTools, runToolCalls };
