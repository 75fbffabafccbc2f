'use strict';
// Where the server is, and how it is asked.

const path = require('node:path');
const { ConfigurationError } = require('./errors.cjs');

const MODES = ['connected', 'remote'];
const WORDS = ['closed', 'open'];

/** Options that say nothing without a server. */
const ONLY_WITH = ['apiKey', 'offlineReads', 'serverKey', 'caFile', 'allowPlainHttp'];

function invalid(message) {
  return new ConfigurationError(message, 'config.invalid');
}

function rules(given) {
  const named = typeof given === 'object' && given !== null ? given : { '*': given };
  return Object.entries(named).map(([name, word]) => {
    if (!WORDS.includes(word)) {
      throw invalid(`\`onUnavailable\` must be "closed" or "open", not ${JSON.stringify(word)} for \`${name}\``);
    }
    return { name, word };
  });
}

/** The mode, and the server as the addon takes it; none where this process decides by itself. */
function settings(options) {
  const { server, mode } = options;
  if (server === undefined || server === null) {
    if (mode !== undefined && mode !== 'embedded') {
      throw invalid(`\`mode\` ${JSON.stringify(mode)} needs a \`server\``);
    }
    if (options.onUnavailable !== undefined && options.onUnavailable !== 'closed') {
      throw invalid('`onUnavailable` is about a `server`, and there is none');
    }
    for (const name of ONLY_WITH) {
      if (options[name] !== undefined) throw invalid(`\`${name}\` is about a \`server\`, and there is none`);
    }
    return { mode: 'embedded' };
  }
  if (mode !== undefined && !MODES.includes(mode)) {
    throw invalid(`\`mode\` must be "connected" or "remote", not ${JSON.stringify(mode)}`);
  }
  if (options.policy !== undefined && options.policy !== 'default') {
    throw new ConfigurationError("policies are the server's: publish `policy` there", 'config.policy');
  }
  const remote = mode === 'remote';
  if (options.serverKey !== undefined && remote) {
    throw invalid('`serverKey` is for `mode: "connected"`; elsewhere `https://` proves who answers');
  }
  const offlineReads = options.offlineReads ?? 'open';
  if (!WORDS.includes(offlineReads)) {
    throw invalid(`\`offlineReads\` must be "closed" or "open", not ${JSON.stringify(offlineReads)}`);
  }
  return {
    mode: remote ? 'remote' : 'connected',
    server: {
      url: String(server).replace(/\/$/, ''),
      apiKey: String(options.apiKey ?? process.env.INTERLOCK_API_KEY ?? ''),
      remote,
      serverKey: options.serverKey,
      onUnavailable: rules(options.onUnavailable ?? 'closed'),
      offlineReads: offlineReads === 'open',
      caFile: options.caFile === undefined ? undefined : path.resolve(String(options.caFile)),
      allowPlainHttp: options.allowPlainHttp === true,
    },
  };
}

module.exports = { settings, OPTIONS: ['server', 'mode', 'onUnavailable', ...ONLY_WITH] };
