// Actions as screens need them: how they are filtered, and what the record says of one.

import type { Schema } from './api/client';
import type { Reading } from './filter/grammar';

export type Action = Schema['ActionBody'];
export type Explained = Schema['ExplainedBody'];

/** How filters see an action that the browser holds; who answered its approval, the server alone knows. */
export const ACTION_READING: Reading<Action> = {
  texts: (a, field) => {
    switch (field) {
      case 'agent':
        return [a.agent_id];
      case 'type':
        return [a.action_type];
      case 'tool':
        return [a.tool];
      case 'resource':
        return [a.resource];
      case 'rule':
        return a.rules;
      case 'detector':
        return a.findings;
      case 'asi':
        return a.asi;
      case 'session':
        return [a.session_id];
      case 'run':
        return [a.run_id];
      case 'env':
        return [a.environment];
      case 'reason':
        return [a.reason];
      case 'source':
        return [a.source];
      default:
        return [];
    }
  },
  number: (a, field) => {
    switch (field) {
      case 'risk':
        return a.risk;
      case 'step':
        return a.step;
      case 'latency':
        return a.latency_ms;
      default:
        return a.cost_usd === null || a.cost_usd === undefined ? null : Number(a.cost_usd);
    }
  },
  name: (a, field, name) => {
    switch (`${field}:${name}`) {
      case 'is:flagged':
        return a.flagged;
      case 'is:rolled_back':
        return a.rolled_back;
      case 'is:erased':
        return a.erased;
      case 'is:degraded':
        return a.degraded;
      case 'is:reported':
        return a.reported;
      case 'has:approval':
        return a.approval_id !== null && a.approval_id !== undefined;
      case 'has:finding':
        return a.findings.length > 0;
      case 'has:rule':
        return a.rules.length > 0;
      case 'has:outcome':
        return a.outcome !== null && a.outcome !== undefined;
      default:
        return field === 'decision' ? a.effect === name : field === 'outcome' && a.outcome === name;
    }
  },
  at: (a) => a.timestamp,
};

/** Whether an action was stopped, or waits for a person. */
export const isStopped = (a: Action) => a.effect === 'block' || a.effect === 'require_approval';

const DIMENSIONS = ['action', 'agent', 'temporal', 'environment', 'behaviour', 'compliance', 'data'] as const;

export interface RiskTerm {
  code: string;
  points: number;
  value: number | null;
}

export interface Dimension {
  name: string;
  score: number;
  terms: RiskTerm[];
}

export interface Fired {
  id: string;
  kind: string;
  effect: string;
  decided: boolean;
  errored: boolean;
}

export interface Found {
  code: string;
  /** 0 to 100; null where the record holds the code alone, as for results. */
  confidence: number | null;
  path: string;
}

