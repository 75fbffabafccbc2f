// Starts a replay of a draft, shows how far it is, and what came of it.

import { useEffect, useRef, useState } from 'react';
import { api, explain, type Schema } from '../api/client';
import { WhatIfResult } from './WhatIfResult';

type Job = Schema['WhatIfBody'];

const POLL_MS = 500;

export const RANGES: readonly (readonly [string, string, number | null])[] = [
  ['1h', 'the last hour', 3_600],
  ['1d', 'the last day', 86_400],
  ['7d', 'the last 7 days', 7 * 86_400],
  ['30d', 'the last 30 days', 30 * 86_400],
  ['all', 'everything', null],
];

export interface WhatIfRunProps {
  name: string;
  text: string;
  range: string;
  run?: string;
  agent?: string;
  /** Begin without being asked. */
  auto?: boolean;
}

export function WhatIfRun({ name, text, range, run = '', agent = '', auto = false }: WhatIfRunProps) {
  const [job, setJob] = useState<Job | null>(null);
  const [of, setOf] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const begun = useRef(false);
  const [busy, setBusy] = useState(false);
  const running = job?.state === 'running';

  const start = async () => {
    setBusy(true);
    setProblem(null);
    const seconds = RANGES.find(([key]) => key === range)?.[2] ?? null;
    const since = seconds === null ? {} : { since: new Date(Date.now() - seconds * 1_000).toISOString() };
    try {
      setOf(text);
      setJob(
        await api.post('/api/what-if', {
          body: { name, text, ...since, ...(run === '' ? {} : { run }), ...(agent === '' ? {} : { agent }) },
        }),
      );
    } catch (error) {
      setJob(null);
      setProblem(explain(error));
    } finally {
      setBusy(false);
    }
  };
  useEffect(() => {
    if (auto && !begun.current) {
      begun.current = true;
      void start();
    }
  });
  useEffect(() => {
    if (!running || !job) return undefined;
    const timer = setTimeout(() => {
      api
        .get('/api/what-if/{id}', { path: { id: job.id } })
        .then(setJob)
        .catch((error: unknown) => {
          setJob(null);
          setProblem(explain(error));
        });
    }, POLL_MS);
    return () => clearTimeout(timer);
  }, [job, running]);
  const cancel = async () => {
    if (!job) return;
    try {
      setJob(await api.delete('/api/what-if/{id}', { path: { id: job.id } }));
    } catch (error) {
      setProblem(explain(error));
    }
  };

  return (
    <div className="what-if-run" data-state={job?.state ?? 'none'}>
      <p className="actions actions-left">
        <button type="button" disabled={busy || running} onClick={() => void start()}>
          What would it have done?
        </button>
        {running && (
          <>
            <progress max={Math.max(1, job.entries_total)} value={job.entries} aria-label="Entries of the record read" />
            <button type="button" onClick={() => void cancel()}>
              Cancel
            </button>
          </>
        )}
      </p>
      <p className="said" role="status">
        {running && `${job.actions.toLocaleString('en')} actions decided anew`}
        {job?.state === 'cancelled' && 'Cancelled.'}
        {job?.state === 'failed' && `It failed: ${job.message ?? ''}`}
        {job?.state === 'done' && of !== text && 'The text has changed since.'}
      </p>
      <p className="said said-bad" role="alert">
        {problem ?? ''}
      </p>
      {job?.report && <WhatIfResult report={job.report} />}
    </div>
  );
}
