// The frame around every screen: who is signed in, where one can go, what stops everything.

import { useEffect, useMemo, useRef, useState, useSyncExternalStore, type ReactNode } from 'react';
import { api } from './api/client';
import { useQuery } from './api/query';
import { useKeys } from './keys';
import { Dialog } from './parts/Dialog';
import { KillBanner } from './parts/KillSwitch';
import { Problem } from './parts/show';
import { Untrusted } from './hostile/Untrusted';
import { Link, go, usePlace } from './router';
import { Actions } from './screens/Actions';
import { Agents } from './screens/Agents';
import { Alerts } from './screens/Alerts';
import { Approvals } from './screens/Approvals';
import { Audit } from './screens/Audit';
import { Now } from './screens/Now';
import { Policies } from './screens/Policies';
import { Replay } from './screens/Replay';
import { RunDiff } from './screens/RunDiff';
import { Runs } from './screens/Runs';
import { Settings } from './screens/Settings';
import { SignIn } from './screens/SignIn';
import { session } from './session';
import { WhoContext, type Who } from './who';

interface Screen {
  path: string;
  name: string;
  /** `g` and this letter go there. */
  letter: string;
  render: (parts: string[], query: URLSearchParams) => ReactNode;
}

const SCREENS: readonly Screen[] = [
  { path: '', name: 'Now', letter: 'n', render: () => <Now /> },
  { path: 'approvals', name: 'Approvals', letter: 'a', render: (parts) => <Approvals id={parts[1] ?? null} /> },
  { path: 'actions', name: 'Actions', letter: 'f', render: () => <Actions /> },
  {
    path: 'runs',
    name: 'Runs',
    letter: 'r',
    render: (parts, query) =>
      parts[1] === undefined ? (
        <Runs />
      ) : parts[2] === 'diff' ? (
        <RunDiff key={parts.join('/')} a={parts[1]} b={parts[3] ?? null} />
      ) : (
        <Replay key={parts[1]} run={parts[1]} frame={query.get('frame')} />
      ),
  },
  { path: 'agents', name: 'Agents', letter: 'g', render: (parts) => <Agents id={parts[1] ?? null} /> },
  { path: 'policies', name: 'Policies', letter: 'p', render: (parts) => <Policies name={parts[1] ?? null} /> },
  { path: 'alerts', name: 'Alerts', letter: 'l', render: () => <Alerts /> },
  { path: 'audit', name: 'Audit', letter: 'u', render: (parts) => <Audit seq={parts[1] ?? null} /> },
  { path: 'settings', name: 'Settings', letter: 's', render: () => <Settings /> },
];

const HELP: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  [
    'Everywhere',
    [
      ['?', 'this help'],
      ['/', 'to the filter'],
      ...SCREENS.map((s) => [`g ${s.letter}`, s.name] as const),
    ],
  ],
  [
    'Lists',
    [
      ['j, k', 'down, up'],
      ['Enter', 'open'],
      ['Escape', 'back'],
    ],
  ],
  [
    'Approvals',
    [
      ['a', 'approve'],
      ['d', 'deny, with a reason'],
      ['o', 'open the run'],
    ],
  ],
  [
    'Replay',
    [
      ['\u2192, \u2190', 'next, previous frame'],
      ['b, B', 'next, previous block'],
      ['Home, End', 'first, last frame'],
      ['v', 'verify the record'],
      ['c', 'copy the address of the frame'],
      ['d', 'compare with another run'],
    ],
  ],
];

