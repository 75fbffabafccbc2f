'use strict';
// Tools of the Vercel AI SDK: the set given to `generateText`, `streamText` or an agent.

const { ConfigurationError } = require('./lib/errors.cjs');

/**
 * The same tool set, each tool checked before it runs. What the model may know of a refusal reaches
 * it as the error of the tool. A tool that the provider or the browser runs has no `execute` and
 * cannot be held here: it is refused unless its entry in `options` is `false`.
 */
function guardTools(interlock, tools, options = {}) {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(tools, name)) {
      throw new ConfigurationError(`there is no tool \`${name}\` to guard`, 'guard.tool');
    }
  }
  const guarded = {};
  for (const [name, tool] of Object.entries(tools)) {
    const own = options[name] ?? {};
    if (own === false) {
      guarded[name] = tool;
      continue;
    }
    if (typeof tool?.execute !== 'function') {
      throw new ConfigurationError(
        `\`${name}\` has no \`execute\`: it runs elsewhere, unchecked; say \`${name}: false\` if it may`,
        'guard.tool',
      );
    }
    // After the model's input come the SDK's own messages and signal.
    guarded[name] = interlock.guard(tool, { name, ...own, inputs: 1 });
  }
  return guarded;
}

module.exports = { guardTools };
