// The page that scripts/verify_react.py drives.
import { SecureInput, SecurityBadge } from '@interlock/react';

const note = (check) => {
  if (typeof window !== 'undefined') (window.checks ??= []).push(check.state);
};

export function App() {
  return (
    <main>
      <form id="form">
        <SecureInput label="Message" name="message" multiline enforce onCheck={note} debounceMs={150} timeoutMs={1500} />
        <button type="submit">Send</button>
      </form>
      <SecureInput label="Note" name="note" strategy="full" defaultValue="call ann@example.com" />
      <p id="live">
        <SecurityBadge agentId="billing-bot" intervalMs={200} />
      </p>
      <p id="once">
        <SecurityBadge decision={{ effect: 'block', risk: { composite: 95 } }} />
      </p>
    </main>
  );
}
