// Whoever has an invitation sets a password and one-time codes. The secret of the invitation stands after
// `#` in the address: opening the link sends it nowhere, and it is taken out of the address at once.

import { useEffect, useId, useRef, useState, type FormEvent } from 'react';
import { api, explain, type Schema } from '../api/client';
import { Untrusted } from '../hostile/Untrusted';
import { go } from '../router';
import { session } from '../session';
import { rememberWay } from '../way';

type Offer = Schema['OfferBody'];

const PASSWORD_MIN = 12;

/** In groups of four, as people type it. */
const grouped = (secret: string) => secret.replace(/(.{4})(?=.)/g, '$1 ');

function takeToken(): string {
  const token = location.hash.slice(1);
  if (token !== '') history.replaceState(null, '', location.pathname);
  return token;
}

/** 128 random bits of this page: without them nobody who has seen the invitation knows the one-time codes. */
function drawNonce(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function Codes({ codes }: { codes: readonly string[] }) {
  return (
    <section className="sign-in-panel">
      <h1>You are in</h1>
      <p>
        Keep these codes where you keep keys. When the authenticator application is lost, each of them signs you in once. They
        are shown only now.
      </p>
      <pre className="untrusted" tabIndex={0} data-recovery>
        {codes.join('\n')}
      </pre>
      <button
        type="button"
        className="primary"
        onClick={() => {
          rememberWay('login');
          session.beginCookie();
          go('/');
        }}
      >
        I have them
      </button>
    </section>
  );
}

export function Join() {
  const id = useId();
  const [token] = useState(takeToken);
  const [nonce] = useState(drawNonce);
  const [offer, setOffer] = useState<Offer | null>(null);
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(token === '' ? 'The link is not whole: its secret is missing.' : null);
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const field = useRef<HTMLInputElement>(null);

  useEffect(() => {
    if (token === '') return undefined;
    // What is set up here is for whoever joins, not for a key that this tab had.
    session.end();
    let gone = false;
    api.post('/api/join/look', { body: { token, nonce } }).then(
      (found) => {
        if (!gone) setOffer(found);
      },
      (error: unknown) => {
        if (!gone) setProblem(explain(error));
      },
    );
    return () => {
      gone = true;
    };
  }, [token, nonce]);
  useEffect(() => field.current?.focus(), [offer]);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    if ([...password].length < PASSWORD_MIN) {
      setProblem(`A password has at least ${PASSWORD_MIN} characters; a few words are a good one.`);
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      const joined = await api.post('/api/join', { body: { token, nonce, password, code: code.trim() } });
      setCodes(joined.recovery_codes);
    } catch (error) {
      setProblem(explain(error));
      setBusy(false);
    }
  };

  if (codes !== null) {
    return (
      <main className="sign-in">
        <Codes codes={codes} />
      </main>
    );
  }
  return (
    <main className="sign-in" aria-busy={offer === null && problem === null}>
      <section className="sign-in-panel">
        <h1>Join Interlock</h1>
        {offer !== null && (
          <form onSubmit={(event) => void submit(event)} noValidate>
            <p>
              You will sign in as <Untrusted text={offer.login} />.
            </p>
            <label htmlFor={`${id}-password`}>New password</label>
            <input
              id={`${id}-password`}
              ref={field}
              name="new-password"
              type="password"
              autoComplete="new-password"
              maxLength={256}
              value={password}
              aria-describedby={`${id}-said`}
              onChange={(event) => setPassword(event.target.value)}
            />
            <p id={`${id}-secret`}>Add this secret to an authenticator application (time-based, six digits), then type what it shows.</p>
            <pre className="untrusted" tabIndex={0} data-secret aria-label="Secret of the one-time codes">
              {grouped(offer.secret)}
            </pre>
            <details>
              <summary>As an address</summary>
              <pre className="untrusted wrap" tabIndex={0} aria-label="Address of the one-time codes">
                {offer.uri}
              </pre>
            </details>
            <label htmlFor={`${id}-code`}>Code</label>
            <input
              id={`${id}-code`}
              name="code"
              inputMode="numeric"
              autoComplete="one-time-code"
              maxLength={16}
              value={code}
              aria-describedby={`${id}-secret ${id}-said`}
              onChange={(event) => setCode(event.target.value)}
            />
            <button type="submit" className="primary" disabled={busy || password === '' || code.trim() === ''}>
              {busy ? 'Joining' : 'Join'}
            </button>
          </form>
        )}
        <p id={`${id}-said`} className="said" role="alert">
          {problem ?? ''}
        </p>
        {offer === null && problem !== null && (
          <button type="button" onClick={() => go('/')}>
            To the sign-in
          </button>
        )}
      </section>
    </main>
  );
}
