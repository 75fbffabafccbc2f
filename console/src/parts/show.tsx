// Small things that many screens show: effects, risks, times, problems.

import { useEffect, useState, type ReactNode } from 'react';
import { explain } from '../api/client';
import type { Query } from '../api/query';

const EFFECTS: Readonly<Record<string, string>> = {
  allow: 'allowed',
  alert: 'allowed, alert',
  redact: 'redacted',
  sandbox: 'sandboxed',
  require_approval: 'asked a person',
  block: 'blocked',
};

export function Effect({ effect }: { effect: string }) {
  return <span className={`effect effect-${Object.hasOwn(EFFECTS, effect) ? effect : 'other'}`}>{EFFECTS[effect] ?? effect}</span>;
}

export function riskBand(risk: number): 'low' | 'some' | 'high' | 'severe' {
  return risk >= 85 ? 'severe' : risk >= 60 ? 'high' : risk >= 40 ? 'some' : 'low';
}

export function Risk({ risk }: { risk: number }) {
  return (
    <span className={`risk risk-${riskBand(risk)}`} title={`risk ${risk} of 100`}>
      <span className="sr">risk </span>
      {risk}
    </span>
  );
}

/** A clock that moves once a second, for everything that counts. */
export function useNow(every = 1_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** A span of time in its largest two units. */
export function span(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1_000));
  if (s < 60) return `${s} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return `${m} min`;
  const h = Math.floor(m / 60);
  if (h < 48) return `${h} h ${m % 60} min`;
  return `${Math.floor(h / 24)} d`;
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: '2-digit', month: 'short', year: 'numeric' });

export function Time({ at, long = false }: { at: string | null | undefined; long?: boolean }) {
  const date = at ? new Date(at) : null;
  if (!date || Number.isNaN(date.getTime())) return <span className="none">never</span>;
  const today = DAY.format(date) === DAY.format(new Date());
  return (
    <time dateTime={at ?? ''} title={date.toISOString()}>
      {today && !long ? CLOCK.format(date) : `${DAY.format(date)}, ${CLOCK.format(date)}`}
    </time>
  );
}

export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  if (error === null || error === undefined) return null;
  return (
    <div className="problem" role="alert">
      <span>{explain(error)}</span>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Says that something is old, that it is on its way, or nothing. Its place is always taken. */
export function Freshness({ query }: { query: Query<unknown> }) {
  const now = useNow(5_000);
  const old = query.at > 0 && query.error !== null;
  return (
    <span className="freshness" role="status">
      {old ? `not heard from the server for ${span(now - query.at)}` : query.loading ? 'loading' : ''}
    </span>
  );
}

export function Facts({ items }: { items: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="facts">
      {items.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="empty">{children}</p>;
}

export function Panel({ title, children, aside }: { title: string; children: ReactNode; aside?: ReactNode }) {
  return (
    <section className="panel" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}
