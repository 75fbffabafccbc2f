// Every screen has its pictures, and the guide shows one of each.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SCREENS } from '../src/app';

const docs = new URL('../../docs/', import.meta.url);
const names = [...SCREENS.map((s) => (s.path === '' ? 'now' : s.path)), 'sign-in'];

describe('pictures of the screens (`make pictures`)', () => {
  it.each(names)('%s, light and dark', (name) => {
    for (const scheme of ['light', 'dark']) expect(existsSync(new URL(`console/${name}-${scheme}.png`, docs)), scheme).toBe(true);
  });

  it('are shown by the guide', () => {
    const guide = readFileSync(new URL('guides/console.md', docs), 'utf8');
    for (const name of names) expect(guide, name).toContain(`console/${name}-light.png`);
  });

  it('there are some', () => expect(names.length).toBeGreaterThan(8));
});
