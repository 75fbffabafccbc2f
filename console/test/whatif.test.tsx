// What comes of a replay, as the page shows it: numbers, hostile names, and what could not be told.

import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import type { Schema } from '../src/api/client';
import { drafts } from '../src/drafts';
import { placeOf, WhatIfResult } from '../src/parts/WhatIfResult';

type Report = Schema['WhatIfReportBody'];

const sample = (over: Partial<Schema['WhatIfSample']> = {}): Schema['WhatIfSample'] => ({
  seq: 7,
  id: '0198c0de-0000-7000-8000-000000000001',
  at: '2026-01-14T10:00:00.000Z',
  run_id: 'a/b',
  agent_id: 'reader',
  action_type: 'file_read',
  tool: 'read_file',
  resource: '/srv/a',
  from: 'allow',
  to: 'block',
  rule: 'r',
  ...over,
});

const none = { count: 0, samples: [] };
const report = (over: Partial<Report> = {}): Report => ({
  actions: 1_234,
  same: 1_233,
  stricter: 1,
  milder: 0,
  not_evaluated: 0,
  scores_as_recorded: 0,
  pairs: [{ from: 'allow', to: 'block', count: 1 }],
  flips: [{ rule: 'r', agent_id: 'reader', tool: 'read_file', from: 'allow', to: 'block', count: 1, samples: [sample()] }],
  flips_further: 0,
  unevaluated: [],
  unevaluated_further: 0,
  reviewers: { asks_more: 0, asks_less: 0, minutes_more: 0, minutes_less: 0, seconds_each: 60, measured: 0, cut: false },
  approved_blocked: none,
  denied_runs: none,
  blocked_runs: none,
  ...over,
});

test('a frame has an address, also without a run', () => {
  expect(placeOf(sample())).toBe('/runs/a%2Fb?frame=7');
  expect(placeOf(sample({ run_id: '' }))).toBe('/audit/7');
});

test('an assumption is called one, and no change is said to be none', () => {
  const html = renderToStaticMarkup(<WhatIfResult report={report({ flips: [], stricter: 0 })} />);
  expect(html).toContain('1,234');
  expect(html).toContain('assumed');
  expect(html).toContain('No decision changes.');
  expect(renderToStaticMarkup(<WhatIfResult report={report({ flips: [], actions: 0 })} />)).toContain('Nothing was recorded');
});

test('what agents call themselves is no markup', () => {
  const evil = '<img src=x onerror=alert(1)>\u202e';
  const flip = { ...report().flips[0]!, agent_id: evil, tool: evil, samples: [sample({ resource: evil }), sample({ seq: 8 })] };
  const html = renderToStaticMarkup(
    <WhatIfResult report={report({ flips: [flip], unevaluated: [{ code: 'argument', meaning: 'a rule reads an argument', what: evil, count: 2, samples: [] }] })} />,
  );
  expect(html).not.toContain('<img');
  expect(html).not.toContain('\u202e');
  expect(html).toContain('data-code="argument"');
});

test('drafts are few and the latest', () => {
  for (let n = 0; n < 30; n += 1) drafts.keep(`d${n}`, String(n));
  expect(drafts.names()).toHaveLength(20);
  expect(drafts.get('d9')).toBeUndefined();
  expect(drafts.get('d29')).toBe('29');
  drafts.drop('d29');
  expect(drafts.get('d29')).toBeUndefined();
});
