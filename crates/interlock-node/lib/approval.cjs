'use strict';
// How a call waits for a person.

const { setTimeout: sleep } = require('node:timers/promises');
const { userInfo } = require('node:os');
const errors = require('./errors.cjs');
const made = require('./decision.cjs');
const scope = require('./scope.cjs');
const { isPlainObject } = require('./plain.cjs');

/** What a server sends; without one nobody would ever be asked. */
const SERVER_CHANNELS = ['slack', 'email', 'webhook', 'teams', 'pagerduty'];

/** The first and the longest pause between two looks at an approval, in milliseconds. */
const PAUSE_MIN_MS = 20;
const PAUSE_MAX_MS = 500;

/** The same with a server, which is asked over a network. */
const PAUSE_SERVER_MS = 2_000;

/** Refuses a channel that cannot work, before the first call needs it. */
function checked(channel, server = false) {
  if (server) {
    // Whom the server asks, and how, is its policies' affair; the call waits.
    if (SERVER_CHANNELS.includes(channel)) return 'wait';
    if (typeof channel === 'function' || channel === 'console') {
      throw new errors.ConfigurationError(
        'the server asks people and takes their answers; use "wait" or undefined, and answer at the server',
        'config.approval',
      );
    }
  }
  if (channel === undefined || channel === null) return undefined;
  if (typeof channel === 'function' || channel === 'wait' || channel === 'console') return channel;
  if (SERVER_CHANNELS.includes(channel)) {
    throw new errors.ConfigurationError(
      `approval: "${channel}" needs a server, and this process decides on its own; ` +
        'use "wait", "console" or a function',
      'config.approval',
    );
  }
  throw new errors.ConfigurationError(
    `\`approval\` must be "wait", "console", a function or undefined, not ${JSON.stringify(channel)}`,
    'config.approval',
  );
}

/** The arguments that people agreed to, where they changed them. */
function edited(approval) {
  if (approval.state !== 'approved_edited') return undefined;
  let found;
  try {
    found = JSON.parse(JSON.parse(approval.asked.detail).edited_arguments);
  } catch (cause) {
    throw new errors.InterlockError(
      'people agreed to other arguments, and what they are was not told',
      'approval.edited',
      { cause },
    );
  }
  if (!isPlainObject(found)) {
    throw new errors.InterlockError(
      'people agreed to arguments that are no object, so that no tool can take them',
      'approval.edited',
    );
  }
  return found;
}

/** Hands arguments that people changed to the call, which must run with them. Says whether they did. */
function take(approval, call) {
  const found = edited(approval);
  if (found === undefined) return false;
  if (typeof call.edit !== 'function') {
    throw new errors.InterlockError(
      'people agreed to other arguments, and this call cannot take them',
      'approval.edited',
    );
  }
  call.edit(found);
  return true;
}

function ended(decision, approval) {
  if (approval.approved) return approval;
  if (approval.pending) throw new errors.ApprovalTimeout(decision);
  throw new errors.ApprovalDenied(decision, approval);
}

async function look({ engine, server }, id) {
  try {
    return made.approval(await (server === undefined ? engine.approval(id) : engine.askApproval(id)));
  } catch (error) {
    throw errors.typed(error);
  }
}

/** As `look`, at once. */
function lookSync({ engine }, id) {
  try {
    return made.approval(engine.approvalSync(id, 0));
  } catch (error) {
    throw errors.typed(error);
  }
}

function answer(engine, id, who, yes) {
  try {
    return made.approval(engine.decideApproval(id, who, yes, '', undefined));
  } catch (error) {
    throw errors.typed(error);
  }
}

/**
 * Waits until a person agreed; answers the approval, whose id is to be checked with again. Arguments
 * that they changed must be used: see `take`.
 * Throws ApprovalRequired, ApprovalDenied or ApprovalTimeout, or the reason of `signal`.
 */
async function obtain(interlock, decision, channel, timeoutMs, signal) {
  const { engine } = interlock;
  const id = decision.approvalId;
  if (channel === undefined || !id) throw new errors.ApprovalRequired(decision);
  let approval = await look(interlock, id);
  if (channel === 'wait') {
    const deadline = performance.now() + timeoutMs;
    let pause = PAUSE_MIN_MS;
    while (approval.pending) {
      const left = deadline - performance.now();
      if (left <= 0) break;
      await sleep(Math.min(pause, left), undefined, { signal });
      pause = Math.min(pause * 2, interlock.server === undefined ? PAUSE_MAX_MS : PAUSE_SERVER_MS);
      approval = await look(interlock, id);
    }
  } else if (approval.pending) {
    const person = channel === 'console' ? userInfo().username : 'callback';
    const yes = await scope.unmonitored(() => (channel === 'console' ? ask(approval) : channel(approval)));
    signal?.throwIfAborted();
    approval = answer(engine, id, person, yes === true);
  }
  return ended(decision, approval);
}

/** As `obtain`, holding up the event loop: for calls that must answer at once. */
function obtainSync(interlock, decision, channel, timeoutMs) {
  const { engine } = interlock;
  const id = decision.approvalId;
  if (channel === undefined || !id) throw new errors.ApprovalRequired(decision);
  if (channel === 'console') {
    throw new errors.ConfigurationError(
      'approval: "console" cannot ask within a synchronous call',
      'config.approval',
    );
  }
  let approval;
  try {
    const waitMs = channel === 'wait' ? Math.min(timeoutMs, 0xffff_ffff) : 0;
    approval = made.approval(engine.approvalSync(id, waitMs));
  } catch (error) {
    throw errors.typed(error);
  }
  if (approval.pending && typeof channel === 'function') {
    const yes = scope.unmonitored(() => channel(approval));
    if (typeof yes?.then === 'function') {
      yes.then(undefined, () => {});
      throw new errors.ConfigurationError(
        'the function given as `approval` answered a promise within a synchronous call',
        'config.approval',
      );
    }
    approval = answer(engine, id, 'callback', yes === true);
  }
  return ended(decision, approval);
}

/** The text with everything spelt out that a terminal would not show as it is. */
function visible(text) {
  return String(text).replace(
    /[^\x20-\x7e]/gu,
    (c) => `\\u{${c.codePointAt(0).toString(16)}}`,
  );
}

async function ask(approval) {
  if (!process.stdin.isTTY) {
    throw new errors.ConfigurationError(
      'approval: "console" needs a terminal, and standard input is none',
      'config.approval',
    );
  }
  const lines = [`Approval ${approval.id} (until ${approval.expiresAt})`];
  for (const name of ['agent', 'actionType', 'tool', 'resource', 'reason', 'risk', 'detail']) {
    lines.push(`  ${name.padEnd(12)} ${visible(approval.asked[name])}`);
  }
  const { createInterface } = require('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    process.stderr.write(`\n${lines.join('\n')}\n`);
    return (await terminal.question('Let it run? Type `yes` to agree: ')).trim() === 'yes';
  } finally {
    terminal.close();
  }
}

module.exports = { checked, look, obtain, lookSync, obtainSync, take };
