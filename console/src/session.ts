// Who asks: a key, or a session that the server keeps. A key is kept for the tab alone and goes with it;
// it is never in an address, a cookie or the storage that outlives the tab. A session is in a cookie that
// no script can read: whether there is one, only the server can say.

const NAME = 'interlock.key';

type Listener = () => void;
const listeners = new Set<Listener>();

let key: string | null = read();
let why: string | null = null;
/** Whether the server knows this browser by its cookie; null until it was asked. */
let cookie: boolean | null = key === null ? null : false;
/** The id of the session that this page takes itself to have, once the server said it; no secret. */
let id: string | null = null;
/** Counts sessions, so that what was said of the last one is not taken for news of the next. */
let round = 0;

function read(): string | null {
  try {
    return sessionStorage.getItem(NAME);
  } catch {
    return null; // Storage is switched off: the key lives in memory alone.
  }
}

export const session = {
  get key() {
    return key;
  },
  get cookie() {
    return cookie;
  },
  /** Changes with whoever is signed in; null when nobody is. */
  get mark(): string | null {
    if (key !== null) return `key ${key}`;
    return cookie === false ? null : `cookie ${round}`;
  },
  /** The id of the session in the cookie, as this page knows it. */
  get id() {
    return id;
  },
  /** Why the person has to sign in again, or null. */
  get why() {
    return why;
  },
  begin(next: string) {
    id = null;
    key = next;
    cookie = false;
    why = null;
    try {
      sessionStorage.setItem(NAME, next);
    } catch {
      // As above.
    }
    listeners.forEach((l) => l());
  },
  /** A person has signed in; the browser holds the session. */
  beginCookie(known: string | null = null) {
    id = known;
    key = null;
    cookie = true;
    why = null;
    listeners.forEach((l) => l());
  },
  /** The server said which session it is. */
  know(known: string) {
    id = known;
  },
  end(reason: string | null = null) {
    if (key === null && cookie === false && why === reason) return;
    id = null;
    key = null;
    cookie = false;
    round += 1;
    why = reason;
    try {
      sessionStorage.removeItem(NAME);
    } catch {
      // As above.
    }
    listeners.forEach((l) => l());
  },
  subscribe(listener: Listener) {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  },
};
