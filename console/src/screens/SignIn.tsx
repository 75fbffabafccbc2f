import { useEffect, useId, useRef, useState, type FormEvent } from 'react';
import { api, explain } from '../api/client';
import { Link } from '../router';
import { session } from '../session';

/** Longer than any key. */
const KEY_MAX = 512;

export function SignIn() {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [key, setKey] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(session.why);

  useEffect(() => field.current?.focus(), []);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const given = key.trim();
    if (given === '' || busy) return;
    // A header carries printable ASCII alone.
    if (!/^[\u0021-\u007e]+$/.test(given)) {
      setProblem('A key has no spaces and no special characters.');
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      await api.whoami(given);
      session.begin(given);
    } catch (error) {
      setProblem(explain(error));
      setBusy(false);
      field.current?.select();
    }
  };

  return (
    <main className="sign-in">
      <form onSubmit={(event) => void submit(event)} noValidate>
        <h1>Interlock</h1>
        <p>Sign in with a key of this server. It stays in this tab and is gone when the tab is closed.</p>
        <label htmlFor={id}>API key</label>
        <input
          id={id}
          ref={field}
          type="password"
          autoComplete="off"
          spellCheck={false}
          maxLength={KEY_MAX}
          value={key}
          aria-invalid={problem !== null}
          aria-describedby={`${id}-said`}
          onChange={(event) => setKey(event.target.value)}
        />
        <button type="submit" className="primary" disabled={busy || key.trim() === ''}>
          {busy ? 'Signing in' : 'Sign in'}
        </button>
        <p id={`${id}-said`} className="said" role="alert">
          {problem ?? ''}
        </p>
        <p className="hint">
          <code>interlock up</code> prints the first key once; <code>interlock keys create</code> makes more. <Link href="/open">Open a file</Link> needs no key.
        </p>
      </form>
    </main>
  );
}
