// The frames of a run. They come newest first, a page at a time, and are kept in the order in which
// they happened; a run that goes on grows at its end.

import { useCallback, useEffect, useRef, useState } from 'react';
import type { Action } from '../actions';
import { api } from '../api/client';

const PAGE = 1_000;
/** What is asked for again and again, while a run goes on. */
const LIVE_PAGE = 100;
/** What a tab holds of one run. */
const FRAMES_MAX = 200_000;
const LIVE_MS = 2_000;

export interface Frames {
  frames: readonly Action[];
  /** Whether the whole run is here. */
  done: boolean;
  error: unknown;
  retry: () => void;
}

/** A frame that a link leads to, before the run is here up to it; null until it came, or where it is none of
 * the run. */
export function useLinked(run: string, seq: number | null, here: boolean): Action | null {
  const [linked, setLinked] = useState<Action | null>(null);
  const asked = here || seq === null || !Number.isSafeInteger(seq) || seq < 0 ? null : seq;
  useEffect(() => {
    if (asked === null) return undefined;
    const ended = new AbortController();
    api
      .get('/api/actions', { query: { run_id: run, before: asked + 1, limit: 1 }, signal: ended.signal })
      .then((rows) => setLinked(rows[0] ?? null))
      // The run itself says what is wrong.
      .catch(() => undefined);
    return () => ended.abort();
  }, [run, asked]);
  return linked?.seq === seq ? linked : null;
}

export function useFrames(run: string): Frames {
  const [frames, setFrames] = useState<readonly Action[]>([]);
  const [done, setDone] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [round, setRound] = useState(0);
  const have = useRef<readonly Action[]>([]);

  useEffect(() => {
    const ended = new AbortController();
    const { signal } = ended;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const put = (next: readonly Action[]) => {
      have.current = next;
      setFrames(next);
    };
    const page = (before?: number, limit = PAGE) =>
      api.get('/api/actions', { query: { run_id: run, limit, ...(before === undefined ? {} : { before }) }, signal });

    const all = async () => {
      // Pages are gathered in the order in which they come; what is shown grows a page at a time.
      let before: number | undefined;
      let pages: Action[][] = [];
      let count = 0;
      for (;;) {
        const next = await page(before);
        if (signal.aborted) return;
        pages = [[...next].reverse(), ...pages];
        count += next.length;
        const last = next.at(-1);
        const over = next.length < PAGE || count >= FRAMES_MAX || !last;
        // Every tenth page is enough to see that it goes on.
        if (over || pages.length % 10 === 1) put(pages.flat());
        if (over) break;
        before = last.seq;
      }
      setDone(true);
    };

    const live = async () => {
      if (!document.hidden) {
        const old = have.current;
        const end = old.at(-1)?.seq ?? -1;
        let newest = await page(undefined, LIVE_PAGE);
        const isGap = () => newest.length > 0 && (newest.at(-1)?.seq ?? 0) > end && old.length > 0;
        if (newest.length === LIVE_PAGE && isGap()) newest = await page();
        if (signal.aborted) return;
        if (newest.length === PAGE && isGap()) {
          // More happened than a page holds: from the beginning.
          setRound((n) => n + 1);
          return;
        }
        const byId = new Map(newest.map((a) => [a.id, a]));
        const fresh = newest.filter((a) => a.seq > end).reverse();
        const changed = old.slice(-LIVE_PAGE).some((a) => {
          const now = byId.get(a.id);
          return now !== undefined && (now.outcome !== a.outcome || now.erased !== a.erased || now.rolled_back !== a.rolled_back);
        });
        if (fresh.length > 0 || changed) put([...old.map((a) => byId.get(a.id) ?? a), ...fresh]);
        setError(null);
      }
      timer = setTimeout(() => void guarded(live), LIVE_MS);
    };

    const guarded = async (work: () => Promise<void>) => {
      try {
        await work();
      } catch (problem) {
        if (signal.aborted) return;
        setError(problem);
        timer = setTimeout(() => void guarded(live), 5 * LIVE_MS);
      }
    };

    setError(null);
    setDone(false);
    void guarded(async () => {
      await all();
      if (!signal.aborted) timer = setTimeout(() => void guarded(live), LIVE_MS);
    });
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [run, round]);

  const retry = useCallback(() => setRound((n) => n + 1), []);
  return { frames, done, error, retry };
}
