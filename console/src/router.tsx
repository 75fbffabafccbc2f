// Addresses: every screen, every open thing and every frame has one.

import { useCallback, useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent } from 'react';

type Listener = () => void;
const listeners = new Set<Listener>();
const tell = () => listeners.forEach((l) => l());

if (typeof window !== 'undefined') window.addEventListener('popstate', tell);

function subscribe(listener: Listener) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export function go(to: string, replace = false): void {
  if (to === location.pathname + location.search) return;
  if (replace) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  tell();
}

export interface Place {
  /** The parts of the path, decoded. */
  parts: string[];
  query: URLSearchParams;
}

/** The parts of a path, decoded; what cannot be decoded stays as it is. */
export function partsOf(path: string): string[] {
  return path
    .split('/')
    .filter((p) => p !== '')
    .map((p) => {
      try {
        return decodeURIComponent(p);
      } catch {
        return p;
      }
    });
}

export function usePlace(): Place {
  const href = useSyncExternalStore(subscribe, () => location.pathname + location.search);
  const at = href.indexOf('?');
  return {
    parts: partsOf(at < 0 ? href : href.slice(0, at)),
    query: new URLSearchParams(at < 0 ? '' : href.slice(at)),
  };
}

/** The address of a thing; ids come from agents, so each part is encoded. */
export function to(...parts: (string | number)[]): string {
  return `/${parts.map((p) => encodeURIComponent(String(p))).join('/')}`;
}

export function Link({ href, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const onClick = useCallback(
    (event: MouseEvent<HTMLAnchorElement>) => {
      if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      go(href);
    },
    [href],
  );
  return <a href={href} onClick={onClick} {...rest} />;
}
