// What a screen shows of the server: asked for when it opens, again every so often while the tab is
// looked at, and kept when an answer does not come.

import { useCallback, useEffect, useRef, useState } from 'react';

export interface Query<T> {
  data: T | undefined;
  error: unknown;
  /** When the data came, in milliseconds; 0 before. */
  at: number;
  loading: boolean;
  refresh: () => void;
}

interface State<T> {
  key: string;
  data: T | undefined;
  error: unknown;
  at: number;
}

/** After errors the next try waits longer, up to this. */
const SLOWEST_MS = 30_000;

/**
 * Asks with `load` under a key: another key forgets what was there. `every` is in milliseconds; 0 asks once.
 */
export function useQuery<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>, every = 0): Query<T> {
  const [state, setState] = useState<State<T>>({ key: key ?? '', data: undefined, error: null, at: 0 });
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    if (key === null) return undefined;
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let failures = 0;
    const ask = async () => {
      clearTimeout(timer);
      try {
        const data = await latest.current(ended.signal);
        if (ended.signal.aborted) return;
        failures = 0;
        setState({ key, data, error: null, at: Date.now() });
      } catch (error) {
        if (ended.signal.aborted) return;
        failures += 1;
        setState((was) => (was.key === key ? { ...was, error } : { key, data: undefined, error, at: 0 }));
      }
      if (every > 0 && !document.hidden) {
        timer = setTimeout(() => void ask(), Math.min(every * 2 ** failures, Math.max(every, SLOWEST_MS)));
      }
    };
    const seen = () => {
      if (!document.hidden && every > 0) void ask();
    };
    void ask();
    document.addEventListener('visibilitychange', seen);
    return () => {
      ended.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [key, every, round]);

  const refresh = useCallback(() => setRound((n) => n + 1), []);
  const mine = state.key === key;
  return {
    data: mine ? state.data : undefined,
    error: mine ? state.error : null,
    at: mine ? state.at : 0,
    loading: key !== null && (!mine || (state.data === undefined && state.error === null)),
    refresh,
  };
}
