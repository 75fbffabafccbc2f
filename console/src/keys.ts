// Keys that do something on a screen. They are silent while somebody types and while a dialog is
// open, so that a letter in a reason never approves anything.

import { useLayoutEffect, useRef } from 'react';

export type Bindings = Readonly<Record<string, (event: KeyboardEvent) => void>>;

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target instanceof HTMLInputElement)
  );
}

/** Enter and the space bar belong to the control that has the focus. */
function isControl(target: EventTarget | null): boolean {
  return target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement || (target instanceof HTMLElement && target.tagName === 'SUMMARY');
}

export function useKeys(bindings: Bindings, enabled = true): void {
  const latest = useRef(bindings);
  latest.current = bindings;
  // Before it is painted: a key that is shown works.
  useLayoutEffect(() => {
    if (!enabled) return undefined;
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
      // A key that is held down decides nothing.
      if (event.repeat && !event.key.startsWith('Arrow') && event.key !== 'j' && event.key !== 'k') return;
      if (isTyping(event.target) || document.querySelector('dialog[open]')) return;
      if ((event.key === 'Enter' || event.key === ' ') && isControl(event.target)) return;
      const act = latest.current[event.key];
      if (act) {
        event.preventDefault();
        act(event);
      }
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, [enabled]);
}
