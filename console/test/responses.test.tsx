// Rules of responses and the state of channels, as the page shows them.

import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import type { Schema } from '../src/api/client';
import { ChannelLine, channelState, SinkLine } from '../src/parts/Reach';
import { sentence } from '../src/screens/ResponseRules';
import { namesOf, NEW, RuleDialog, withRule } from '../src/screens/RuleDialog';

const channel = (over: Partial<Schema['ChannelBody']> = {}): Schema['ChannelBody'] => ({
  name: 'ops',
  kind: 'pagerduty',
  waiting: 0,
  given_up: 0,
  failures: 0,
  ...over,
});

test('a rule takes the place of the one that it changes, also under another name', () => {
  const rules = [
    { ...NEW, id: 'a' },
    { ...NEW, id: 'b' },
  ];
  expect(withRule(rules, 'a', { ...NEW, id: 'c' }).map((r) => r.id)).toEqual(['c', 'b']);
  expect(withRule(rules, null, { ...NEW, id: 'c' }).map((r) => r.id)).toEqual(['a', 'b', 'c']);
  expect(namesOf(' ops, team  ops\n')).toEqual(['ops', 'team']);
});

test('a rule says all that it goes by', () => {
  expect(sentence({ ...NEW, id: 'r' })).toBe('3 alerts of level high or worse of one agent within 300 s: pause, dry run');
  const all = { ...NEW, id: 'r', scope: 'tool', agent: 'b*', detector: 'pii', action: 'rollback', last: 5, notify: ['ops'], enabled: false, dry_run: false };
  expect(sentence(all)).toBe(
    '3 alerts of level high or worse with one tool within 300 s, only of agents like b*, only what pii found: rollback of 5 steps, tells ops, switched off',
  );
});

test('a new rule stops nobody until somebody says so', () => {
  expect(NEW.dry_run).toBe(true);
  const html = renderToStaticMarkup(<RuleDialog rule={null} onClose={() => {}} save={() => Promise.resolve()} />);
  for (const label of ['Name', 'So many alerts', 'within so many seconds', 'Only say what it would do']) expect(html).toContain(label);
  expect(html).not.toContain('So many steps');
  const undo = renderToStaticMarkup(<RuleDialog rule={{ ...NEW, action: 'rollback', last: 7 }} onClose={() => {}} save={() => Promise.resolve()} />);
  expect(undo).toContain('value="7"');
});

test('a channel that fails says why, as text', () => {
  expect(channelState(channel())).toBe('works');
  expect(channelState(channel({ waiting: 2 }))).toBe('waits');
  expect(channelState(channel({ given_up: 1, waiting: 2 }))).toBe('gave up');
  const failing = channel({ failures: 2, waiting: 3, last_error: '<b>no\u202e</b>', failed_at: '2026-11-21T00:00:00Z' });
  expect(channelState(failing)).toBe('fails');
  const html = renderToStaticMarkup(<ChannelLine channel={failing} />);
  expect(html).toContain('3 wait');
  expect(html).not.toContain('<b>');
  expect(html).not.toContain('\u202e');
});

test('a sink says how far behind it is', () => {
  const sink: Schema['SinkBody'] = { name: 'siem', format: 'ocsf', destination: 'hec', lag_entries: 9, delivered: 1, rejected: 0, failures: 1, last_error: 'refused' };
  const html = renderToStaticMarkup(<SinkLine sink={sink} />);
  for (const part of ['9 entries behind', 'refused', 'fails']) expect(html).toContain(part);
});
