// What stops everything. Switching it on takes one sentence; nothing may be in the way of it.

import { useId, useState, type FormEvent } from 'react';
import { api, explain } from '../api/client';
import { useQuery } from '../api/query';
import { Untrusted } from '../hostile/Untrusted';
import { useMay } from '../who';
import { Dialog } from './Dialog';
import { ToolStops } from './ToolStops';

function useKillSwitch() {
  return useQuery('kill-switch', (signal) => api.get('/api/kill-switch', { signal }), 3_000);
}

export function KillBanner() {
  const kill = useKillSwitch();
  if (!kill.data?.on) return null;
  return (
    <div className="kill-banner" role="alert">
      <strong>Everything is stopped.</strong>{' '}
      <span>
        Switched by <Untrusted text={kill.data.by} oneLine />
        {kill.data.reason !== '' && (
          <>
            : <Untrusted text={kill.data.reason} />
          </>
        )}
      </span>
    </div>
  );
}

export function KillSwitch() {
  const id = useId();
  const kill = useKillSwitch();
  const may = useMay('administer');
  const [asking, setAsking] = useState(false);
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const on = kill.data?.on === true;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await api.post('/api/kill-switch', { body: { on: !on, reason } });
      setAsking(false);
      setReason('');
      kill.refresh();
    } catch (error) {
      setProblem(explain(error));
    } finally {
      setBusy(false);
    }
  };

  if (!may) return null;
  return (
    <>
      <button type="button" className={on ? '' : 'danger'} disabled={!kill.data} onClick={() => setAsking(true)}>
        {on ? 'Let agents go on' : 'Stop everything'}
      </button>
      {asking && (
        <Dialog title={on ? 'Let agents go on?' : 'Stop everything?'} onClose={() => setAsking(false)}>
          <form onSubmit={(event) => void submit(event)}>
            <p>{on ? 'Actions are decided on by policy again.' : 'Every action of every agent of this tenant is blocked until somebody switches this off.'}</p>
            <label htmlFor={id}>Reason</label>
            <input id={id} data-first maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} />
            <p className="said" role="alert">
              {problem ?? ''}
            </p>
            <p className="actions">
              <button type="button" onClick={() => setAsking(false)}>
                Cancel
              </button>
              <button type="submit" className={on ? 'primary' : 'danger'} disabled={busy}>
                {on ? 'Go on' : 'Stop everything'}
              </button>
            </p>
          </form>
          <ToolStops />
        </Dialog>
      )}
    </>
  );
}
