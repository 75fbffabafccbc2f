// What somebody should look at: alerts of one agent for one cause as one line.

import { useId, useMemo, useState, type FormEvent } from 'react';
import { api, explain, type Page, type Schema } from '../api/client';
import type { Reading } from '../filter/grammar';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { Dialog } from '../parts/Dialog';
import { FilterBox, useGoodFilter, useKnown } from '../parts/FilterBox';
import { Further } from '../parts/Further';
import { useSearched } from '../parts/searched';
import { Empty, Facts, Freshness, Problem, Time } from '../parts/show';
import { VirtualList } from '../parts/VirtualList';
import { go, Link, useFilterText } from '../router';
import { NotYours, useMay } from '../who';
import { Mutes } from './Mutes';
import { placeOf } from './Now';
import { Responses } from './Responses';

type Group = Schema['AlertGroupBody'];
type Change = Omit<Schema['AlertGroupChange'], 'version' | 'seen_seq'>;

const READING: Reading<Group> = {
  texts: (g, field) => {
    switch (field) {
      case 'agent':
        return [g.agent_id];
      case 'rule':
        return [g.rule];
      case 'detector':
        return g.detectors;
      case 'tag':
        return g.tags;
      case 'kind':
        return [g.kind];
      case 'with':
        return [g.assignee];
      default:
        return [g.message];
    }
  },
  number: (g) => g.count,
  name: (g, field, name) => (field === 'is' ? g.muted_by !== null && g.muted_by !== undefined : (field === 'level' ? g.level : g.state) === name),
  at: (g) => g.last_seen,
};

const PAGE = 200;
const keyOf = (g: Group) => g.id;
const VIEWS = ['Open', 'All', 'Muted', 'Mutes', 'Responses'] as const;
type View = (typeof VIEWS)[number];

/** `id` names the one group that a message to people led to. */
export function Alerts({ id }: { id: string | null }) {
  const [view, setView] = useState<View>('Open');
  if (id !== null) {
    const all = (
      <Link href="/alerts" className="tabs">
        All alerts
      </Link>
    );
    return <Groups key={id} view="All" id={id} tabs={all} />;
  }
  const tabs = (
    <div className="tabs" role="group" aria-label="Which">
      {VIEWS.map((name) => (
        <button key={name} type="button" aria-pressed={view === name} onClick={() => setView(name)}>
          {name}
        </button>
      ))}
    </div>
  );
  if (view === 'Mutes') return <Mutes tabs={tabs} />;
  if (view === 'Responses') return <Responses tabs={tabs} />;
  return <Groups key={view} view={view} id={null} tabs={tabs} />;
}

function queryOf(view: View) {
  if (view === 'Open') return { state: 'open', muted: false, limit: PAGE };
  if (view === 'Muted') return { muted: true, limit: PAGE };
  return { limit: PAGE };
}

async function only(id: string, signal?: AbortSignal): Promise<Page<Group[]>> {
  const { group } = await api.get('/api/alert-groups/{id}', { path: { id }, signal });
  return { rows: [group], next: null, searchedTo: null, behind: 0 };
}

