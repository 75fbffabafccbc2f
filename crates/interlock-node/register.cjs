'use strict';
// `node --import @interlock/sdk/register` puts the monitor's replacements in place before the
// program's own modules load, so that no module keeps a reference to what was there before.

require('./lib/monitor/index.cjs').install();
