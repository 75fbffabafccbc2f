import { describe, expect, it } from 'vitest';
import { find, rank } from '../src/parts/Palette';

const named = (...names: string[]) => names.map((name) => ({ name, keys: '', run: () => {} }));
const names = (wanted: string, ...of: string[]) => find(named(...of), wanted).map((c) => c.name);

describe('the palette finds', () => {
  const all = ['Go to Runs', 'Go to Now', 'Approvals: approve', 'Approvals: deny and say why', 'Sign out'];

  it('by letters in their order, the whole word first', () => {
    expect(names('gorun', ...all)).toEqual(['Go to Runs']);
    expect(names('deny', ...all)).toEqual(['Approvals: deny and say why']);
    expect(names('APPROVE', ...all)[0]).toBe('Approvals: approve');
    expect(names('so', ...all)).toContain('Sign out');
  });

  it('everything, before anything is written', () => expect(names('', ...all)).toEqual(all));

  it('nothing that is not there', () => {
    expect(names('zzz', ...all)).toEqual([]);
    expect(rank('Now', 'wn')).toBeNull();
  });
});
