// The key with which this tab asks. It is kept for the tab alone and goes with it; it is never in an
// address, a cookie or the storage that outlives the tab.

const NAME = 'interlock.key';

type Listener = () => void;
const listeners = new Set<Listener>();

let key: string | null = read();
let why: string | null = null;

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
  /** Why the person has to sign in again, or null. */
  get why() {
    return why;
  },
  begin(next: string) {
    key = next;
    why = null;
    try {
      sessionStorage.setItem(NAME, next);
    } catch {
      // As above.
    }
    listeners.forEach((l) => l());
  },
  end(reason: string | null = null) {
    if (key === null && why === reason) return;
    key = null;
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
