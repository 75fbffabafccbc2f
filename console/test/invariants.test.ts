// What must not stand anywhere in the sources.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const root = new URL('../src/', import.meta.url);
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name) && name !== 'api/schema.ts');
const text = (name: string) => readFileSync(new URL(name, root), 'utf8');

describe('no text becomes markup or code', () => {
  it.each(sources)('%s', (name) => {
    expect(text(name)).not.toMatch(/dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|createContextualFragment/i);
    // Nothing of another origin, and no address that was not made by the router or the client.
    expect(text(name)).not.toMatch(/['"`]https?:\/\//);
    expect(text(name)).not.toMatch(/target=["'{]/);
  });

  it('one file asks the server', () => {
    expect(sources.filter((name) => /\bfetch\(/.test(text(name)))).toEqual(['api/client.ts']);
  });

  it('the key is in no storage that outlives the tab', () => {
    const lasting = sources.filter((name) => /localStorage/.test(text(name)));
    expect(lasting.sort()).toEqual(['proof/trust.ts', 'theme.ts', 'way.ts']);
  });

  it('there is something to look at', () => expect(sources.length).toBeGreaterThan(30));
});
