// The frame around every screen: who is signed in, where one can go, what stops everything.

import { useEffect, useMemo, useRef, useState, useSyncExternalStore, type ReactNode } from 'react';
import { api, explain } from './api/client';
import { useQuery } from './api/query';
import { useKeys } from './keys';
import { Dialog } from './parts/Dialog';
import { KillBanner } from './parts/KillSwitch';
import { Outbox } from './parts/Outbox';
import { Palette, type Command } from './parts/Palette';
import { Problem } from './parts/show';
import { Untrusted } from './hostile/Untrusted';
import { Link, go, usePlace } from './router';
import { Actions } from './screens/Actions';
import { Agents } from './screens/Agents';
import { Alerts } from './screens/Alerts';
import { Approvals } from './screens/Approvals';
import { Audit } from './screens/Audit';
import { Budgets } from './screens/Budgets';
import { Join } from './screens/Join';
import { Now } from './screens/Now';
import { OpenFile } from './screens/OpenFile';
import { Policies } from './screens/Policies';
import { Replay } from './screens/Replay';
import { RunDiff } from './screens/RunDiff';
import { Runs } from './screens/Runs';
import { Settings } from './screens/Settings';
import { WhatIf } from './screens/WhatIf';
import { SignIn } from './screens/SignIn';
import { session } from './session';
import { applyTheme } from './theme';
import { WhoContext, type Who } from './who';

interface Screen {
  path: string;
  name: string;
  /** `g` and this letter go there. */
  letter: string;
  render: (parts: string[], query: URLSearchParams) => ReactNode;
}

export const SCREENS: readonly Screen[] = [
  { path: '', name: 'Now', letter: 'n', render: () => <Now /> },
  { path: 'approvals', name: 'Approvals', letter: 'a', render: (parts, query) => <Approvals id={parts[1] ?? null} show={query.get('show')} /> },
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
  { path: 'budgets', name: 'Budgets', letter: 'b', render: () => <Budgets /> },
  { path: 'policies', name: 'Policies', letter: 'p', render: (parts, query) => <Policies name={parts[1] ?? null} tried={query.get('what-if') !== null} /> },
  { path: 'what-if', name: 'What if', letter: 'w', render: (parts, query) => <WhatIf key={parts[1] ?? ''} name={parts[1] ?? null} run={query.get('run')} /> },
  { path: 'alerts', name: 'Alerts', letter: 'l', render: (parts) => <Alerts id={parts[1] ?? null} /> },
  { path: 'audit', name: 'Audit', letter: 'u', render: (parts) => <Audit seq={parts[1] ?? null} /> },
  { path: 'open', name: 'Open file', letter: 'o', render: () => <OpenFile /> },
  { path: 'settings', name: 'Settings', letter: 's', render: () => <Settings /> },
];

