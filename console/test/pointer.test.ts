import { describe, expect, it } from 'vitest';
import { under } from '../src/pointer';

describe('what stands under a JSON pointer', () => {
  const value = { a: [1, { 'b/c~': 'x' }], n: null };
  it.each([
    ['', value],
    ['/a/0', 1],
    ['/a/1/b~1c~0', 'x'],
    ['/a/2', undefined],
    ['/n', null],
    ['/n/x', undefined],
    ['/constructor', undefined],
    ['/a/length', undefined],
  ])('%s', (pointer, expected) => expect(under(value, pointer)).toEqual(expected));
});
