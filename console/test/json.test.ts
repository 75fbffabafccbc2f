import { describe, expect, it } from 'vitest';
import { changes, JsonProblem, keepsMask, parse, patch, write } from '../src/edit/json';

const wrong = (text: string): [number, number, string] => {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof JsonProblem) return [error.line, error.column, error.message];
    throw error;
  }
  throw new Error(`nothing is wrong with ${text}`);
};
const between = (a: string, b: string) => patch(changes(parse(a), parse(b)));

describe('JSON that somebody edits', () => {
  it('keeps the digits of numbers', () => {
    for (const text of ['4.50', '90071992547409931', '-0', '0.1', '123456789012345678901234567890.10']) {
      expect(write(parse(`{"n":${text}}`))).toBe(`{"n":${text}}`);
    }
  });

  it('reads what JSON.parse reads', () => {
    for (const text of ['{"a":[1,{"b":null}],"c":"\\u00e4\\n\\"\\\\\\/"}', '[]', '{}', 'true', '" x "', '[[[]]]', '{"":0}', '"\\ud83d\\ude00"']) {
      expect(JSON.parse(write(parse(text)))).toEqual(JSON.parse(text));
      expect(JSON.parse(write(parse(text), 2))).toEqual(JSON.parse(text));
    }
  });

  it('shows what cannot be seen as an escape, and keeps it', () => {
    const text = JSON.stringify({ file: 'invoice\u202egpj.exe', to: 'pay\u200bpal', tag: '\u{e0041}', plain: 'ä 😀' });
    const shown = write(parse(text), 2);
    expect(shown).toContain('invoice\\u202egpj.exe');
    expect(shown).toContain('pay\\u200bpal');
    expect(shown).toContain('\\udb40\\udc41');
    expect(shown).toContain('ä 😀');
    expect(JSON.parse(shown)).toEqual(JSON.parse(text));
  });

  it.each([
    ['{\n  "a": 1,\n  "b": \n}', 4, 1, 'no value'],
    ['{"a": 1 "b": 2}', 1, 9, 'comma'],
    ['{"a": 1,}', 1, 9, 'nothing after the comma'],
    ["{'a': 1}", 1, 2, 'double quotes'],
    ['{"a": \'x\'}', 1, 7, 'double quotes'],
    ['{"a": 1, "a": 2}', 1, 10, 'twice'],
    ['{"a": 01}', 1, 7, 'no number'],
    ['{"a": 1e3}', 1, 7, 'exponent'],
    ['{"a": NaN}', 1, 7, 'no value'],
    ['{"a": "x\ny"}', 1, 7, 'no end'],
    ['{"a": "\\x"}', 1, 8, 'no such escape'],
    ['{"a": "\\u12"}', 1, 8, 'four hexadecimal'],
    ['{"a": "\\ud800"}', 1, 7, 'half of a character'],
    ['{"a": 1} 2', 1, 10, 'ended before'],
    ['', 1, 1, 'missing'],
    ['[1, 2', 1, 6, 'comma or `]`'],
    [`${'['.repeat(80)}`, 1, 66, 'nested deeper'],
  ])('says where: %j', (text, line, column, part) => {
    const [l, c, message] = wrong(text);
    expect([l, c]).toEqual([line, column]);
    expect(message).toContain(part);
  });

  it('says what changed, and nothing else', () => {
    expect(between('{"a":1,"b":[1,2]}', '{"b":[1,2],"a":1}')).toBe('[]');
    expect(between('{"amount":120,"to":"x"}', '{"amount":90.50,"to":"x"}')).toBe('[{"op":"replace","path":"/amount","value":90.50}]');
    expect(between('{"a/b":1,"c~":2}', '{"c~":3}')).toBe('[{"op":"remove","path":"/a~1b"},{"op":"replace","path":"/c~0","value":3}]');
    expect(between('{"l":[1,2,3,4]}', '{"l":[1]}')).toBe('[{"op":"remove","path":"/l/3"},{"op":"remove","path":"/l/2"},{"op":"remove","path":"/l/1"}]');
    expect(between('{"l":[1]}', '{"l":[2,3],"n":{}}')).toBe('[{"op":"replace","path":"/l/0","value":2},{"op":"add","path":"/l/1","value":3},{"op":"add","path":"/n","value":{}}]');
    expect(between('1', '{"a":1}')).toBe('[{"op":"replace","path":"","value":{"a":1}}]');
    expect(between('1.0', '1')).toBe('[{"op":"replace","path":"","value":1}]');
  });

  it('notices a mask that would be sent instead of what it hides', () => {
    const masked = (a: string, b: string) => changes(parse(a), parse(b)).some(keepsMask);
    expect(masked('{"to":"j**@example.com"}', '{"to":"k**@example.com"}')).toBe(true);
    expect(masked('{"to":"[EMAIL]"}', '{"to":"see [EMAIL]"}')).toBe(true);
    expect(masked('{"to":"j***@example.com"}', '{"to":"ops@example.com"}')).toBe(false);
    expect(masked('{"to":"j***@example.com","n":1}', '{"to":"j***@example.com","n":2}')).toBe(false);
    expect(masked('{"note":"a * b"}', '{"note":"a * c"}')).toBe(false);
  });
});