/** What the record of a decision says, read defensively: a record of another version lacks what it lacks. */
export interface Told {
  composite: number | null;
  floor: string | null;
  dimensions: Dimension[];
  fired: Fired[];
  shadow: Fired[];
  findings: Found[];
  reasons: { code: string; message: string }[];
  obligations: string[];
  facts: [string, unknown][];
  readings: [string, unknown][];
  approval: string | null;
  actionHash: string | null;
  assurance: string | null;
  program: string | null;
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
const object = (value: unknown): Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

function fired(value: unknown): Fired[] {
  return list(value).map((item) => {
    const [id, kind, effect, decided, errored] = list(item);
    return { id: text(id), kind: text(kind), effect: text(effect), decided: decided === 1, errored: errored === 1 };
  });
}

function findings(value: unknown): Found[] {
  return list(value).map((item) => {
    if (typeof item === 'string') return { code: item, confidence: null, path: '' };
    const [code, confidence, path] = list(item);
    return { code: text(code), confidence: number(confidence), path: text(path) };
  });
}

function obligation(value: unknown): string {
  const [kind, ...rest] = list(value);
  switch (kind) {
    case 'notify':
      return `tell ${rest.map(text).join(', ')}`;
    case 'redact':
      return `redact ${rest.length} place${rest.length === 1 ? '' : 's'}: ${rest.map((r) => text(list(r)[0])).join(', ')}`;
    case 'snapshot':
      return 'keep what is there before';
    case 'approve':
      return `ask ${text(rest[0])}, ${number(rest[1])} must agree`;
    case 'throttle':
      return `wait ${number(rest[0])} ms`;
    default:
      return text(kind);
  }
}

function flatFacts(value: unknown): [string, unknown][] {
  return Object.entries(object(value)).flatMap(([group, facts]) =>
    Object.entries(object(facts)).map(([name, v]): [string, unknown] => [group === 'action' ? name : `${group}.${name}`, v]),
  );
}

export function told(decision: unknown): Told {
  const d = object(decision);
  const scores = list(d['dims']);
  const terms: RiskTerm[] = list(d['terms']).map((item) => {
    const [code, points, value] = list(item);
    return { code: text(code), points: number(points), value: typeof value === 'number' ? value : null };
  });
  return {
    composite: typeof d['risk'] === 'number' ? d['risk'] : null,
    floor: text(d['floor']) || null,
    dimensions: DIMENSIONS.map((name, i) => ({
      name,
      score: number(scores[i]),
      terms: terms.filter((t) => t.code.startsWith(`${name}.`)),
    })),
    fired: fired(d['rules']),
    shadow: fired(d['shadow']),
    findings: findings(d['findings']),
    reasons: list(d['reasons']).map((item) => {
      const [code, message] = list(item);
      return { code: text(code), message: text(message) };
    }),
    obligations: list(d['obligations']).map(obligation),
    facts: flatFacts(d['facts']),
    readings: Object.entries(object(d['readings'])),
    approval: text(d['approval']) || null,
    actionHash: text(d['action_hash']) || null,
    assurance: text(d['assurance']) || null,
    program: text(d['program']) || null,
  };
}

export interface Ended {
  status: string;
  latencyMs: number | null;
  costUsd: string | null;
  rows: number | null;
  bytes: number | null;
  findings: Found[];
}

/** Nano-dollars as a decimal, exactly. */
export function dollars(nano: number): string {
  const whole = Math.trunc(nano / 1e9);
  const rest = String(Math.abs(nano % 1e9)).padStart(9, '0').replace(/0+$/, '');
  return rest === '' ? String(whole) : `${whole}.${rest}`;
}

export function ended(outcome: unknown): Ended | null {
  const o = object(outcome);
  if (typeof o['status'] !== 'string') return null;
  const maybe = (name: string) => (typeof o[name] === 'number' ? (o[name] as number) : null);
  const cost = maybe('cost_nano_usd');
  return {
    status: o['status'],
    latencyMs: maybe('latency_ms'),
    costUsd: cost === null || cost === 0 ? null : dollars(cost),
    rows: maybe('rows'),
    bytes: maybe('result_bytes'),
    findings: findings(o['findings']),
  };
}

/** The terms that weigh most. */
export function topTerms(dimensions: Dimension[], count: number): RiskTerm[] {
  return dimensions
    .flatMap((d) => d.terms)
    .filter((t) => t.points > 0)
    .sort((a, b) => b.points - a.points)
    .slice(0, count);
}

const VERBS: Readonly<Record<string, string>> = {
  file_read: 'read',
  file_write: 'write',
  file_delete: 'delete',
  database_query: 'query',
  database_write: 'change',
  network_request: 'send a request to',
  api_call: 'call',
  code_execution: 'run code in',
  process_spawn: 'start',
  message_send: 'send a message to',
  payment: 'pay through',
  permission_change: 'change permissions of',
  llm_call: 'ask a model',
};

/** What an action wants, in words of our own; names of agents stay out of the sentence. */
export function verb(actionType: string): string {
  return VERBS[actionType] ?? actionType;
}
