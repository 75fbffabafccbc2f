// Addresses: every screen, every open thing and every frame has one.

import { useCallback, useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent } from 'react';

type Listener = () => void;
const listeners = new Set<Listener>();
const tell = () => listeners.forEach((l) => l());

const inBar = () => location.pathname + location.search;

/** Where the page is. The address bar follows: browsers take only some hundred changes of it a minute. */
let current = typeof window === 'undefined' ? '/' : inBar();
let writing: ReturnType<typeof setTimeout> | undefined;
const WRITE_MS = 200;

function write(): void {
  clearTimeout(writing);
  writing = undefined;
  if (inBar() !== current) history.replaceState(null, '', current);
}

if (typeof window !== 'undefined') {
  window.addEventListener('popstate', () => {
    clearTimeout(writing);
    writing = undefined;
    current = inBar();
    tell();
  });
}

/** Where each list stood last, so that whoever comes back finds its filter. */
const lists = new Map<string, string>();

function remember(): void {
  const [path = ''] = current.split('?');
  if (/^\/[a-z]+$/.test(path)) lists.set(path, current);
}

/** The address of a list as it was left. */
export function back(list: string): string {
  return lists.get(list) ?? list;
}

function subscribe(listener: Listener) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export function go(to: string, replace = false): void {
  if (to === current) return;
  remember();
  if (replace) {
    current = to;
    writing ??= setTimeout(write, WRITE_MS);
  } else {
    // The place that is left keeps the address that it had last.
    write();
    current = to;
    history.pushState(null, '', to);
  }
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
  const href = useSyncExternalStore(subscribe, () => current);
  const at = href.indexOf('?');
  return {
    parts: partsOf(at < 0 ? href : href.slice(0, at)),
    query: new URLSearchParams(at < 0 ? '' : href.slice(at)),
  };
}

/** The current address with some parameters changed; null takes one away. */
export function withQuery(changes: Readonly<Record<string, string | number | null>>): string {
  const at = current.indexOf('?');
  const query = new URLSearchParams(at < 0 ? '' : current.slice(at));
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') query.delete(name);
    else query.set(name, String(value));
  }
  const text = query.toString();
  return (at < 0 ? current : current.slice(0, at)) + (text === '' ? '' : `?${text}`);
}

/** An address that keeps the filter of the current one. */
export function keepFilter(to: string): string {
  const q = new URLSearchParams(current.split('?')[1] ?? '').get('q');
  return q === null ? to : `${to}${to.includes('?') ? '&' : '?'}${new URLSearchParams({ q }).toString()}`;
}

/** The filter of the screen, which the address holds, so that a link, going back and another tab keep it. */
export function useFilterText(): [string, (text: string) => void] {
  const { query } = usePlace();
  return [query.get('q') ?? '', useCallback((text: string) => go(withQuery({ q: text }), true), [])];
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
