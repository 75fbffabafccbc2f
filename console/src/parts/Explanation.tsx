// Everything that was decided about one action, for a person who has to judge it.

import type { Explained, Found, Told } from '../actions';
import { Untrusted, UntrustedJson } from '../hostile/Untrusted';
import { Effect, Facts, Panel, Risk, riskBand } from './show';

function codeText(codes: Explained['codes'], code: string): string | undefined {
  return Object.hasOwn(codes, code) ? codes[code] : undefined;
}

export function Reasons({ told, codes }: { told: Told; codes: Explained['codes'] }) {
  return (
    <Panel title="Why">
      <ol className="reasons">
        {told.reasons.map((r, i) => (
          <li key={i}>
            <Untrusted text={r.message || codeText(codes, r.code) || r.code} /> <code>{r.code}</code>
          </li>
        ))}
      </ol>
      {told.fired.length > 0 && (
        <table>
          <caption>Rules that fired</caption>
          <thead>
            <tr>
              <th scope="col">rule</th>
              <th scope="col">asks for</th>
              <th scope="col">kind</th>
              <th scope="col">decided</th>
            </tr>
          </thead>
          <tbody>
            {told.fired.map((rule, i) => (
              <tr key={i}>
                <td>
                  <Untrusted text={rule.id} />
                </td>
                <td>
                  <Effect effect={rule.effect} />
                </td>
                <td>{rule.kind}</td>
                <td>
                  {rule.decided ? 'yes' : ''}
                  {rule.errored ? ' could not be evaluated' : ''}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {told.shadow.length > 0 && (
        <p>
          In shadow, without effect:{' '}
          {told.shadow.map((rule, i) => (
            <span key={i}>
              {i > 0 && ', '}
              <Untrusted text={rule.id} /> ({rule.effect})
            </span>
          ))}
        </p>
      )}
      {told.obligations.length > 0 && (
        <p>
          Besides: <Untrusted text={told.obligations.join('; ')} />
        </p>
      )}
    </Panel>
  );
}

export function RiskDetail({ told }: { told: Told }) {
  return (
    <Panel title="Risk" aside={told.composite === null ? null : <Risk risk={told.composite} />}>
      {told.floor && <p>The dimension {told.floor} stands so high that it lifts the whole.</p>}
      <table className="dimensions">
        <thead>
          <tr>
            <th scope="col">dimension</th>
            <th scope="col">score</th>
            <th scope="col">from</th>
          </tr>
        </thead>
        <tbody>
          {told.dimensions.map((d) => (
            <tr key={d.name}>
              <th scope="row">{d.name}</th>
              <td className="meter-cell">
                <meter className={`meter-${riskBand(d.score)}`} min={0} max={100} value={d.score} aria-label={d.name} /> {d.score}
              </td>
              <td>
                {d.terms.map((t) => (
                  <span key={t.code} className="term">
                    <code>{t.code.slice(d.name.length + 1)}</code> {t.points > 0 ? '+' : ''}
                    {t.points}
                    {t.value !== null && ` (${t.value})`}
                  </span>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

export function FindingList({ findings, codes, empty }: { findings: Found[]; codes: Explained['codes']; empty: string }) {
  if (findings.length === 0) return <p className="empty">{empty}</p>;
  return (
    <ul className="findings">
      {findings.map((f, i) => (
        <li key={i}>
          <code>{f.code}</code> {codeText(codes, f.code) ?? ''}{' '}
          {f.confidence !== null && (
            <>
              <span className="quiet">confidence {f.confidence}, at </span>
              <Untrusted text={f.path} />
            </>
          )}
        </li>
      ))}
    </ul>
  );
}

function value(v: unknown) {
  if (typeof v === 'boolean' || typeof v === 'number') return String(v);
  if (typeof v === 'string') return <Untrusted text={v} />;
  if (Array.isArray(v) && v.every((x) => typeof x === 'string')) return <Untrusted text={v.join(', ')} />;
  return <UntrustedJson value={v} />;
}

export function FactDetail({ told }: { told: Told }) {
  return (
    <Panel title="What was understood">
      {told.facts.length === 0 ? (
        <p className="empty">The record holds no facts of it.</p>
      ) : (
        <Facts items={told.facts.map(([name, v]) => [name, value(v)] as const)} />
      )}
      <details>
        <summary>Readings of state</summary>
        <Facts items={told.readings.map(([name, v]) => [name, value(v)] as const)} />
      </details>
    </Panel>
  );
}
