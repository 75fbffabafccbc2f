'use strict';
// What was decided about an action.

const { inspect } = require('node:util');

class Decision {
  constructor(fields) {
    Object.assign(this, fields);
    Object.freeze(this);
  }

  /** The first reason, for the operator. Never show it to the agent. */
  get reason() {
    return this.reasons[0]?.message ?? '';
  }

  /** The stable code of the first reason. */
  get code() {
    return this.reasons[0]?.code ?? '';
  }

  [inspect.custom](depth, options, show) {
    const { id, effect, risk, reason } = this;
    return `Decision ${show({ id, effect, risk, reason }, options)}`;
  }
}

class Approval {
  constructor(fields) {
    Object.assign(this, fields);
    Object.freeze(this);
  }
}

const decision = (json) => new Decision(JSON.parse(json));
const approval = (json) => new Approval(JSON.parse(json));

module.exports = { Decision, Approval, decision, approval };
