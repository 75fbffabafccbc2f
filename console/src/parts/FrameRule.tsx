// From a frame to a rule with its test: proposed by the server, read and published in the editor.

import { useState } from 'react';
import { api, explain } from '../api/client';
import { drafts } from '../drafts';
import { useKeys } from '../keys';
import { go, to } from '../router';
import { useMay } from '../who';
import { Dialog } from './Dialog';

const EFFECTS = [
  ['require_approval', 'ask a person'],
  ['block', 'block'],
  ['allow', 'allow'],
] as const;
const STRENGTHS = [
  ['exact', 'exactly this: agent, tool and resource'],
  ['target', 'this tool on the same host, table or directory'],
  ['tool', 'this tool doing the same kind of thing'],
] as const;

export function FrameRule({ id }: { id: string }) {
  const may = useMay('edit_policies');
  const [asking, setAsking] = useState(false);
  const [effect, setEffect] = useState<string>('require_approval');
  const [strength, setStrength] = useState<string>('target');
  const [problem, setProblem] = useState<string | null>(null);
  useKeys({ m: () => setAsking(true) }, may && !asking);
  if (!may) return null;
  const make = async () => {
    setProblem(null);
    try {
      const proposal = await api.post('/api/actions/{id}/rule', { path: { id }, body: { effect, strength } });
      drafts.keep(proposal.name, proposal.text);
      setAsking(false);
      go(`${to('policies', proposal.name)}?what-if=1`);
    } catch (error) {
      setProblem(explain(error));
    }
  };
  return (
    <>
      <p>
        <button type="button" data-make-rule onClick={() => setAsking(true)}>
          Make a rule of this
        </button>{' '}
        <span className="quiet">With a test, and what else it would change. Nothing is published.</span>
      </p>
      {asking && (
        <Dialog title="Make a rule of this action" onClose={() => setAsking(false)}>
          <p>
            <label>
              It shall{' '}
              <select data-first value={effect} onChange={(e) => setEffect(e.target.value)}>
                {EFFECTS.map(([key, says]) => (
                  <option key={key} value={key}>
                    {says}
                  </option>
                ))}
              </select>
            </label>
          </p>
          <p>
            <label>
              It covers{' '}
              <select value={strength} onChange={(e) => setStrength(e.target.value)}>
                {STRENGTHS.map(([key, says]) => (
                  <option key={key} value={key}>
                    {says}
                  </option>
                ))}
              </select>
            </label>
          </p>
          <p className="quiet">Where the test needs arguments they are read, masked, and that you read them goes into the record.</p>
          <p className="said said-bad" role="alert">
            {problem ?? ''}
          </p>
          <p className="actions">
            <button type="button" onClick={() => setAsking(false)}>
              Cancel
            </button>
            <button type="button" className="primary" onClick={() => void make()}>
              Draft it
            </button>
          </p>
        </Dialog>
      )}
    </>
  );
}
