// Policies: what is in force, its texts, and how a bundle is written, checked and published.

import { useMemo, useState } from 'react';
import { api, explain, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import { Untrusted } from '../hostile/Untrusted';
import { Source } from '../parts/Source';
import { Empty, Facts, Freshness, Panel, Problem, Time } from '../parts/show';
import { go, Link, to } from '../router';
import { useMay } from '../who';
import { BundleEditor } from './BundleEditor';

function Rows() {
  const may = useMay('edit_policies');
  const query = useQuery('policy rows', (signal) => api.get('/api/policies', { signal }), 5_000);
  const [said, setSaid] = useState('');
  const toggle = async (row: Schema['PolicyBody']) => {
    try {
      await api.patch('/api/policies/{id}', { path: { id: row.id }, body: { enabled: !row.enabled } });
      setSaid(row.enabled ? 'It is not in force any more.' : 'It is in force.');
      query.refresh();
    } catch (error) {
      setSaid(explain(error));
    }
  };
  if (!query.data || query.data.length === 0) return null;
  return (
    <Panel title="Policies made through the API">
      <p className="said" role="status">
        {said}
      </p>
      <div className="scroll-x" tabIndex={0} role="region" aria-label="Table of policies">
        <table>
          <thead>
            <tr>
              <th scope="col">name</th>
              <th scope="col">type</th>
              <th scope="col">resource</th>
              <th scope="col">effect</th>
              <th scope="col">priority</th>
              <th scope="col">in force</th>
            </tr>
          </thead>
          <tbody>
            {query.data.map((row) => (
              <tr key={row.id}>
                <td>
                  <Untrusted text={row.name} />
                </td>
                <td>
                  <Untrusted text={row.action_type ?? '*'} />
                </td>
                <td>
                  <Untrusted text={row.resource_pattern ?? '*'} />
                </td>
                <td>{row.effect}</td>
                <td>{row.priority}</td>
                <td>
                  <button type="button" aria-pressed={row.enabled} disabled={!may} onClick={() => void toggle(row)}>
                    {row.enabled ? 'yes' : 'no'}
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function History({ name, revision, onReverted }: { name: string | null; revision: number; onReverted: () => void }) {
  const may = useMay('edit_policies');
  const [said, setSaid] = useState('');
  const query = useQuery(`bundle history ${name ?? ''} ${revision}`, (signal) =>
    api.get('/api/bundle/history', { query: { ...(name === null ? {} : { name }), limit: 100 }, signal }),
  );
  const revert = async (one: Schema['RevisionBody']) => {
    try {
      await api.post('/api/bundle', { body: { name: one.name, revert_to: one.revision, expected_revision: revision } });
      setSaid(`The text of revision ${one.revision} is in force again.`);
      onReverted();
    } catch (error) {
      setSaid(explain(error));
    }
  };
  return (
    <Panel title="History">
      <p className="said" role="status">
        {said}
      </p>
      {query.data?.length === 0 && <Empty>Nothing was published yet; what is in force came with the server.</Empty>}
      {query.data && query.data.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">revision</th>
              <th scope="col">bundle</th>
              <th scope="col">by</th>
              <th scope="col">when</th>
              <th scope="col">
                <span className="sr">revert</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {query.data.map((one) => (
              <tr key={`${one.name} ${one.revision}`}>
                <td>{one.revision}</td>
                <td>
                  <Untrusted text={one.name} />
                </td>
                <td>
                  <Untrusted text={one.author} />
                </td>
                <td>
                  <Time at={one.created_at} long />
                </td>
                <td>
                  {may && (
                    <button type="button" onClick={() => void revert(one)}>
                      Put in force again
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

/** The name that a new bundle gets. */
const NEW = 'team.yaml';
const FIRST_TEXT = 'interlock: 1\nname: team\n\nrules:\n  - id: no-mail-at-night\n    description: Nobody reads answers then\n    match: { action: [message_send] }\n    schedule: { hours: "20:00-24:00", tz: UTC }\n    effect: require_approval\n\ntests:\n  - name: a mail at nine in the evening asks\n    action: { agent_id: a, action_type: message_send }\n    given: { now: 2026-01-14T21:00:00Z }\n    expect: { effect: require_approval }\n';

export function Policies({ name }: { name: string | null }) {
  const may = useMay('edit_policies');
  const query = useQuery('bundle', (signal) => api.get('/api/bundle', { signal }), 5_000);
  const history = useQuery('bundle names', (signal) => api.get('/api/bundle/history', { query: { limit: 1_000 }, signal }), 10_000);
  const bundle = query.data;
  // What this page began is the team's own: the bundle may say that it is published before the list of names,
  // or the answer to the publication, does.
  const [written, setWritten] = useState<readonly string[]>([]);
  const own = useMemo(() => new Set([...(history.data ?? []).map((h) => h.name), ...written]), [history.data, written]);
  const source = bundle?.sources.find((s) => s.name === name);
  const refresh = () => {
    query.refresh();
    history.refresh();
  };
  if (!bundle) return <Problem error={query.error} retry={query.refresh} />;
  const fresh = name !== null && !source;
  if (fresh && !written.includes(name)) setWritten([...written, name]);
  return (
    <div className="split" data-open={name !== null}>
      <section className="split-list" aria-label="Policies">
        <header className="screen-head">
          <h1>Policies</h1>
          <Freshness query={query} />
        </header>
        <ul className="sources">
          {bundle.sources.map((s) => (
            <li key={s.name}>
              <Link href={to('policies', s.name)} {...(s.name === name ? { 'aria-current': 'true' as const } : {})}>
                <Untrusted text={s.name} oneLine />
              </Link>
              <span className="quiet">{own.has(s.name) ? 'published here' : 'of the server'}</span>
            </li>
          ))}
        </ul>
        {may && !bundle.sources.some((s) => s.name === NEW) && (
          <p>
            <button type="button" onClick={() => go(to('policies', NEW))}>
              Write {NEW}
            </button>
          </p>
        )}
        <Facts
          items={[
            ['bundle', bundle.number],
            ['revision', bundle.revision],
            ['digest', <code>{bundle.digest}</code>],
          ]}
        />
        {bundle.warnings.length > 0 && (
          <details>
            <summary>{bundle.warnings.length} warnings of the compiler</summary>
            {bundle.warnings.map((w, i) => (
              <Untrusted key={i} text={w} block />
            ))}
          </details>
        )}
      </section>
      <section className="split-detail" aria-label="The policy">
        <article className="detail">
          {name === null ? (
            <>
              <Rows />
              <History name={null} revision={bundle.revision} onReverted={refresh} />
            </>
          ) : (
            <>
              <header className="detail-head">
                <Link href="/policies" className="back">
                  Back
                </Link>
                <h1>
                  <Untrusted text={name} />
                </h1>
              </header>
              {(own.has(name) || fresh) && may ? (
                <BundleEditor
                  key={name}
                  name={name}
                  text={source?.text ?? FIRST_TEXT}
                  revision={bundle.revision}
                  fresh={fresh}
                  onPublished={refresh}
                />
              ) : source ? (
                <Source text={source.text} />
              ) : (
                <Empty>There is no such policy.</Empty>
              )}
              {own.has(name) && !fresh && <History name={name} revision={bundle.revision} onReverted={refresh} />}
            </>
          )}
        </article>
      </section>
    </div>
  );
}
