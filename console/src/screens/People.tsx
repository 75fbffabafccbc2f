// The people who may sign in, for an admin; and for everybody the sessions of their own.

import { useId, useState, type FormEvent } from 'react';
import { api, explain, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import { Untrusted } from '../hostile/Untrusted';
import { Dialog } from '../parts/Dialog';
import { Panel, Problem, Time } from '../parts/show';
import { useWho } from '../who';

type User = Schema['UserBody'];
type Invited = Schema['InvitedBody'];
const ROLES = ['approver', 'policy_author', 'auditor', 'admin'] as const;

function Add({ onInvited }: { onInvited: (invited: Invited) => void }) {
  const id = useId();
  const [login, setLogin] = useState('');
  const [role, setRole] = useState<string>('approver');
  const [groups, setGroups] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setProblem(null);
    try {
      onInvited(
        await api.post('/api/users', {
          body: {
            login: login.trim().toLowerCase(),
            role,
            groups: groups
              .split(',')
              .map((g) => g.trim())
              .filter((g) => g !== ''),
          },
        }),
      );
      setLogin('');
      setGroups('');
    } catch (error) {
      setProblem(explain(error));
    }
  };
  return (
    <form className="fields" onSubmit={(event) => void submit(event)}>
      <span className="field">
        <label htmlFor={`${id}-login`}>Login</label>
        <input
          id={`${id}-login`}
          maxLength={128}
          required
          autoCapitalize="none"
          spellCheck={false}
          value={login}
          data-new-user
          onChange={(event) => setLogin(event.target.value)}
        />
      </span>
      <span className="field">
        <label htmlFor={`${id}-role`}>Role</label>
        <select id={`${id}-role`} value={role} onChange={(event) => setRole(event.target.value)}>
          {ROLES.map((r) => (
            <option key={r}>{r}</option>
          ))}
        </select>
      </span>
      <span className="field">
        <label htmlFor={`${id}-groups`}>Groups, with commas between</label>
        <input id={`${id}-groups`} maxLength={512} value={groups} onChange={(event) => setGroups(event.target.value)} />
      </span>
      <button type="submit">Invite</button>
      <p className="said said-bad" role="alert">
        {problem ?? ''}
      </p>
    </form>
  );
}

/** What to ask before it is done. */
type Asked = { what: 'disable' | 'reset'; user: User };

