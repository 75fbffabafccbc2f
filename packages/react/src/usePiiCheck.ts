'use client';

import { useEffect, useRef, useState } from 'react';
import { request, type Transport } from './transport.js';

/** One place that would be redacted, in UTF-16 code units of the text. */
export interface Found {
  readonly kind: string;
  readonly start: number;
  readonly end: number;
}

/**
 * What is known of a text. `unavailable` is not `clean`: nobody looked, so treat it as not checked.
 */
export type Check =
  | { readonly state: 'idle' | 'checking' | 'unavailable'; readonly text: string }
  | { readonly state: 'clean'; readonly text: string }
  | { readonly state: 'found'; readonly text: string; readonly found: readonly Found[]; readonly masked: string };

export interface PiiCheckOptions extends Transport {
  /** Default `/api/pii/mask`, on the page's own origin. */
  endpoint?: string;
  /** How long the text must stay as it is before it is checked. Default 250. */
  debounceMs?: number;
  /** How long an answer may take. Default 5000. */
  timeoutMs?: number;
  /** Default `partial`. */
  strategy?: 'partial' | 'full' | 'hash';
}

interface Answer {
  masked: string;
  pii_found: boolean;
  detections: { type: string; start: number; end: number }[];
}

function isAnswer(value: unknown): value is Answer {
  const answer = value as Partial<Answer> | null;
  return (
    typeof answer?.masked === 'string' &&
    typeof answer.pii_found === 'boolean' &&
    Array.isArray(answer.detections) &&
    answer.detections.every(
      (one) => typeof one?.type === 'string' && Number.isInteger(one.start) && Number.isInteger(one.end),
    )
  );
}

/** Checks a text for personal data and secrets while it changes; the answer is always for this text. */
export function usePiiCheck(text: string, options: PiiCheckOptions = {}): Check {
  const { endpoint = '/api/pii/mask', debounceMs = 250, timeoutMs = 5_000, strategy = 'partial' } = options;
  const [last, setLast] = useState<Check>({ state: 'idle', text: '' });
  // A new object in every render must not start a check anew.
  const transport = useRef<Transport>(options);
  transport.current = options;

  useEffect(() => {
    if (text === '') return undefined;
    const gone = new AbortController();
    const timer = setTimeout(async () => {
      const late = setTimeout(() => gone.abort(), timeoutMs);
      let check: Check = { state: 'unavailable', text };
      try {
        const answer = await request(
          endpoint,
          {
            method: 'POST',
            body: JSON.stringify({ text, strategy }),
            headers: { 'content-type': 'application/json' },
            signal: gone.signal,
          },
          transport.current,
        );
        if (isAnswer(answer)) {
          const found = answer.detections.map(({ type, start, end }) => ({ kind: type, start, end }));
          check = answer.pii_found
            ? { state: 'found', text, found, masked: answer.masked }
            : { state: 'clean', text };
        }
      } catch {
        // What went wrong is the server's log; here it only means that nobody looked.
      } finally {
        clearTimeout(late);
      }
      if (!over) setLast(check);
    }, debounceMs);
    let over = false;
    return () => {
      over = true;
      clearTimeout(timer);
      gone.abort();
    };
  }, [text, endpoint, debounceMs, timeoutMs, strategy]);

  if (text === '') return { state: 'idle', text };
  return last.text === text ? last : { state: 'checking', text };
}
