// Tools that are stopped, and what stops one more.

import { useId, useState, type FormEvent } from 'react';
import { api, explain } from '../api/client';
import { useQuery } from '../api/query';
import { Untrusted } from '../hostile/Untrusted';

export function ToolStops() {
  const id = useId();
  const query = useQuery('tool stops', (signal) => api.get('/api/tool-stops', { query: { live: true, limit: 1_000 }, signal }), 3_000);
  const [tool, setTool] = useState('');
  const [agent, setAgent] = useState('');
  const [reason, setReason] = useState('');
  const [said, setSaid] = useState('');

  const attempt = async (work: () => Promise<unknown>, done: string) => {
    try {
      await work();
      setSaid(done);
    } catch (error) {
      setSaid(explain(error));
    }
    query.refresh();
  };
  const stop = (event: FormEvent) => {
    event.preventDefault();
    const body = { tool, reason, ...(agent === '' ? {} : { agent_id: agent }) };
    void attempt(async () => {
      await api.post('/api/tool-stops', { body });
      setTool('');
    }, 'The tool is stopped.');
  };

  return (
    <section className="tool-stops" aria-label="Tools that are stopped">
      <h3>One tool</h3>
      <ul>
        {(query.data ?? []).map((one) => (
          <li key={one.id}>
            <Untrusted text={one.tool} oneLine /> for {one.agent_id === '' ? 'all agents' : <Untrusted text={one.agent_id} oneLine />}
            {one.reason !== '' && (
              <>
                : <Untrusted text={one.reason} oneLine />
              </>
            )}{' '}
            <button type="button" onClick={() => void attempt(() => api.delete('/api/tool-stops/{id}', { path: { id: one.id } }), 'The tool may be used again.')}>
              Let it go on
            </button>
          </li>
        ))}
      </ul>
      <form onSubmit={stop}>
        <label htmlFor={`${id}-tool`}>Tool or type of action; `mail*` for all that begin so</label>
        <input id={`${id}-tool`} required maxLength={64} value={tool} onChange={(event) => setTool(event.target.value)} />
        <label htmlFor={`${id}-agent`}>Agent; all when empty</label>
        <input id={`${id}-agent`} maxLength={64} value={agent} onChange={(event) => setAgent(event.target.value)} />
        <label htmlFor={`${id}-reason`}>Reason</label>
        <input id={`${id}-reason`} maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} />
        <p className="said" role="status">
          {said}
        </p>
        <p className="actions">
          <button type="submit" className="danger">
            Stop this tool
          </button>
        </p>
      </form>
    </section>
  );
}