function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Shortcuts" onClose={onClose}>
      <div className="help">
        {HELP.map(([where, keys]) => (
          <section key={where}>
            <h3>{where}</h3>
            <dl>
              {keys.map(([key, does]) => (
                <div key={key}>
                  <dt>
                    <kbd>{key}</kbd>
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p className="actions">
        <button type="button" onClick={onClose} data-first>
          Close
        </button>
      </p>
    </Dialog>
  );
}

/** Milliseconds in which the letter after `g` has to come. */
const CHORD_MS = 1_500;

function Frame({ who }: { who: Who }) {
  const place = usePlace();
  const [help, setHelp] = useState(false);
  const main = useRef<HTMLElement>(null);
  const chord = useRef(0);
  const reads = who.may.includes('read');
  const stats = useQuery(reads ? 'stats' : null, (signal) => api.get('/api/stats', { signal }), 3_000);
  const first = place.parts[0] ?? '';
  const screen = SCREENS.find((s) => s.path === first);

  useEffect(() => {
    document.title = `${screen?.name ?? 'Not found'} \u00b7 Interlock`;
  }, [screen]);

  // After a change of the screen the focus is where the screen begins.
  const shown = useRef(first);
  useEffect(() => {
    if (shown.current !== first) main.current?.focus();
    shown.current = first;
  }, [first]);

  const chords = useMemo(() => {
    const inChord = () => Date.now() - chord.current < CHORD_MS;
    return {
      inChord,
      to: (letter: string) => {
        const found = SCREENS.find((s) => s.letter === letter);
        if (found && inChord()) {
          chord.current = 0;
          go(`/${found.path}`);
          return true;
        }
        return false;
      },
    };
  }, []);

  useEffect(() => {
    // Before the screens' own keys: `g a` goes to the approvals and approves nothing.
    const pressed = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement | null;
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (target?.closest('input, textarea, select, dialog') || document.querySelector('dialog[open]')) return;
      if (chords.to(event.key)) {
        event.preventDefault();
        event.stopPropagation();
      } else if (event.key === 'g') {
        chord.current = Date.now();
        event.stopPropagation();
      }
    };
    window.addEventListener('keydown', pressed, true);
    return () => window.removeEventListener('keydown', pressed, true);
  }, [chords]);

  useKeys({
    '?': () => setHelp(true),
    '/': () => document.querySelector<HTMLInputElement>('[data-filter]')?.focus(),
  });

  const badge: Readonly<Record<string, number | undefined>> = {
    approvals: stats.data?.approvals_pending,
    alerts: stats.data?.alerts_open,
  };
  return (
    <div className="frame">
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>
        Skip to the screen
      </a>
      <nav aria-label="Screens">
        <Link href="/" className="brand" aria-label="Interlock, Now">
          Interlock
        </Link>
        <ul>
          {SCREENS.map((s) => (
            <li key={s.path}>
              <Link href={`/${s.path}`} {...(s.path === first ? { 'aria-current': 'page' as const } : {})}>
                {s.name}
                <span className="badge" {...(badge[s.path] ? {} : { hidden: true })}>
                  {badge[s.path]}
                  <span className="sr"> open</span>
                </span>
              </Link>
            </li>
          ))}
        </ul>
        <div className="who">
          <span className="who-name">
            <Untrusted text={who.subject} oneLine />
          </span>
          <span className="who-role">{who.role}</span>
          <button type="button" onClick={() => setHelp(true)}>
            Shortcuts
          </button>
          <button type="button" onClick={() => session.end()}>
            Sign out
          </button>
        </div>
      </nav>
      <main id="main" ref={main} tabIndex={-1}>
        {reads && <KillBanner />}
        {stats.data?.policy_stale_since && (
          <div className="problem" role="alert">
            <span>The newest policies do not compile; what was in force before still is.</span>
            <Untrusted text={stats.data.policy_problem} block />
          </div>
        )}
        {!reads ? (
          <section className="panel">
            <h1>Nothing to see with this key</h1>
            <p>
              A key of role {who.role} reads nothing here. Sign in with one of role approver, policy_author, auditor or
              admin.
            </p>
          </section>
        ) : screen ? (
          screen.render(place.parts, place.query)
        ) : (
          <section className="panel">
            <h1>There is no such screen</h1>
            <p>
              <Link href="/">To what happens now</Link>
            </p>
          </section>
        )}
      </main>
      {help && <Help onClose={() => setHelp(false)} />}
    </div>
  );
}

export function App() {
  const key = useSyncExternalStore(session.subscribe, () => session.key);
  const who = useQuery(key === null ? null : `whoami ${key}`, () => api.whoami(key ?? ''));
  useEffect(() => {
    const refused = who.error as { status?: number } | null;
    if (refused?.status === 401) session.end('The server does not accept this key any more.');
  }, [who.error]);
  if (key === null) return <SignIn />;
  if (!who.data) {
    return (
      <main className="sign-in" aria-busy={who.error === null}>
        <Problem error={who.error} retry={who.refresh} />
      </main>
    );
  }
  return (
    <WhoContext value={who.data}>
      <Frame who={who.data} />
    </WhoContext>
  );
}
