// Light, dark, or what the system has. Kept for this browser: it is no secret.

export type Theme = 'auto' | 'light' | 'dark';

const NAME = 'interlock.theme';

export function theme(): Theme {
  try {
    const kept = localStorage.getItem(NAME);
    return kept === 'light' || kept === 'dark' ? kept : 'auto';
  } catch {
    return 'auto';
  }
}

export function applyTheme(next?: Theme): void {
  const chosen = next ?? theme();
  if (next !== undefined) {
    try {
      localStorage.setItem(NAME, next);
    } catch {
      // Storage is switched off: it holds until the page is left.
    }
  }
  if (chosen === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = chosen;
}
