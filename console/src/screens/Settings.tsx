// Who is signed in, how the page looks, and the users and keys of the tenant.

import { useId, useState, type FormEvent } from 'react';
import { api, explain, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import { Untrusted } from '../hostile/Untrusted';
import { Dialog } from '../parts/Dialog';
import { Facts, Panel, Problem, Time } from '../parts/show';
import { applyTheme, theme, type Theme } from '../theme';
import { NotYours, useMay, useWho } from '../who';
import { Password } from './Password';
import { Sessions, Users } from './People';
import { Sinks } from './Sinks';

type Key = Schema['KeyBody'];
const ROLES = ['agent', 'approver', 'policy_author', 'auditor', 'admin'] as const;
const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];

function Create({ onMade }: { onMade: (key: Key) => void }) {
  const id = useId();
  const [role, setRole] = useState<string>('approver');
  const [label, setLabel] = useState('');
  const [agent, setAgent] = useState('');
  const [days, setDays] = useState('90');
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const expires = Number(days);
    if (!Number.isInteger(expires) || expires < 1 || expires > 3_650) {
      setProblem('A key lives 1 to 3650 days.');
      return;
    }
    setProblem(null);
    try {
      onMade(
        await api.post('/api/keys', {
          body: { role, label: label.trim(), expires_days: expires, ...(role === 'agent' ? { agent_id: agent.trim() } : {}) },
        }),
      );
      setLabel('');
      setAgent('');
    } catch (error) {
      setProblem(explain(error));
    }
  };
  return (
    <form className="fields" onSubmit={(event) => void submit(event)}>
      <span className="field">
        <label htmlFor={`${id}-role`}>Role</label>
        <select id={`${id}-role`} value={role} onChange={(event) => setRole(event.target.value)}>
          {ROLES.map((r) => (
            <option key={r}>{r}</option>
          ))}
        </select>
      </span>
      <span className="field">
        <label htmlFor={`${id}-label`}>For whom or what</label>
        <input id={`${id}-label`} maxLength={256} value={label} onChange={(event) => setLabel(event.target.value)} />
      </span>
      {role === 'agent' && (
        <span className="field">
          <label htmlFor={`${id}-agent`}>Agent</label>
          <input id={`${id}-agent`} maxLength={256} required value={agent} onChange={(event) => setAgent(event.target.value)} />
        </span>
      )}
      <span className="field">
        <label htmlFor={`${id}-days`}>Days</label>
        <input id={`${id}-days`} inputMode="numeric" value={days} onChange={(event) => setDays(event.target.value)} />
      </span>
      <button type="submit">Make a key</button>
      <p className="said said-bad" role="alert">
        {problem ?? ''}
      </p>
    </form>
  );
}

