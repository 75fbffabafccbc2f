// People sign in with a login, a password and a code; programs' keys are taken as well, and are all that
// there is on a new server.

import { useEffect, useId, useRef, useState, type FormEvent } from 'react';
import { api, explain, type Schema } from '../api/client';
import { Untrusted } from '../hostile/Untrusted';
import { usePlace } from '../router';
import { Link } from '../router';
import { session } from '../session';
import { lastWay, rememberWay } from '../way';

/** Longer than any key. */
const KEY_MAX = 512;

function ByKey() {
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
      rememberWay('key');
      session.begin(given);
    } catch (error) {
      setProblem(explain(error));
      setBusy(false);
      field.current?.select();
    }
  };

  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
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
        <code>interlock up</code> prints the first key once; <code>interlock users add</code> invites a person.
      </p>
    </form>
  );
}

function ByLogin() {
  const id = useId();
  const first = useRef<HTMLInputElement>(null);
  const codeField = useRef<HTMLInputElement>(null);
  const [login, setLogin] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(session.why);

  useEffect(() => first.current?.focus(), []);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await api.post('/api/session', { body: { login: login.trim().toLowerCase(), password, code: code.trim() } });
      rememberWay('login');
      session.beginCookie();
    } catch (error) {
      setProblem(explain(error));
      setBusy(false);
      // A code is good once, whatever else was wrong.
      setCode('');
      codeField.current?.focus();
    }
  };

  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <label htmlFor={`${id}-login`}>Login</label>
      <input
        id={`${id}-login`}
        ref={first}
        name="login"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={128}
        value={login}
        onChange={(event) => setLogin(event.target.value)}
      />
      <label htmlFor={`${id}-password`}>Password</label>
      <input
        id={`${id}-password`}
        name="password"
        type="password"
        autoComplete="current-password"
        maxLength={256}
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      <label htmlFor={`${id}-code`}>Code</label>
      <input
        id={`${id}-code`}
        ref={codeField}
        name="code"
        autoComplete="one-time-code"
        spellCheck={false}
        maxLength={32}
        value={code}
        aria-invalid={problem !== null}
        aria-describedby={`${id}-said ${id}-hint`}
        onChange={(event) => setCode(event.target.value)}
      />
      <button type="submit" className="primary" disabled={busy || login.trim() === '' || password === '' || code.trim() === ''}>
        {busy ? 'Signing in' : 'Sign in'}
      </button>
      <p id={`${id}-said`} className="said" role="alert">
        {problem ?? ''}
      </p>
      <p id={`${id}-hint`} className="hint">
        The code is the six digits that your authenticator application shows, or one of your recovery codes.
      </p>
    </form>
  );
}

type Provider = Schema['SignInProviderBody'];

/** Where a provider's page is: over TLS, or on this machine. */
function isPage(url: string): boolean {
  try {
    const { protocol, hostname } = new URL(url);
    return protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname));
  } catch {
    return false;
  }
}

/** The providers at which people may sign in; nothing where there is none. */
function Elsewhere() {
  const place = usePlace();
  const [providers, setProviders] = useState<readonly Provider[]>([]);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  useEffect(() => {
    const gone = new AbortController();
    api
      .get('/api/session/oidc', { signal: gone.signal })
      .then(setProviders)
      // Without an answer there is no button; the other ways say what is wrong.
      .catch(() => undefined);
    return () => gone.abort();
  }, []);

  const begin = async (provider: string) => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      const to = `/${place.parts.map(encodeURIComponent).join('/')}`;
      const { url } = await api.post('/api/session/oidc', { body: { provider, to: to.length > 512 ? '/' : to } });
      if (!isPage(url)) throw new Error('the provider has no address that can be opened');
      location.assign(url);
    } catch (error) {
      setProblem(explain(error));
      setBusy(false);
    }
  };

  if (providers.length === 0) return null;
  return (
    <div className="elsewhere">
      {providers.map((provider) => (
        <button key={provider.name} type="button" data-provider={provider.name} disabled={busy} onClick={() => void begin(provider.name)}>
          Sign in with <Untrusted text={provider.label} oneLine />
        </button>
      ))}
      <p className="said" role="alert">
        {problem ?? ''}
      </p>
    </div>
  );
}

export function SignIn() {
  const [way, setWay] = useState(lastWay);
  return (
    <main className="sign-in">
      <section className="sign-in-panel">
        <h1>Interlock</h1>
        <Elsewhere />
        <div className="tabs" role="group" aria-label="How to sign in">
          <button type="button" aria-pressed={way === 'login'} onClick={() => setWay('login')}>
            With a login
          </button>
          <button type="button" aria-pressed={way === 'key'} onClick={() => setWay('key')}>
            With a key
          </button>
        </div>
        {way === 'key' ? <ByKey /> : <ByLogin />}
        <p className="hint">
          <Link href="/open">Open a file</Link> needs neither.
        </p>
      </section>
    </main>
  );
}
