'use strict';

const { Interlock, guard, maskPii, findPii, version } = require('./lib/client.cjs');
const { Decision, Approval } = require('./lib/decision.cjs');
const { denied: _denied, typed: _typed, ...errors } = require('./lib/errors.cjs');

module.exports = { Interlock, guard, maskPii, findPii, version, Decision, Approval, ...errors };