export function Users() {
  const who = useWho();
  const query = useQuery('users', (signal) => api.get('/api/users', { signal }));
  const [invited, setInvited] = useState<Invited | null>(null);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [said, setSaid] = useState('');
  const invite = (next: Invited) => {
    setInvited(next);
    query.refresh();
  };
  const disable = async (user: User, disabled: boolean) => {
    setAsked(null);
    try {
      await api.patch('/api/users/{id}', { path: { id: user.id }, body: { disabled } });
      setSaid(`${user.login} ${disabled ? 'may not sign in any more' : 'may sign in again'}.`);
      query.refresh();
    } catch (error) {
      setSaid(explain(error));
    }
  };
  const reset = async (user: User) => {
    setAsked(null);
    try {
      invite(await api.post('/api/users/{id}/reset', { path: { id: user.id } }));
    } catch (error) {
      setSaid(explain(error));
    }
  };
  const state = (user: User) =>
    user.disabled_at ? 'disabled' : user.issuer || user.enrolled ? 'active' : 'invited';
  const way = (user: User) => (user.issuer ? `${user.issuer}${user.mapped ? ', by its groups' : ''}` : user.enrolled ? 'password and code' : '');
  return (
    <Panel title="Users">
      <Add onInvited={invite} />
      <p className="said" role="status">
        {said}
      </p>
      {query.data === undefined && <Problem error={query.error} retry={query.refresh} />}
      <div className="scroll-x" tabIndex={0} role="region" aria-label="Table of users">
        <table>
          <thead>
            <tr>
              <th scope="col">login</th>
              <th scope="col">role</th>
              <th scope="col">groups</th>
              <th scope="col">state</th>
              <th scope="col">signs in by</th>
              <th scope="col">last signed in</th>
              <th scope="col">
                <span className="sr">change</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {(query.data ?? []).map((user) => (
              <tr key={user.id}>
                <td>
                  <Untrusted text={user.login} />
                </td>
                <td>{user.role}</td>
                <td>
                  <Untrusted text={user.groups.join(', ')} />
                </td>
                <td>{user.id === who.user_id ? `${state(user)}, you` : state(user)}</td>
                <td>
                  <Untrusted text={way(user)} />
                </td>
                <td>
                  <Time at={user.last_login_at} />
                </td>
                <td>
                  {user.id !== who.user_id && (
                    <>
                      {user.disabled_at ? (
                        <button type="button" aria-label={`Enable ${user.login}`} onClick={() => void disable(user, false)}>
                          Enable
                        </button>
                      ) : (
                        <button type="button" aria-label={`Disable ${user.login}`} onClick={() => setAsked({ what: 'disable', user })}>
                          Disable
                        </button>
                      )}{' '}
                      <button type="button" aria-label={`Reset ${user.login}`} onClick={() => setAsked({ what: 'reset', user })}>
                        Reset
                      </button>
                    </>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {invited && (
        <Dialog title="The invitation" onClose={() => setInvited(null)}>
          <p>
            Give this link to <Untrusted text={invited.user.login} /> and nobody else: whoever has it joins as this user. It is good
            once, until <Time at={invited.invitation.expires_at} />, and is shown only now.
          </p>
          <pre className="untrusted" tabIndex={0} data-invitation>
            {location.origin + invited.invitation.path}
          </pre>
          <p className="actions">
            <button type="button" data-first onClick={() => setInvited(null)}>
              I have it
            </button>
          </p>
        </Dialog>
      )}
      {asked && (
        <Dialog
          title={asked.what === 'disable' ? `Disable ${asked.user.login}?` : `Reset ${asked.user.login}?`}
          onClose={() => setAsked(null)}
        >
          <p>
            {asked.what === 'disable'
              ? 'All sessions and keys of this user end now.'
              : 'Password, one-time codes, the link to a provider and all sessions end now; a new invitation is made.'}
          </p>
          <p className="actions">
            <button type="button" data-first onClick={() => setAsked(null)}>
              Cancel
            </button>
            <button
              type="button"
              className="danger"
              onClick={() => void (asked.what === 'disable' ? disable(asked.user, true) : reset(asked.user))}
            >
              {asked.what === 'disable' ? 'Disable' : 'Reset'}
            </button>
          </p>
        </Dialog>
      )}
    </Panel>
  );
}

const METHODS: Readonly<Record<string, string>> = {
  password: 'password and code',
  recovery: 'recovery code',
  invitation: 'invitation',
  oidc: 'provider',
};

export function Sessions() {
  const query = useQuery('sessions', (signal) => api.get('/api/sessions', { signal }));
  const [said, setSaid] = useState('');
  const end = async (id: string) => {
    try {
      await api.delete('/api/sessions/{id}', { path: { id } });
      setSaid('The session has ended.');
      query.refresh();
    } catch (error) {
      setSaid(explain(error));
    }
  };
  return (
    <Panel title="Your sessions">
      <p className="said" role="status">
        {said}
      </p>
      {query.data === undefined && <Problem error={query.error} retry={query.refresh} />}
      <div className="scroll-x" tabIndex={0} role="region" aria-label="Table of your sessions">
        <table>
          <thead>
            <tr>
              <th scope="col">since</th>
              <th scope="col">last used</th>
              <th scope="col">signed in by</th>
              <th scope="col">from</th>
              <th scope="col">browser</th>
              <th scope="col">
                <span className="sr">end</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {(query.data ?? []).map((session) => (
              <tr key={session.id}>
                <td>
                  <Time at={session.created_at} />
                </td>
                <td>
                  <Time at={session.seen_at} />
                </td>
                <td>{METHODS[session.method] ?? session.method}</td>
                <td>{session.address}</td>
                <td>
                  <Untrusted text={session.agent} />
                </td>
                <td>
                  {session.current ? (
                    'this one'
                  ) : (
                    <button type="button" aria-label={`End the session ${session.id}`} onClick={() => void end(session.id)}>
                      End
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
