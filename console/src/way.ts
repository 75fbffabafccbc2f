// How somebody signed in last on this device: with a key or with a login. It says nothing of who.

const NAME = 'interlock.sign-in';

export type Way = 'key' | 'login';

export function lastWay(): Way {
  try {
    return localStorage.getItem(NAME) === 'login' ? 'login' : 'key';
  } catch {
    return 'key';
  }
}

export function rememberWay(way: Way) {
  try {
    if (way === 'login') localStorage.setItem(NAME, way);
    else localStorage.removeItem(NAME);
  } catch {
    // Storage is switched off: the next time begins with a key.
  }
}
