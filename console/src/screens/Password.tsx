// A person's own password: the old one is asked, and the other sessions end.

import { useId, useState, type FormEvent } from 'react';
import { api, explain } from '../api/client';
import { Panel } from '../parts/show';

/** As the server asks. */
const CHARACTERS_MIN = 12;

export function Password() {
  const id = useId();
  const [before, setBefore] = useState('');
  const [after, setAfter] = useState('');
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState('');
  const [problem, setProblem] = useState<string | null>(null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(null);
    setSaid('');
    try {
      await api.post('/api/password', { body: { old_password: before, new_password: after } });
      setBefore('');
      setAfter('');
      setSaid('The new password holds. Your other sessions have ended.');
    } catch (error) {
      setProblem(explain(error));
    }
    setBusy(false);
  };

  return (
    <Panel title="Your password">
      <form className="fields" onSubmit={(event) => void submit(event)}>
        <span className="field">
          <label htmlFor={`${id}-before`}>Old password</label>
          <input
            id={`${id}-before`}
            name="old-password"
            type="password"
            autoComplete="current-password"
            maxLength={256}
            required
            value={before}
            onChange={(event) => setBefore(event.target.value)}
          />
        </span>
        <span className="field">
          <label htmlFor={`${id}-after`}>New password, {CHARACTERS_MIN} characters or more</label>
          <input
            id={`${id}-after`}
            name="changed-password"
            type="password"
            autoComplete="new-password"
            minLength={CHARACTERS_MIN}
            maxLength={256}
            required
            value={after}
            aria-describedby={`${id}-said`}
            onChange={(event) => setAfter(event.target.value)}
          />
        </span>
        <button type="submit" disabled={busy || before === '' || after.length < CHARACTERS_MIN}>
          Change it
        </button>
        <p id={`${id}-said`} className="said said-bad" role="alert">
          {problem ?? ''}
        </p>
      </form>
      <p className="said" role="status">
        {said}
      </p>
    </Panel>
  );
}
