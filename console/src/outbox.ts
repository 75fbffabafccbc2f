// Answers on their way. Each waits a moment before it is sent, and can be taken back meanwhile. What did
// not leave when the page goes, when somebody signs out or when the computer slept is not sent: an agent that
// waits longer does no harm, an answer that nobody meant any more does.

import { session } from './session';

/** Milliseconds in which an answer can be taken back. */
export const UNDO_MS = 5_000;
/** A timer that fires later than this after its time slept with the computer. */
const SLEPT_MS = 10_000;
/** Answers that are over and still shown. */
const OVER_MAX = 20;

export interface Said {
  good: boolean;
  text: string;
  /** What became of each of many. */
  each?: readonly { about: string; good: boolean; text: string }[];
}

export interface Outgoing {
  id: number;
  /** The approvals that it answers. */
  about: readonly string[];
  /** What it does, in words of our own. */
  what: string;
  /** When it leaves, in milliseconds. */
  due: number;
  state: 'waiting' | 'sending' | 'said';
  said: Said | null;
}

interface Held {
  shown: Outgoing;
  send: () => Promise<Said>;
  timer: ReturnType<typeof setTimeout> | undefined;
}

type Listener = () => void;
const listeners = new Set<Listener>();
let held: Held[] = [];
let shown: readonly Outgoing[] = [];
let next = 1;

function tell(): void {
  shown = held.map((h) => h.shown);
  listeners.forEach((l) => l());
}

function change(item: Held, to: Partial<Outgoing>): void {
  item.shown = { ...item.shown, ...to };
  const over = held.filter((h) => h.shown.state === 'said');
  if (over.length > OVER_MAX) held = held.filter((h) => h !== over[0]);
  tell();
}

async function send(item: Held): Promise<void> {
  if (item.shown.state !== 'waiting') return;
  clearTimeout(item.timer);
  change(item, { state: 'sending' });
  let said: Said;
  try {
    said = await item.send();
  } catch (error) {
    said = { good: false, text: error instanceof Error ? error.message : 'something went wrong' };
  }
  change(item, { state: 'said', said });
}

function late(item: Held): void {
  if (Date.now() - item.shown.due > SLEPT_MS) {
    change(item, { state: 'said', said: { good: false, text: 'Not sent: this page slept meanwhile. Look again before you answer.' } });
  } else {
    void send(item);
  }
}

export const outbox = {
  /** What waits, what is on its way and what became of it, the oldest first. */
  all: (): readonly Outgoing[] => shown,
  subscribe(listener: Listener) {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  },
  /** Sends after a moment. An older answer about the same, that is over, is forgotten. */
  put(what: string, about: readonly string[], work: () => Promise<Said>, wait = UNDO_MS): void {
    held = held.filter((h) => h.shown.state !== 'said' || !h.shown.about.some((id) => about.includes(id)));
    const item: Held = {
      shown: { id: next, about, what, due: Date.now() + wait, state: 'waiting', said: null },
      send: work,
      timer: undefined,
    };
    next += 1;
    item.timer = setTimeout(() => late(item), wait);
    held = [...held, item];
    tell();
  },
  /** Takes back the newest that waits, or the one of this id; what it was, or null. */
  undo(id?: number): Outgoing | null {
    const item = [...held].reverse().find((h) => h.shown.state === 'waiting' && (id === undefined || h.shown.id === id));
    if (!item) return null;
    clearTimeout(item.timer);
    held = held.filter((h) => h !== item);
    tell();
    return item.shown;
  },
  /** Sends what waits, now. */
  flush(id?: number): void {
    for (const item of held) if (id === undefined || item.shown.id === id) void send(item);
  },
  /** Forgets what is over. */
  dismiss(id: number): void {
    held = held.filter((h) => h.shown.id !== id || h.shown.state !== 'said');
    tell();
  },
  /** Nothing that waits is sent. */
  drop(): void {
    held.forEach((h) => clearTimeout(h.timer));
    held = [];
    tell();
  },
};

session.subscribe(() => {
  if (session.mark === null) outbox.drop();
});

if (typeof window !== 'undefined') {
  window.addEventListener('beforeunload', (event) => {
    if (shown.some((o) => o.state === 'waiting')) event.preventDefault();
  });
}
