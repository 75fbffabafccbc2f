// What a policy is shown of arguments, held against JSON.stringify on random values.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const require = createRequire(import.meta.url);
const { snapshot, redacted } = require(join(dirname(require.resolve('@interlock/sdk')), 'lib/plain.cjs'));

const SOAK = process.env.INTERLOCK_SOAK === '1';
const ROUNDS = SOAK ? 200_000 : 3_000;

/** xorshift32: the same values in every run, unless SEED says otherwise. */
function generator(seed) {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const TEXTS = ['', 'a', '"\\\n\t\u0000\u001f', '\u2028\u2029', 'ä😀', '__proto__', 'constructor', 'toJSON', '</script>'];
const NUMBERS = [0, -0, 1, -1, 1.5, 1e21, 1e-7, Number.MAX_SAFE_INTEGER, Number.MIN_VALUE, Number.MAX_VALUE];

function value(draw, depth) {
  switch (draw(depth > 4 ? 5 : 8)) {
    case 0: return TEXTS[draw(TEXTS.length)];
    case 1: return NUMBERS[draw(NUMBERS.length)];
    case 2: return draw(2) === 0;
    case 3: return null;
    case 4: return undefined;
    case 5: return Array.from({ length: draw(5) }, () => value(draw, depth + 1));
    default: {
      const object = {};
      for (let i = draw(5); i > 0; i--) {
        Object.defineProperty(object, TEXTS[draw(TEXTS.length)] + (draw(2) ? i : ''), {
          value: value(draw, depth + 1), enumerable: true, configurable: true, writable: true,
        });
      }
      return object;
    }
  }
}

test(`shown as JSON.stringify shows it, and copied whole (${ROUNDS} values)`, () => {
  const seed = Number(process.env.SEED ?? 20261121);
  const draw = generator(seed);
  for (let round = 0; round < ROUNDS; round++) {
    const original = { v: value(draw, 0) };
    const { json, copy } = snapshot('arguments', original);
    assert.equal(json, JSON.stringify(original), `round ${round} of seed ${seed}`);
    assert.equal(JSON.stringify(copy), json);
    assert.deepEqual(redacted(copy, JSON.parse(json)), copy);
  }
  if (!SOAK) console.log(`reduced size: ${ROUNDS} values; INTERLOCK_SOAK=1 draws 200000`);
});
