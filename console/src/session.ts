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
  /** Why the person has to sign in again, or null. */
  get why() {
    return why;
  },
  begin(next: string) {
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
  beginCookie() {
    key = null;
    cookie = true;
    why = null;
    listeners.forEach((l) => l());
  },
  end(reason: string | null = null) {
    if (key === null && cookie === false && why === reason) return;
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