function Keys() {
  const who = useWho();
  const query = useQuery('keys', (signal) => api.get('/api/keys', { signal }));
  const [made, setMade] = useState<Key | null>(null);
  const [revoking, setRevoking] = useState<Key | null>(null);
  const [said, setSaid] = useState('');
  const revoke = async (key: Key) => {
    setRevoking(null);
    try {
      await api.delete('/api/keys/{id}', { path: { id: key.id } });
      setSaid(`Key ${key.id} is revoked.`);
      query.refresh();
    } catch (error) {
      setSaid(explain(error));
    }
  };
  const rotate = async (key: Key) => {
    try {
      setMade(await api.post('/api/keys/{id}/rotate', { path: { id: key.id }, body: {} }));
      query.refresh();
    } catch (error) {
      setSaid(explain(error));
    }
  };
  const now = Date.now();
  const state = (key: Key) =>
    key.revoked_at ? 'revoked' : key.expires_at && Date.parse(key.expires_at) < now ? 'expired' : 'in use';
  return (
    <Panel title="Keys">
      <Create
        onMade={(key) => {
          setMade(key);
          query.refresh();
        }}
      />
      <p className="said" role="status">
        {said}
      </p>
      {query.data === undefined && <Problem error={query.error} retry={query.refresh} />}
      <div className="scroll-x" tabIndex={0} role="region" aria-label="Table of keys">
        <table>
          <thead>
            <tr>
              <th scope="col">id</th>
              <th scope="col">role</th>
              <th scope="col">for</th>
              <th scope="col">agent</th>
              <th scope="col">last used</th>
              <th scope="col">expires</th>
              <th scope="col">state</th>
              <th scope="col">
                <span className="sr">revoke</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {(query.data ?? []).map((key) => (
              <tr key={key.id}>
                <td>
                  <code>{key.id}</code>
                </td>
                <td>{key.role}</td>
                <td>
                  <Untrusted text={key.label} />
                </td>
                <td>
                  <Untrusted text={key.agent_id} />
                </td>
                <td>
                  <Time at={key.last_used_at} />
                </td>
                <td>
                  <Time at={key.expires_at} />
                </td>
                <td>{key.id === who.key_id ? `${state(key)}, yours` : state(key)}</td>
                <td>
                  {!key.revoked_at && (
                    <>
                      <button type="button" onClick={() => void rotate(key)} aria-label={`Rotate key ${key.id}`}>
                        Rotate
                      </button>{' '}
                      <button type="button" onClick={() => setRevoking(key)} aria-label={`Revoke key ${key.id}`}>
                        Revoke
                      </button>
                    </>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {made && (
        <Dialog title="The new key" onClose={() => setMade(null)}>
          <p>This is the only time that it is shown. The server keeps a hash of it alone.</p>
          {made.previous_until && (
            <p>
              The secret that it had is accepted until <Time at={made.previous_until} />.
            </p>
          )}
          <pre className="untrusted" tabIndex={0} data-new-key>
            {made.key}
          </pre>
          <p className="actions">
            <button type="button" data-first onClick={() => setMade(null)}>
              I have it
            </button>
          </p>
        </Dialog>
      )}
      {revoking && (
        <Dialog title={`Revoke key ${revoking.id}?`} onClose={() => setRevoking(null)}>
          <p>
            Whoever uses it is refused from now on{revoking.id === who.key_id ? ', and that is you' : ''}. It cannot be undone.
          </p>
          <p className="actions">
            <button type="button" data-first onClick={() => setRevoking(null)}>
              Cancel
            </button>
            <button type="button" className="danger" onClick={() => void revoke(revoking)}>
              Revoke
            </button>
          </p>
        </Dialog>
      )}
    </Panel>
  );
}

export function Settings() {
  const who = useWho();
  const may = useMay('administer');
  const [chosen, setChosen] = useState(theme);
  const health = useQuery('settings health', (signal) => api.get('/healthz', { signal }));
  return (
    <div className="screen">
      <header className="screen-head">
        <h1>Settings</h1>
      </header>
      <Panel title={who.session ? 'You' : 'Your key'}>
        <Facts
          items={[
            ['counts as', <Untrusted text={who.subject} />],
            [who.session ? 'session' : 'id', <code>{who.key_id}</code>],
            ['role', who.role],
            ['may', who.may.join(', ').replaceAll('_', ' ')],
            ['tenant', <Untrusted text={who.tenant} />],
            ['server', health.data ? `version ${health.data.version}` : ''],
          ]}
        />
      </Panel>
      <Panel title="Look">
        <div className="tabs" role="group" aria-label="Colours">
          {THEMES.map((t) => (
            <button
              key={t}
              type="button"
              aria-pressed={chosen === t}
              onClick={() => {
                applyTheme(t);
                setChosen(t);
              }}
            >
              {t === 'auto' ? 'As the system' : t === 'light' ? 'Light' : 'Dark'}
            </button>
          ))}
        </div>
      </Panel>
      {may && <Sinks />}
      {who.session && <Password />}
      {who.session && <Sessions />}
      {may ? (
        <>
          <Users />
          <Keys />
        </>
      ) : (
        <NotYours what="administer" verb="see and make keys" />
      )}
    </div>
  );
}
