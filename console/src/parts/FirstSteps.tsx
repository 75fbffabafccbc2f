// Before the first action: how an agent is connected, and one to try.

import { useState } from 'react';
import { api, explain } from '../api/client';
import { Link } from '../router';
import { useMay } from '../who';
import { Panel } from './show';

const lines = (origin: string) => `from interlock import Interlock
il = Interlock("agent-data", server="${origin}", api_key="KEY", agent="my-agent")
refund = il.guard(refund, action_type="payment")`;

const request = (origin: string) => `curl ${origin}/api/check -H "x-api-key: $KEY" -d \\
  '{"agent_id": "my-agent", "action_type": "database_write", "resource": "postgres://prod/customers",
    "arguments": {"sql": "DELETE FROM customers"}}'`;

function Copy({ text, name }: { text: string; name: string }) {
  const [said, setSaid] = useState('');
  return (
    <div className="copy">
      <pre className="untrusted" tabIndex={0} aria-label={name}>
        {text}
      </pre>
      <button
        type="button"
        onClick={() => {
          navigator.clipboard.writeText(text).then(
            () => setSaid('Copied.'),
            () => setSaid('This browser does not let pages copy: select it.'),
          );
        }}
      >
        Copy
      </button>
      <span className="quiet" role="status">
        {said}
      </span>
    </div>
  );
}

export function FirstSteps({ onTried }: { onTried: () => void }) {
  const may = useMay('check');
  const admin = useMay('administer');
  const [said, setSaid] = useState('');
  const attempt = async () => {
    try {
      const decided = await api.post('/api/check', {
        body: {
          agent_id: 'first-steps',
          action_type: 'database_write',
          tool: 'sql.execute',
          resource: 'postgres://prod/customers',
          run_id: 'first steps',
          // The document says that there are members, not of which type.
          arguments: { sql: 'DELETE FROM customers' } as never,
        },
      });
      setSaid(`Decided: ${decided.effect}.`);
      onTried();
    } catch (error) {
      setSaid(explain(error));
    }
  };
  return (
    <Panel title="Connect the first agent">
      <ol className="first-steps">
        <li>
          {admin ? (
            <>
              Make a key of role agent in <Link href="/settings">Settings</Link>.
            </>
          ) : (
            'Have an administrator make a key of role agent.'
          )}
        </li>
        <li>
          Guard a tool, here in Python:
          <Copy text={lines(location.origin)} name="Python" />
          or ask over HTTP, from any language:
          <Copy text={request(location.origin)} name="HTTP" />
        </li>
        <li>
          Watch this page light up: each action stands here within two seconds.
          {may && (
            <p>
              <button type="button" className="primary" onClick={() => void attempt()}>
                Send an action to try
              </button>{' '}
              <span className="quiet">It asks whether all customers may be deleted. Nothing runs.</span>
            </p>
          )}
          <p className="said" role="status">
            {said}
          </p>
        </li>
      </ol>
    </Panel>
  );
}
