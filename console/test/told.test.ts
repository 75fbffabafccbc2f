import { describe, expect, it } from 'vitest';
import { dollars, ended, told, topTerms, type Action } from '../src/actions';
import { strictest } from '../src/parts/Timeline';
import { partsOf } from '../src/router';
import { nextStopped } from '../src/screens/Replay';
import { offsetOf } from '../src/screens/BundleEditor';

const frame = (effect: string) => ({ effect }) as Action;

describe('what the record says', () => {
  it('is read', () => {
    const t = told({
      risk: 95,
      floor: 'action',
      dims: [100, 10, 0, 40, 0, 0, 0],
      terms: [['action.no-where', 60], ['action.write', 30], ['agent.few-actions', 15, 4], ['agent.claimed', -5]],
      rules: [['unbounded-writes', 'rule', 'block', 1, 0]],
      findings: [['sql-injection.tautology', 80, 'arguments.sql', 0, 9]],
      reasons: [['policy.rule', 'because']],
      obligations: [['notify', 'team'], ['approve', 'finance', 2, 60_000]],
      facts: { action: { side_effect: true }, sql: { unbounded: true } },
    });
    expect(t.composite).toBe(95);
    expect(t.dimensions[0]).toMatchObject({ name: 'action', score: 100 });
    expect(t.dimensions[1]?.terms).toHaveLength(2);
    expect(topTerms(t.dimensions, 2).map((x) => x.code)).toEqual(['action.no-where', 'action.write']);
    expect(t.fired[0]).toEqual({ id: 'unbounded-writes', kind: 'rule', effect: 'block', decided: true, errored: false });
    expect(t.obligations).toEqual(['tell team', 'ask finance, 2 must agree']);
    expect(t.facts).toEqual([['side_effect', true], ['sql.unbounded', true]]);
  });

  // A record of another version, or one that was damaged, must not take the screen down.
  it.each([[null], [[]], ['x'], [{ dims: 'x', terms: [null, [], [1, 2]], rules: {}, reasons: [[]], facts: [1], findings: [[{}]] }]])('survives %j', (body) => {
    expect(() => told(body)).not.toThrow();
    expect(() => ended(body)).not.toThrow();
  });

  it.each([
    [500_000_000, '0.5'],
    [12_000_000_000, '12'],
    [1, '0.000000001'],
  ])('%d nano-dollars are %s', (nano, text) => expect(dollars(nano)).toBe(text));
});

describe('stepping', () => {
  const frames = ['allow', 'block', 'allow', 'require_approval', 'allow'].map(frame);
  it.each([
    [0, 1, 1],
    [1, 1, 3],
    [3, 1, -1],
    [4, -1, 3],
    [1, -1, -1],
    [-1, 1, 1],
  ] as const)('from %d by %d to %d', (from, step, to) => expect(nextStopped(frames, from, step)).toBe(to));

  it('shows the strictest frame of a column, and misses no block among a hundred thousand', () => {
    const many = Array.from({ length: 100_000 }, (_, i) => frame(i === 77_777 ? 'block' : 'allow'));
    const columns = strictest(many, 400);
    expect(columns).toHaveLength(400);
    expect(columns.filter((c) => c === 5)).toHaveLength(1);
    expect(columns[Math.floor((77_777 * 400) / 100_000)]).toBe(5);
  });
});

describe('addresses and places', () => {
  it('ids of agents come back as they were', () => {
    expect(partsOf('/runs/a%2Fb%3Fc')).toEqual(['runs', 'a/b?c']);
    expect(partsOf('/runs/%zz')).toEqual(['runs', '%zz']);
  });
  it.each([
    ['ab\ncd', 2, 2, 4],
    ['\u{1f600}x', 1, 2, 2],
    ['ab', 9, 1, 2],
  ] as const)('%j line %d column %d is at %d', (text, line, column, at) => expect(offsetOf(text, line, column)).toBe(at));
});
