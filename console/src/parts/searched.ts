// A list that the server searches: its first page is asked for again and again, further ones when
// somebody wants them. What a filter finds in a quarter of a second is one page; how far it looked is said.

import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { Page } from '../api/client';
import { useQuery, type Query } from '../api/query';

export interface Searched<T> {
  query: Query<Page<T[]>>;
  rows: readonly T[];
  /** Where the next page begins; null when everything is here. */
  next: string | null;
  /** How far back was looked, when that was not the end. */
  searchedTo: string | null;
  loading: boolean;
  problem: unknown;
  more: () => void;
}

const EVERY_MS = 3_000;
/** Pages of a search that finds little are asked for without being told, so many. */
const ALONE_MAX = 40;
/** Rows that are enough for the first look. */
const ENOUGH = 50;

/** `ask` asks for the page from a place on. */
export function useSearched<T>(key: string, keyOf: (row: T) => string, ask: (from: string | null, signal?: AbortSignal) => Promise<Page<T[]>>): Searched<T> {
  const query = useQuery(key, (signal) => ask(null, signal), EVERY_MS);
  const [older, setOlder] = useState<{ key: string; rows: T[]; next: string | null; searchedTo: string | null; pages: number } | null>(null);
  const [loading, setLoading] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const mine = older?.key === key ? older : null;
  const next = mine ? mine.next : (query.data?.next ?? null);
  const searchedTo = mine ? mine.searchedTo : (query.data?.searchedTo ?? null);
  const current = useRef(key);
  current.current = key;
  const asking = useRef(ask);
  asking.current = ask;

  const more = useCallback(() => {
    if (next === null || loading) return;
    setLoading(true);
    setProblem(null);
    asking
      .current(next)
      .then((page) => {
        if (current.current !== key) return;
        setOlder((was) => {
          const before = was?.key === key ? was : { rows: [], pages: 0 };
          return { key, rows: [...before.rows, ...page.rows], next: page.next, searchedTo: page.searchedTo, pages: before.pages + 1 };
        });
      })
      .catch((error: unknown) => current.current === key && setProblem(error))
      .finally(() => setLoading(false));
  }, [key, next, loading]);

  const newest = query.data?.rows;
  const rows = useMemo(() => {
    const first = newest ?? [];
    const seen = new Set(first.map(keyOf));
    return [...first, ...(mine?.rows ?? []).filter((r) => !seen.has(keyOf(r)))];
  }, [newest, mine, keyOf]);

  useEffect(() => {
    if (searchedTo !== null && next !== null && problem === null && !loading && rows.length < ENOUGH && (mine?.pages ?? 0) < ALONE_MAX) more();
  }, [searchedTo, next, problem, loading, rows.length, mine, more]);

  return { query, rows, next, searchedTo, loading, problem, more };
}
