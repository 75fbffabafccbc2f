// Whether what is said gets there: channels to people, and receivers of the record.

import { api, type Schema } from '../api/client';
import { useQuery } from '../api/query';
import { Untrusted } from '../hostile/Untrusted';
import { state as sinkState } from '../screens/Sinks';
import { useMay } from '../who';
import { Panel, Time } from './show';

type Channel = Schema['ChannelBody'];
type Sink = Schema['SinkBody'];

/** What is to be known of a channel first. */
export function channelState(channel: Channel): 'fails' | 'gave up' | 'waits' | 'works' {
  if (channel.failures > 0) return 'fails';
  if (channel.given_up > 0) return 'gave up';
  return channel.waiting > 0 ? 'waits' : 'works';
}

export function ChannelLine({ channel }: { channel: Channel }) {
  const state = channelState(channel);
  return (
    <li className={state === 'works' || state === 'waits' ? '' : 'bad'}>
      <span>
        <Untrusted text={channel.name} oneLine /> ({channel.kind}): {state}
        {channel.waiting > 0 && `, ${channel.waiting} wait`}
        {channel.given_up > 0 && `, ${channel.given_up} given up`}
        {channel.failures > 0 && channel.last_error && (
          <>
            , <Untrusted text={channel.last_error} oneLine />
          </>
        )}
      </span>
      <span className="quiet">
        {channel.sent_at ? (
          <>
            took one <Time at={channel.sent_at} />
          </>
        ) : (
          'took none yet'
        )}
        {channel.failed_at && (
          <>
            , failed <Time at={channel.failed_at} />
          </>
        )}
      </span>
    </li>
  );
}

export function SinkLine({ sink }: { sink: Sink }) {
  const state = sinkState(sink);
  return (
    <li className={state === 'fails' ? 'bad' : ''}>
      <span>
        <Untrusted text={sink.name} oneLine /> ({sink.destination}): {state}
        {sink.lag_entries > 0 && `, ${sink.lag_entries} entries behind`}
        {sink.failures > 0 && sink.last_error && (
          <>
            , <Untrusted text={sink.last_error} oneLine />
          </>
        )}
      </span>
      <span className="quiet">
        {sink.waiting_since && sink.lag_entries > 0 && (
          <>
            since <Time at={sink.waiting_since} />
          </>
        )}
      </span>
    </li>
  );
}

/** Nothing where nothing is configured. */
export function Reach() {
  const audits = useMay('audit');
  const channels = useQuery('channels', (signal) => api.get('/api/channels', { signal }), 5_000);
  const sinks = useQuery(audits ? 'export sinks' : null, (signal) => api.get('/api/export/sinks', { signal }), 5_000);
  const people = channels.data ?? [];
  const receivers = sinks.data ?? [];
  if (people.length === 0 && receivers.length === 0) return null;
  return (
    <div className="pair">
      {people.length > 0 && (
        <Panel title="Channels to people">
          <ul className="short">
            {people.map((channel) => (
              <ChannelLine key={channel.name} channel={channel} />
            ))}
          </ul>
        </Panel>
      )}
      {receivers.length > 0 && (
        <Panel title="Receivers of the record">
          <ul className="short">
            {receivers.map((sink) => (
              <SinkLine key={sink.name} sink={sink} />
            ))}
          </ul>
        </Panel>
      )}
    </div>
  );
}
