// Taking evidence out: a bundle of a range or a run, and reports of what the record proves.

import { useState } from 'react';
import { api, explain } from '../api/client';
import { useMay } from '../who';
import { Panel } from './show';

const FRAMEWORKS: readonly (readonly [string, string])[] = [
  ['eu-ai-act', 'EU AI Act'],
  ['soc2', 'SOC 2'],
  ['hipaa', 'HIPAA'],
  ['pci-dss', 'PCI DSS 10'],
  ['gdpr', 'GDPR'],
];

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function EvidenceExport() {
  const may = useMay('audit');
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const [run, setRun] = useState('');
  const [framework, setFramework] = useState('eu-ai-act');
  const [format, setFormat] = useState('html');
  const [working, setWorking] = useState<string | null>(null);
  const [said, setSaid] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  if (!may) return null;
  const range = { ...(from === '' ? {} : { from }), ...(to === '' ? {} : { to }) };
  const work = async (doing: string, ask: () => Promise<{ blob: Blob; name: string }>) => {
    setWorking(doing);
    setProblem(null);
    setSaid(null);
    try {
      const { blob, name } = await ask();
      save(blob, name);
      setSaid(`${name}, ${Math.ceil(blob.size / 1024).toLocaleString('en')} KiB. That it was taken is on record.`);
    } catch (error) {
      setProblem(explain(error));
    } finally {
      setWorking(null);
    }
  };
  const received = (bytes: number) => setWorking(`Receiving, ${Math.ceil(bytes / 1024).toLocaleString('en')} KiB`);
  return (
    <Panel title="Evidence">
      <p>A bundle holds entries with what proves them, and the verifiers; the key must reach who verifies it by another way. One run can be taken alone: all other entries stay hidden.</p>
      <form
        className="fields evidence-export"
        onSubmit={(event) => {
          event.preventDefault();
          const body = { ...range, ...(run.trim() === '' ? {} : { run: run.trim() }) };
          void work('The server gathers the entries', () => api.download('POST', '/api/evidence', body, received));
        }}
      >
        <label>
          From <input type="date" name="from" value={from} onChange={(event) => setFrom(event.target.value)} />
        </label>
        <label>
          Before <input type="date" name="to" value={to} onChange={(event) => setTo(event.target.value)} />
        </label>
        <label>
          Only run <input name="run" value={run} maxLength={256} placeholder="all" onChange={(event) => setRun(event.target.value)} />
        </label>
        <button type="submit" disabled={working !== null}>
          Export evidence
        </button>
      </form>
      <form
        className="fields evidence-report"
        onSubmit={(event) => {
          event.preventDefault();
          const query = new URLSearchParams({ format, ...range });
          void work('The server counts', () => api.download('GET', `/api/reports/${framework}?${query.toString()}`, undefined, received, `report-${framework}.${format}`));
        }}
      >
        <label>
          Report{' '}
          <select value={framework} onChange={(event) => setFramework(event.target.value)}>
            {FRAMEWORKS.map(([id, name]) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          as{' '}
          <select value={format} onChange={(event) => setFormat(event.target.value)}>
            {['html', 'csv', 'json'].map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <button type="submit" disabled={working !== null}>
          Make the report
        </button>
      </form>
      <p className="said" role="status">
        {working ?? said ?? ''}
      </p>
      <p className="said said-bad" role="alert">
        {problem ?? ''}
      </p>
    </Panel>
  );
}