function Groups({ view, id, tabs }: { view: View; id: string | null; tabs: React.ReactNode }) {
  const mayAnswer = useMay('decide');
  const [filter, setFilter] = useFilterText();
  const [selected, setSelected] = useState(0);
  const [said, setSaid] = useState('');
  const [asking, setAsking] = useState<{ what: 'mute' | 'assign' | 'comment'; group: Group } | null>(null);
  const { text: q } = useGoodFilter(filter, 'alert-groups');
  const found = useSearched(id === null ? `alert groups ${view} ${q}` : `alert group ${id}`, keyOf, (from, signal) =>
    id === null
      ? api.page('/api/alert-groups', { query: { ...queryOf(view), q, ...(from === null ? {} : { before: from }) }, signal })
      : only(id, signal),
  );
  const query = found.query;
  // What this person has just changed is newer than the list.
  const [own, setOwn] = useState<ReadonlyMap<string, Group>>(new Map());
  const shown = useMemo(
    () =>
      found.rows.map((g) => {
        const mine = own.get(g.id);
        return mine && mine.version > g.version ? mine : g;
      }),
    [found.rows, own],
  );
  const changed = (group: Group) => setOwn((before) => new Map(before).set(group.id, group));
  const known = useKnown(shown, 'alert-groups', READING);
  const index = Math.min(selected, shown.length - 1);
  const group = shown[index];

  const change = async (of: Group | undefined, body: Change, done: string) => {
    if (!of || !mayAnswer) return;
    try {
      // What came since it was shown is not covered.
      changed(await api.patch('/api/alert-groups/{id}', { path: { id: of.id }, body: { version: of.version, seen_seq: of.last_seq, ...body } }));
      setSaid(done);
    } catch (error) {
      setSaid(explain(error));
    }
    query.refresh();
  };
  const acknowledge = () => group?.state === 'open' && change(group, { state: 'acknowledged' }, 'Acknowledged.');
  const resolve = () => group && group.state !== 'resolved' && change(group, { state: 'resolved' }, 'Resolved; it is open again when it happens again.');
  const ask = (what: 'mute' | 'assign' | 'comment') => group && mayAnswer && setAsking({ what, group });
  const follow = async (of: Group | undefined) => {
    if (!of) return;
    try {
      const { alerts } = await api.get('/api/alert-groups/{id}', { path: { id: of.id } });
      const id = alerts.find((alert) => alert.action_id)?.action_id;
      if (!id) return setSaid('No action stands behind it.');
      const { action } = await api.get('/api/actions/{id}', { path: { id } });
      go(placeOf(action));
    } catch (error) {
      setSaid(explain(error));
    }
  };

  useKeys({
    j: () => setSelected(Math.min(shown.length - 1, index + 1)),
    k: () => setSelected(Math.max(0, index - 1)),
    a: () => void acknowledge(),
    r: () => void resolve(),
    A: () => ask('assign'),
    m: () => ask('mute'),
    c: () => ask('comment'),
    Enter: () => void follow(group),
  });

  return (
    <div className="screen">
      <header className="screen-head">
        <h1>Alerts</h1>
        {tabs}
        <Freshness query={query} />
        <span className="grow" />
        <button type="button" disabled={!mayAnswer || group?.state !== 'open'} onClick={() => void acknowledge()}>
          Acknowledge <kbd>a</kbd>
        </button>
        <button type="button" disabled={!mayAnswer || !group || group.state === 'resolved'} onClick={() => void resolve()}>
          Resolve <kbd>r</kbd>
        </button>
        <button type="button" disabled={!mayAnswer || !group} onClick={() => ask('assign')}>
          Assign <kbd>A</kbd>
        </button>
        <button type="button" disabled={!mayAnswer || !group} onClick={() => ask('mute')}>
          Mute <kbd>m</kbd>
        </button>
        <button type="button" disabled={!mayAnswer || !group} onClick={() => ask('comment')}>
          Comment <kbd>c</kbd>
        </button>
        <button type="button" disabled={!group} onClick={() => void follow(group)}>
          Show the action <kbd>Enter</kbd>
        </button>
      </header>
      {!mayAnswer && <NotYours what="decide" verb="look after alerts" />}
      {id === null && (
        <FilterBox value={filter} onChange={setFilter} resource="alert-groups" known={known} placeholder="level:high agent:billing* tag:ASI02*" />
      )}
      <p className="said" role="status">
        {said !== '' && <Untrusted text={said} oneLine />}
      </p>
      {query.data === undefined && <Problem error={query.error} retry={query.refresh} />}
      <Problem error={found.problem} />
      {query.data && shown.length === 0 && found.next === null ? (
        <Empty>{q === '' ? (view === 'Open' ? 'No alert is open.' : view === 'Muted' ? 'Nothing is muted.' : 'There was no alert yet.') : 'The filter lets none through.'}</Empty>
      ) : (
        <VirtualList
          items={shown}
          rowHeight={56}
          label="Groups of alerts"
          className="fill"
          keyOf={keyOf}
          selected={index}
          onSelect={setSelected}
          onOpen={(i) => void follow(shown[i])}
          render={(g) => (
            <>
              <span className="row-main">
                <span className={`level level-${g.level}`}>{g.level}</span> {g.count > 1 && <strong>{g.count} × </strong>}
                <Untrusted text={g.message} oneLine />
              </span>
              <span className="row-side quiet">
                <Time at={g.last_seen} />
              </span>
              <span className="row-sub">
                {g.agent_id === '' ? 'many agents of one key' : <Untrusted text={g.agent_id} oneLine />}
                {g.reopened ? ', again after it was resolved' : g.state !== 'open' && `, ${g.state}`}
                {g.assignee !== '' && (
                  <>
                    , with <Untrusted text={g.assignee} oneLine />
                  </>
                )}
                {g.muted_by && ', muted'}
              </span>
            </>
          )}
        />
      )}
      {group && <Selected group={group} />}
      <Further found={found} what="groups" />
      {asking && (
        <Ask
          {...asking}
          onClose={() => setAsking(null)}
          onDone={(text, group) => {
            if (group) changed(group);
            setAsking(null);
            setSaid(text);
            query.refresh();
          }}
        />
      )}
    </div>
  );
}

