// What a draft would have decided: what flips, what it costs people, what could not be told.

import { useState } from 'react';
import type { Schema } from '../api/client';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { go, Link, to } from '../router';
import { Effect, Empty, Facts, Panel, Time } from './show';

type Report = Schema['WhatIfReportBody'];
type Sample = Schema['WhatIfSample'];
type Group = Schema['WhatIfGroup'];

/** Where the frame of an action is; actions without a run are found in the record. */
export function placeOf(sample: Sample): string {
  return sample.run_id === '' ? to('audit', sample.seq) : `${to('runs', sample.run_id)}?frame=${sample.seq}`;
}

function Samples({ samples }: { samples: readonly Sample[] }) {
  return (
    <ul className="samples">
      {samples.map((s) => (
        <li key={s.seq}>
          <Link href={placeOf(s)}>
            <Time at={s.at} long />
          </Link>{' '}
          <Untrusted text={s.agent_id} oneLine /> <Untrusted text={s.tool || s.action_type} oneLine /> <Untrusted text={s.resource} oneLine />
        </li>
      ))}
    </ul>
  );
}

function Odds({ title, group }: { title: string; group: Group }) {
  if (group.count === 0) return null;
  return (
    <Panel title={title}>
      <p>
        {group.count.toLocaleString('en')} {group.count === 1 ? 'action' : 'actions'}
      </p>
      <Samples samples={group.samples} />
    </Panel>
  );
}

const count = (n: number): string => n.toLocaleString('en');

export function WhatIfResult({ report }: { report: Report }) {
  const [at, setAt] = useState(0);
  const flips = report.flips;
  const selected = flips[Math.min(at, flips.length - 1)];
  useKeys({
    j: () => setAt(Math.min(flips.length - 1, at + 1)),
    k: () => setAt(Math.max(0, at - 1)),
    Enter: () => {
      const first = selected?.samples[0];
      if (first) go(placeOf(first));
    },
  });
  const people = report.reviewers;
  return (
    <div className="what-if" data-flips={report.stricter + report.milder} data-unknown={report.not_evaluated}>
      <Facts
        items={[
          ['actions', count(report.actions)],
          ['the same', count(report.same)],
          ['stricter', count(report.stricter)],
          ['milder', count(report.milder)],
          ['not re-evaluated', count(report.not_evaluated)],
          [
            'people',
            `${count(people.asks_more)} more questions (${people.minutes_more} min), ${count(people.asks_less)} fewer (${people.minutes_less} min)`,
          ],
          [
            'a question takes',
            people.measured === 0
              ? `${people.seconds_each} s, assumed: nobody has answered one in this range`
              : `${people.seconds_each} s, the median of ${count(people.measured)} answers`,
          ],
        ]}
      />
      <Panel title="What changes">
        {flips.length === 0 ? (
          <Empty>{report.actions === 0 ? 'Nothing was recorded in this range.' : 'No decision changes.'}</Empty>
        ) : (
          <div className="scroll-x" tabIndex={0} role="region" aria-label="Table of changes">
            <table>
              <thead>
                <tr>
                  <th scope="col">actions</th>
                  <th scope="col">was</th>
                  <th scope="col">would be</th>
                  <th scope="col">rule</th>
                  <th scope="col">agent</th>
                  <th scope="col">tool</th>
                  <th scope="col">first</th>
                </tr>
              </thead>
              <tbody>
                {flips.slice(0, 200).map((flip, i) => (
                  <tr key={`${flip.rule} ${flip.agent_id} ${flip.tool} ${flip.from} ${flip.to}`} aria-current={flip === selected ? 'true' : undefined} onClick={() => setAt(i)}>
                    <td>{count(flip.count)}</td>
                    <td>
                      <Effect effect={flip.from} />
                    </td>
                    <td>
                      <Effect effect={flip.to} />
                    </td>
                    <td>
                      <Untrusted text={flip.rule} oneLine />
                    </td>
                    <td>
                      <Untrusted text={flip.agent_id} oneLine />
                    </td>
                    <td>
                      <Untrusted text={flip.tool} oneLine />
                    </td>
                    <td>
                      {flip.samples[0] && (
                        <Link href={placeOf(flip.samples[0])}>
                          <Time at={flip.samples[0].at} long />
                        </Link>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {flips.length > 200 && <p className="quiet">{count(flips.length - 200)} further kinds of changes; the API has them.</p>}
        {report.flips_further > 0 && <p className="quiet">{count(report.flips_further)} further actions change in ways that are not listed.</p>}
        {selected && selected.samples.length > 1 && <Samples samples={selected.samples} />}
      </Panel>
      <Odds title="Blocked although a person had approved: likely false alarms" group={report.approved_blocked} />
      <Odds title="Running although a person had denied: likely misses" group={report.denied_runs} />
      <Odds title="Running although policy had blocked" group={report.blocked_runs} />
      {report.unevaluated.length > 0 && (
        <Panel title="What could not be re-evaluated">
          <ul className="unevaluated">
            {report.unevaluated.map((one) => (
              <li key={`${one.code} ${one.what}`} data-code={one.code}>
                {count(one.count)}: {one.meaning}
                {one.what !== '' && (
                  <>
                    {' '}
                    <Untrusted text={one.what} oneLine />
                  </>
                )}
              </li>
            ))}
          </ul>
        </Panel>
      )}
      {report.scores_as_recorded > 0 && (
        <p className="quiet">{count(report.scores_as_recorded)} were decided with scores that still count a finding which the draft leaves out.</p>
      )}
    </div>
  );
}