/** Where, and what its keys do. What stands under the name of a screen is in its palette too. */
const HELP: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  [
    'Everywhere',
    [
      ['?', 'this help'],
      ['Ctrl K', 'all commands'],
      ['/', 'to the filter'],
      ['u, U', 'take an answer back, send it now'],
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
      ['d, r', 'deny and say why'],
      ['e', 'edit the arguments, and approve'],
      ['s', 'approve for a while'],
      ['o', 'open the run'],
      ['x', 'choose for a batch'],
      ['J', 'choose, and go down'],
      ['X', 'choose all that is listed, or none'],
      ['A', 'approve the chosen ones'],
      ['D', 'deny the chosen ones'],
    ],
  ],
  [
    'Budgets',
    [
      ['n', 'a new budget'],
      ['e', 'edit the budget'],
      ['x', 'remove the budget'],
    ],
  ],
  [
    'Alerts',
    [
      ['a, r', 'acknowledge, resolve'],
      ['A', 'say who looks after it'],
      ['m, c', 'mute, comment'],
      ['n, e, x', 'a new rule of responses, change it, take it away'],
      ['J, K', 'down, up in the rules'],
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

/** As if somebody had pressed it. */
function press(name: string): void {
  const key = name === '\u2192' ? 'ArrowRight' : name === '\u2190' ? 'ArrowLeft' : name;
  document.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
}

/** What can be done on a screen: where one can go, and what its keys do. */
export function commandsOf(screen: Screen | undefined, open: { help: () => void; out: () => void }): Command[] {
  const here = HELP.filter(([where]) => where === screen?.name || (screen?.path === 'runs' && where === 'Replay')).flatMap(([, keys]) => keys);
  return [
    ...here.flatMap(([keys, does]) => {
      // `d, r` are two ways to do one thing, `b, B` two things.
      const [names, words] = [keys.split(', '), does.split(', ')];
      return names.length > 1 && words.length === names.length
        ? names.map((key, i) => ({ name: `${screen?.name}: ${words[i] ?? does}`, keys: key, run: () => press(key) }))
        : [{ name: `${screen?.name}: ${does}`, keys, run: () => press(names[0] ?? keys) }];
    }),
    ...SCREENS.map((s) => ({ name: `Go to ${s.name}`, keys: `g ${s.letter}`, run: () => go(`/${s.path}`) })),
    { name: 'Approvals for a while', keys: '', run: () => go('/approvals?show=rules') },
    { name: 'All approvals', keys: '', run: () => go('/approvals?show=all') },
    { name: 'To the filter', keys: '/', run: () => press('/') },
    { name: 'Take the last answer back', keys: 'u', run: () => press('u') },
    { name: 'Send the answers now', keys: 'U', run: () => press('U') },
    { name: 'Shortcuts', keys: '?', run: open.help },
    { name: 'Light colours', keys: '', run: () => applyTheme('light') },
    { name: 'Dark colours', keys: '', run: () => applyTheme('dark') },
    { name: 'Colours of the system', keys: '', run: () => applyTheme('auto') },
    { name: 'Sign out', keys: '', run: open.out },
  ];
}

/** Milliseconds in which the letter after `g` has to come. */
const CHORD_MS = 1_500;

function Frame({ who }: { who: Who }) {
  const place = usePlace();
  const [help, setHelp] = useState(false);
  const [palette, setPalette] = useState(false);
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
      if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        // Not over a question: it would hide what is asked.
        if (!document.querySelector('dialog[open]')) setPalette(true);
        return;
      }
      const target = event.target instanceof HTMLElement ? event.target : null;
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

  const commands = useMemo(() => commandsOf(screen, { help: () => setHelp(true), out: () => void signOut(who) }), [screen, who]);
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
          <button type="button" onClick={() => setPalette(true)}>
            Commands <kbd>Ctrl K</kbd>
          </button>
          <button type="button" onClick={() => setHelp(true)}>
            Shortcuts <kbd>?</kbd>
          </button>
          <button type="button" onClick={() => void signOut(who)}>
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
              Role {who.role} reads nothing here. Sign in with one of role approver, policy_author, auditor or
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
      <Outbox />
      {help && <Help onClose={() => setHelp(false)} />}
      {palette && <Palette commands={commands} onClose={() => setPalette(false)} />}
    </div>
  );
}

/** A session ends at the server; a key is only forgotten. */
async function signOut(who: Who) {
  if (who.session) {
    try {
      await api.delete('/api/session');
    } catch (error) {
      session.end(`You are signed out here only: ${explain(error)}`);
      return;
    }
  }
  session.end();
}

export function App() {
  const mark = useSyncExternalStore(session.subscribe, () => session.mark);
  const place = usePlace();
  const joins = place.parts[0] === 'join';
  const who = useQuery(mark === null || joins ? null : `whoami ${mark}`, async () => {
    const key = session.key;
    const found = await api.whoami(key);
    if (key === null && session.cookie === null) session.beginCookie(found.key_id);
    else if (key === null) session.know(found.key_id);
    return found;
  });
  useEffect(() => {
    const refused = who.error as { status?: number } | null;
    if (refused?.status !== 401) return;
    // Nobody was signed in yet.
    if (session.key === null && session.cookie === null) session.end();
    else session.end(session.key === null ? 'The session is over: it ran out, or was ended.' : 'The server does not accept this key any more.');
  }, [who.error]);
  if (joins) return <Join />;
  // A file is read without a server, and so without a key.
  if (mark === null && place.parts[0] === 'open') {
    return (
      <main id="main" className="alone">
        <OpenFile />
        <p>
          <Link href="/">Sign in</Link>
        </p>
      </main>
    );
  }
  if (mark === null) return <SignIn />;
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
