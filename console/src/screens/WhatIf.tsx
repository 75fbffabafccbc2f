// What-if: a draft over what agents really did, before it is published.

import { useId, useState } from 'react';
import { api } from '../api/client';
import { useQuery } from '../api/query';
import { drafts } from '../drafts';
import { RANGES, WhatIfRun } from '../parts/WhatIfRun';
import { Empty, Problem } from '../parts/show';
import { useMay } from '../who';

const FIRST = 'interlock: 1\ndefault: allow\nrules: []\n';

export function WhatIf({ name, run }: { name: string | null; run: string | null }) {
  const id = useId();
  const may = useMay('edit_policies');
  const query = useQuery('bundle', (signal) => api.get('/api/bundle', { signal }), 30_000);
  const [chosen, setChosen] = useState(name ?? 'team.yaml');
  const [range, setRange] = useState('1d');
  const [ofRun, setOfRun] = useState(run ?? '');
  const [agent, setAgent] = useState('');
  const [edited, setEdited] = useState<{ of: string; text: string } | null>(null);
  if (!query.data) return <Problem error={query.error} retry={query.refresh} />;
  const sources = query.data.sources.filter((s) => s.layer !== 'organisation');
  const names = [...new Set([...drafts.names(), ...sources.map((s) => s.name), 'team.yaml'])];
  const inForce = drafts.get(chosen) ?? sources.find((s) => s.name === chosen)?.text ?? FIRST;
  const text = edited?.of === chosen ? edited.text : inForce;
  if (!may) return <Empty>This key may not draft policies.</Empty>;
  return (
    <div className="screen">
      <header className="screen-head">
        <h1>What if</h1>
      </header>
      <p className="quiet">Recorded actions are decided anew under a draft. Nothing changes: what comes of it is shown here and nowhere else.</p>
      <div className="form-row">
        <label>
          Bundle{' '}
          <select value={chosen} onChange={(e) => setChosen(e.target.value)}>
            {names.map((n) => (
              <option key={n}>{n}</option>
            ))}
          </select>
        </label>{' '}
        <label>
          Over{' '}
          <select value={range} onChange={(e) => setRange(e.target.value)}>
            {RANGES.map(([key, says]) => (
              <option key={key} value={key}>
                {says}
              </option>
            ))}
          </select>
        </label>{' '}
        <label>
          Run <input value={ofRun} maxLength={512} placeholder="all" onChange={(e) => setOfRun(e.target.value)} />
        </label>{' '}
        <label>
          Agent <input value={agent} maxLength={512} placeholder="all" onChange={(e) => setAgent(e.target.value)} />
        </label>
      </div>
      <div className="editor">
        <label htmlFor={id} className="sr">
          Text of the draft
        </label>
        <textarea
          id={id}
          data-editor
          value={text}
          rows={14}
          spellCheck={false}
          autoComplete="off"
          wrap="off"
          onChange={(e) => {
            setEdited({ of: chosen, text: e.target.value });
            drafts.keep(chosen, e.target.value);
          }}
        />
      </div>
      <WhatIfRun name={chosen} text={text} range={range} run={ofRun} agent={agent} />
    </div>
  );
}
