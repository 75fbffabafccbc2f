// How the receivers of the record are doing: how far behind, and why.

import { api, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import { Untrusted } from '../hostile/Untrusted';
import { Panel, Problem, Time, span, useNow } from '../parts/show';

type Sink = Schema['SinkBody'];

/** What is to be known of a sink first. */
export function state(sink: Sink): 'fails' | 'behind' | 'up to date' {
  if (sink.failures > 0) return 'fails';
  return sink.lag_entries > 0 ? 'behind' : 'up to date';
}

function Row({ sink }: { sink: Sink }) {
  const now = useNow();
  const since = sink.waiting_since ? now - Date.parse(sink.waiting_since) : 0;
  return (
    <tr>
      <th scope="row">{sink.name}</th>
      <td>
        {sink.format} to {sink.destination}
      </td>
      <td>{state(sink)}</td>
      <td>
        {sink.lag_entries}
        {sink.lag_entries > 0 && since > 0 ? `, for ${span(since)}` : ''}
      </td>
      <td>{sink.delivered}</td>
      <td>{sink.rejected}</td>
      <td>
        <Time at={sink.delivered_at} />
      </td>
      <td>{sink.last_error && (sink.failures > 0 || sink.rejected > 0) ? <Untrusted text={sink.last_error} /> : ''}</td>
    </tr>
  );
}

export function Sinks() {
  const sinks = useQuery('export sinks', (signal) => api.get('/api/export/sinks', { signal }), 5_000);
  return (
    <Panel title="Receivers of the record">
      <Problem error={sinks.error} />
      {sinks.data?.length === 0 && <p>None: start the server with `--export FILE` to send events to a SIEM.</p>}
      {sinks.data && sinks.data.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">What</th>
              <th scope="col">State</th>
              <th scope="col">Entries behind</th>
              <th scope="col">Taken</th>
              <th scope="col">Refused</th>
              <th scope="col">Last taken</th>
              <th scope="col">Why</th>
            </tr>
          </thead>
          <tbody>
            {sinks.data.map((sink) => (
              <Row key={sink.name} sink={sink} />
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