function Selected({ group }: { group: Group }) {
  return (
    <Facts
      items={[
        ['First seen', <Time key="t" at={group.first_seen} long />],
        ['Rule', group.rule === '' ? 'none' : <Untrusted key="r" text={group.rule} oneLine />],
        ['Detector', group.detector === '' ? 'none' : `${group.detectors.join(', ')}; ${group.code}`],
        ['Tags', group.tags.length === 0 ? 'none' : group.tags.join(', ')],
      ]}
    />
  );
}

const SPANS: readonly (readonly [string, number])[] = [
  ['1 hour', 3_600],
  ['1 day', 86_400],
  ['7 days', 604_800],
  ['30 days', 2_592_000],
  ['90 days', 7_776_000],
];

interface AskProps {
  what: 'mute' | 'assign' | 'comment';
  group: Group;
  onClose: () => void;
  onDone: (said: string, group?: Group) => void;
}

const TITLES = { mute: 'Mute these alerts?', assign: 'Who looks after it?', comment: 'What is there to say?' };

function Ask({ what, group, onClose, onDone }: AskProps) {
  const id = useId();
  const [text, setText] = useState(what === 'assign' ? group.assignee : '');
  const [seconds, setSeconds] = useState(86_400);
  const [only, setOnly] = useState(true);
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      if (what === 'mute') {
        const of = only ? { fingerprint: group.fingerprint } : { agent_id: group.agent_id };
        await api.post('/api/mutes', { body: { ...of, reason: text, seconds } });
        onDone('Muted; it is counted all the same.');
      } else {
        const body = what === 'assign' ? { assignee: text } : { comment: text };
        const after = await api.patch('/api/alert-groups/{id}', { path: { id: group.id }, body: { version: group.version, ...body } });
        onDone(what === 'assign' ? (text === '' ? 'Nobody looks after it.' : `${text} looks after it.`) : 'Written down.', after);
      }
    } catch (error) {
      setProblem(explain(error));
      setBusy(false);
    }
  };

  return (
    <Dialog title={TITLES[what]} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        {what === 'mute' && (
          <>
            <p>People are not told of them until then. Decisions and responses stay as they are.</p>
            <label htmlFor={`${id}-of`}>Which</label>
            <select id={`${id}-of`} value={only ? 'group' : 'agent'} onChange={(event) => setOnly(event.target.value === 'group')}>
              <option value="group">This agent for this cause</option>
              {group.agent_id !== '' && <option value="agent">Everything of this agent</option>}
            </select>
            <label htmlFor={`${id}-for`}>For</label>
            <select id={`${id}-for`} value={seconds} onChange={(event) => setSeconds(Number(event.target.value))}>
              {SPANS.map(([name, value]) => (
                <option key={value} value={value}>
                  {name}
                </option>
              ))}
            </select>
          </>
        )}
        <label htmlFor={id}>{what === 'mute' ? 'Reason' : what === 'assign' ? 'Person; nobody when empty' : 'Comment'}</label>
        <input
          id={id}
          data-first
          required={what !== 'assign'}
          maxLength={what === 'assign' ? 64 : 1_000}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <p className="said" role="alert">
          {problem}
        </p>
        <p className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={busy}>
            {what === 'mute' ? 'Mute' : what === 'assign' ? 'Assign' : 'Write down'}
          </button>
        </p>
      </form>
    </Dialog>
  );
}
